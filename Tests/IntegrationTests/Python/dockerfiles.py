"""Builds the corpus of Dockerfiles by `bulkhead build`: what must succeed does and makes the image that was compared with
docker's and buildah's (Dockerfiles/compare), what must fail says why."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import corpus
from checks import check, main

CLIENT = os.environ["CLIENT"]
FOLDER = tempfile.TemporaryDirectory(prefix="dockerfiles-", dir=os.environ["SCRATCH"])
CONTEXT = corpus.make_context(FOLDER.name)
EXPECTED = json.loads((corpus.FOLDER / "expected.json").read_text(encoding="ascii"))


def bulkhead(*arguments):
    subprocess.run([CLIENT, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=120, check=True)


def saved(name):
    path = pathlib.Path(FOLDER.name, "saved.tar")
    bulkhead("save", "--output", path, name)
    try:
        return corpus.Image(path)
    finally:
        path.unlink()


bulkhead("image", "bootstrap", "busybox", "--tag", "corpus-base:latest")
BASE = saved("corpus-base:latest")


def build(case):
    command = [CLIENT, "build", "--progress", "plain", "--tag", f"corpus/{case.name}", "--file", str(case.path)]
    command += case.options() + case.secret_options(FOLDER.name) + [str(CONTEXT)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, check=False)


def register(case):
    @check(f"corpus: {case.name}", lacking="it has no bulkhead build")
    def run():
        done = build(case)
        for _, secret in case.secrets:
            if secret in done.stdout:
                raise AssertionError("the secret is in the output")
        if case.fails is None:
            if done.returncode != 0:
                raise AssertionError(done.stdout[-600:])
            if case.name in EXPECTED and saved(f"corpus/{case.name}").summary(BASE) != EXPECTED[case.name]:
                raise AssertionError("it is another image than the one compared with docker's: see 'make compare-dockerfiles'")
            bulkhead("rmi", f"corpus/{case.name}")
        elif done.returncode == 0:
            raise AssertionError("it was built")
        elif case.fails not in done.stdout:
            raise AssertionError(f"expected '{case.fails}' in: {done.stdout[-600:]}")


for one in corpus.cases():
    register(one)
if __name__ == "__main__":
    main()
    FOLDER.cleanup()
    sys.exit(0)
