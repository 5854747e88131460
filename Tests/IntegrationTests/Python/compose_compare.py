#!/usr/bin/env python3
"""Runs each compose file of ComposeFiles with `bulkhead compose` and with Debian's docker-compose, and compares what they make.

Usage: compose_compare.py [--programs .build/debug] [CASE…]

For each file: `up -d`, a look at everything that is there then, `up -d` again (ours: nothing may change), `down -v` (nothing may be
left). Where a file has to be refused, both have to, ours with the place. What differs has to be explained in differences.txt.
The cases of the room Compose are read by both, too. Without DOCKER_HOST an engine of its own is started from --programs; with it
the script is one of the tests' and takes every third file.
"""

import argparse
import concurrent.futures
import contextlib
import fnmatch
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

import docker

import checks
from compose_files import FOLDER, Project, aspect, cases, filters, flat
from compose_written import faults_of, written

SECONDS = 120
AT_ONCE = 4
SHARE_OF_TESTS = 3


class Peer:
    """docker-compose, kept ready by compose_peer.py."""

    def __init__(self, folder):
        self.path = f"{folder}/peer.sock"
        with open(shutil.which("docker-compose"), encoding="utf-8") as program:
            interpreter = program.readline().removeprefix("#!").split()
        script = pathlib.Path(__file__).with_name("compose_peer.py")
        # -P: a script beside it has the name of docker-compose's own package.
        self.process = subprocess.Popen([*interpreter, "-P", script, self.path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise RuntimeError("docker-compose could not be loaded")

    def run(self, arguments, folder, environment):
        request = {"folder": str(folder), "arguments": arguments, "environment": environment}
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(SECONDS)
            connection.connect(self.path)
            connection.sendall(json.dumps(request).encode())
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode("utf-8", "replace")
        status, _, output = answer.partition("\n")
        return int(status), output

    def close(self):
        # It keeps nothing that has to be put away.
        self.process.kill()
        self.process.wait()


class Ours:
    def __init__(self, client):
        self.client = client

    def run(self, arguments, folder, environment):
        return bulkhead(self.client, ["compose", *arguments], folder, environment)


def bulkhead(client, arguments, folder, environment, errors=subprocess.STDOUT):
    done = subprocess.run([client, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=errors, timeout=SECONDS, check=False)
    told = [part.decode("utf-8", "replace") for part in (done.stdout, done.stderr) if part is not None]
    return done.returncode, *told


class Explanations:
    """differences.txt: CASE | ASPECT | REASON, patterns but the last."""

    def __init__(self):
        self.lines, self.used, self.lock = [], set(), threading.Lock()
        for line in (FOLDER / "differences.txt").read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                self.lines.append([part.strip() for part in line.split("|", 2)])

    def explain(self, case, place):
        for index, (name, pattern, _) in enumerate(self.lines):
            if fnmatch.fnmatchcase(case, name) and fnmatch.fnmatchcase(place, pattern):
                with self.lock:
                    self.used.add(index)
                return True
        return False

    def unused(self):
        return [" | ".join(line) for index, line in enumerate(self.lines) if index not in self.used]


class Comparison:
    def __init__(self, client, folder):
        self.client, self.folder = client, folder
        self.host = os.environ["DOCKER_HOST"]
        self.ours, self.peer, self.known = Ours(client), Peer(folder), Explanations()
        self.local = threading.local()
        self.seconds = {"ours": 0.0, "theirs": 0.0, "looking": 0.0}

    @property
    def api(self):
        if not hasattr(self.local, "api"):
            self.local.api = docker.APIClient(base_url=self.host, version="1.44", timeout=SECONDS)
        return self.local.api

    def environment(self, case):
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "BULKHEAD_HOST": self.host, "DOCKER_HOST": self.host,
                "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0", **(case.environment if case else {})}

    def reads(self, case):
        """Every fault of a case of the room Compose, for which nothing is run."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            return faults_of(
                case, pathlib.Path(folder).resolve(),
                lambda arguments, place, environment: bulkhead(
                    self.client, ["compose", *arguments], place, environment, subprocess.PIPE),
                lambda arguments, place, environment: (*self.peer.run(arguments, place, environment), ""),
                self.environment(None), lambda case: self.known.explain(case.title, "read"))

    def holds(self, case):
        """Every fault of a case as a line of text."""
        faults = []
        seen = self._round(case, self.ours, faults)
        if not case.alone:
            theirs = self._round(case, self.peer, faults, seen[1] if seen else None)
            if seen and theirs:
                faults += self._differences(case, seen[0], theirs[0])
        if seen:
            tree = seen[0]
            faults += [f"{place}: {aspect(tree, place)!r} is not {value!r}" for place, value in case.expected
                       if aspect(tree, place) != value]
            faults += [f"order: {name}" for name, held in tree["order"].items() if held != "yes"]
        return faults

    def _differences(self, case, ours, theirs):
        mine, other = flat(ours), flat(theirs)
        places = [place for place in sorted(set(mine) | set(other)) if mine.get(place) != other.get(place)]
        return [f"{place}: {mine.get(place)!r} | docker-compose: {other.get(place)!r}" for place in places
                if not self.known.explain(case.name, place)]

    def _round(self, case, compose, faults, dependencies=None):
        """Brings the case up and takes it down again. What was seen as a tree, and what depends on what; None for an error."""
        is_ours = compose is self.ours
        who = "ours" if is_ours else "theirs"
        place = case.unfold(self.folder)
        environment = self.environment(case)

        def run(*arguments):
            start = time.monotonic()
            try:
                return compose.run([*case.options, *arguments], place, environment)
            finally:
                self.seconds[who] += time.monotonic() - start

        for command in case.before:
            bulkhead(self.client, command, place, environment)
        try:
            status, output = run("up", "-d", *case.up)
            if case.fails:
                self._refused(case, who, status, output, faults)
                return None
            if status != 0:
                faults.append(f"{who}: up ended with {status}: {output[-600:]}")
                return None
            faults += [f"no warning: {text}" for text in case.warnings if is_ours and text not in output]
            start = time.monotonic()
            project = Project(self.api, case, dependencies)
            tree = project.tree()
            self.seconds["looking"] += time.monotonic() - start
            if is_ours:
                status, output = run("up", "-d", *case.up)
                ended = {name for name, one in project.containers.items() if one["State"]["Status"] != "running"}
                before, after = project.ids(), Project(self.api, case).ids()
                if status or any(before[name] != after.get(name) for name in before.keys() - ended):
                    faults.append(f"up again is not idle ({status}): {before} became {after}: {output[-300:]}")
            return tree, project.dependencies
        finally:
            self._down(case, who, run, faults, place, environment)

    def _refused(self, case, who, status, output, faults):
        if status == 0:
            if who == "ours" or not self.known.explain(case.name, "outcome"):
                faults.append(f"{who}: was not refused: {output[-300:]}")
        elif who == "ours" and case.fails not in output:
            faults.append(f"'{case.fails}' is not in: {output[-600:]}")

    def _down(self, case, who, run, faults, place, environment):
        anonymous = Project(self.api, case).anonymous
        # What was refused at once left nothing; a file that cannot be read cannot be taken down either.
        if not case.fails or self._left(case.project, anonymous):
            status, output = run("down", "-v", "-t", "0", "--remove-orphans")
            left = self._left(case.project, anonymous)
            if left or status != 0:
                faults.append(f"{who}: down ended with {status}, left {left}: {output[-600:]}")
                self._clear(case.project, anonymous)
        for command in case.after:
            status, output = bulkhead(self.client, command, place, environment)
            if status != 0:
                faults.append(f"{who}: {command} ended with {status}: {output[-300:]}")

    def _clear(self, project, anonymous):
        """What one compose left is not the other's fault."""
        mine = filters(project)
        for one in self.api.containers(all=True, filters=mine):
            self.api.remove_container(one["Id"], force=True, v=True)
        for one in self.api.networks(filters=mine):
            self.api.remove_network(one["Id"])
        for name in {one["Name"] for one in self.api.volumes(filters=mine)["Volumes"] or []} | anonymous:
            with contextlib.suppress(docker.errors.NotFound):
                self.api.remove_volume(name)

    def _left(self, project, anonymous):
        mine = filters(project)
        left = [one["Names"][0] for one in self.api.containers(all=True, filters=mine)]
        left += [one["Name"] for one in self.api.networks(filters=mine)]
        left += [one["Name"] for one in self.api.volumes(filters=mine)["Volumes"] or []]
        if anonymous:
            left += sorted(anonymous & {one["Name"] for one in self.api.volumes()["Volumes"] or []})
        return left


def register(comparison, chosen, read, is_whole):
    """A check for each case, run or only read; they are worked on several at once."""
    pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
    start = time.monotonic()

    def add(name, future):
        @checks.check(f"compose file: {name}")
        def holds():
            faults = future.result()
            for fault in faults:
                print(f"  {name}: {fault}", flush=True)
            checks.equal(faults, [])

    for case in chosen:
        add(case.name, pool.submit(comparison.holds, case))
    for case in read:
        add(f"read only, {case.file}: {case.title}", pool.submit(comparison.reads, case))

    @checks.check("what differs from docker-compose is explained, and nothing else is")
    def explained():
        pool.shutdown()
        alone = sum(bool(case.alone) for case in chosen)
        refused = sum(bool(case.fails) for case in chosen)
        times = ", ".join(f"{name} {value:.0f} s" for name, value in comparison.seconds.items())
        print(f"# {len(chosen)} compose files, {len(chosen) - alone} with docker-compose too, {refused} of all refused; {len(read)} more only read: "
              f"{time.monotonic() - start:.0f} s ({AT_ONCE} at once; {times})", flush=True)
        if is_whole:
            checks.equal(comparison.known.unused(), [])


def compare(client, folder, names, share=1):
    chosen = [case for case in cases() if not names or case.name in names][::1 if names else share]
    comparison = Comparison(client, folder)
    try:
        register(comparison, chosen, [] if names else written(), not names and share == 1)
        return checks.main()
    finally:
        comparison.peer.close()


def alone(programs, names):
    """With an engine of its own."""
    from service import Engine
    with tempfile.TemporaryDirectory(prefix="bulkhead-compose-") as folder:
        os.chmod(folder, 0o755)
        engine = Engine(str(programs / "bulkheadd"), folder)
        try:
            os.environ["DOCKER_HOST"] = f"unix://{engine.socket}"
            client = str(programs / "bulkhead")
            bulkhead(client, ["--host", os.environ["DOCKER_HOST"], "image", "bootstrap", "busybox", "--tag", "busybox"], folder, os.environ)
            scratch = pathlib.Path(folder, "scratch")
            scratch.mkdir()
            return compare(client, scratch, names)
        finally:
            engine.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, default=FOLDER.parent.parent.parent / ".build/debug")
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if "DOCKER_HOST" not in os.environ:
        return 1 if alone(options.programs.resolve(), options.cases) else 0
    if checks.FOREIGN:
        print("done: bulkhead compose asks for what a dockerd does not have", flush=True)
        return 0
    with tempfile.TemporaryDirectory(prefix="files-", dir=os.environ["SCRATCH"]) as folder:
        return 1 if compare(os.environ["CLIENT"], pathlib.Path(folder), options.cases, SHARE_OF_TESTS) else 0


if __name__ == "__main__":
    sys.exit(main())
