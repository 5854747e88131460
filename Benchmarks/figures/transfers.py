"""Rows of images on their way: load, push, pull by an engine's client; copies by skopeo."""

import os
import shutil
import subprocess
import tempfile
import time

from figures import materials

TRANSFER_SECONDS = 180


def seconds(action):
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin


def _run(command, environment=None):
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=TRANSFER_SECONDS, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command[:6]))}: {done.stdout[-500:]}")


class EngineTransfers:
    """load, push and pull of one image through docker's client, the same for each engine; samples in seconds."""

    def __init__(self, engine, registry, docker_config):
        self.engine, self.registry = engine, registry
        self.environment = dict(os.environ, DOCKER_CONFIG=str(docker_config))

    def docker(self, *arguments):
        _run(["docker", "-H", f"unix://{self.engine.socket}", *arguments], self.environment)

    def forget(self, *names):
        for name in names:
            subprocess.run(["docker", "-H", f"unix://{self.engine.socket}", "rmi", "--force", name], check=False,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.docker("image", "prune", "--force")

    def load(self, name, archive):
        self.forget(name)
        os.sync()
        return seconds(lambda: self.docker("load", "--quiet", "--input", str(archive)))

    def push_and_pull(self, name, archive):
        """(load, push into an empty registry, pull with nothing local) in seconds."""
        self.registry.start()
        try:
            target = f"{self.registry.address}/{name}"
            loaded = self.load(name, archive)
            self.docker("tag", name, target)
            os.sync()
            pushed = seconds(lambda: self.docker("push", "--quiet", target))
            self.forget(name, target)
            os.sync()
            pulled = seconds(lambda: self.docker("pull", "--quiet", target))
            self.forget(target)
            return loaded, pushed, pulled
        finally:
            self.registry.stop()


def skopeo(registry, layout, name):
    """(push of an OCI layout whose layers are compressed, pull into an empty folder) by skopeo, in seconds."""
    program, environment = materials.program("skopeo")
    registry.start()
    scratch = tempfile.mkdtemp(prefix="bulkhead-bench-")
    try:
        target = f"docker://{registry.address}/{name}"
        flags = [*registry.skopeo_flags("dest")]
        os.sync()
        pushed = seconds(lambda: _run([*registry.enter, program, "--insecure-policy", "copy", "--quiet", *flags,
                                       f"oci:{layout}:1", target], environment))
        flags = [*registry.skopeo_flags("src")]
        os.sync()
        pulled = seconds(lambda: _run([*registry.enter, program, "--insecure-policy", "copy", "--quiet", *flags,
                                       target, f"dir:{scratch}/image"], environment))
        return pushed, pulled
    finally:
        shutil.rmtree(scratch)
        registry.stop()
