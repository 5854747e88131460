"""The builders that are measured: each makes a context into the image `bench/built`."""

import os
import pathlib
import shutil
import subprocess

from figures import materials

BUILT = "bench/built"
STEP_SECONDS = 120


class Builder:
    name = ""

    def prepare(self, base_archive):
        """Brings the base image."""
        raise NotImplementedError

    def forget(self):
        """Nothing of earlier builds is left: neither images nor caches."""
        raise NotImplementedError

    def build(self, folder, *, cached=True):
        raise NotImplementedError

    def close(self):
        pass

    def run(self, command, environment=None, check=True):
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=STEP_SECONDS, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command[:6]))}: {done.stdout[-500:]}")
        return done


class DockerBuilder(Builder):
    """docker.io's own client: 20.10 speaks the classic builder and BuildKit without a plug-in."""

    def __init__(self, engine, buildkit):
        self.name = "buildkit" if buildkit else "classic"
        self.engine, self.buildkit = engine, buildkit
        self.docker, environment = materials.program("docker")
        self.environment = dict(environment, DOCKER_BUILDKIT="1" if buildkit else "0")

    def docker_command(self, *arguments):
        return [self.docker, "-H", f"unix://{self.engine.socket}", *arguments]

    def prepare(self, base_archive):
        self.run(self.docker_command("load", "--input", str(base_archive)))

    def forget(self):
        self.run(self.docker_command("rmi", "--force", BUILT), check=False)
        self.run(self.docker_command("builder", "prune", "--all", "--force"), self.environment)
        self.run(self.docker_command("image", "prune", "--force"))

    def build(self, folder, *, cached=True):
        extra = [] if cached else ["--no-cache"]
        self.run(self.docker_command("build", "--quiet", "--tag", BUILT, *extra, str(folder)), self.environment)


class Buildah(Builder):
    name = "buildah"

    def __init__(self, place):
        self.program, self.environment = materials.program("buildah")
        root = materials.HOME / "root"
        self.environment["PATH"] = f"{root}/usr/sbin:{root}/usr/bin:{self.environment['PATH']}"
        self.state = pathlib.Path(place, "buildah")
        self.policy = self.state / "policy.json"

    def command(self, verb, *arguments):
        # The default isolation (a runtime's container); without a network, since that would need netavark's set-up.
        return [self.program, "--root", f"{self.state}/storage", "--runroot", f"{self.state}/run", "--storage-driver",
                "overlay", verb, *arguments]

    def prepare(self, base_archive):
        self.state.mkdir(parents=True, exist_ok=True)
        self.policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}', encoding="ascii")
        self.run(self.command("pull", "--quiet", "--signature-policy", str(self.policy),
                              f"docker-archive:{base_archive}"), self.environment)

    def forget(self):
        self.run(self.command("rmi", "--force", BUILT), self.environment, check=False)
        self.run(self.command("rmi", "--prune", "--force"), self.environment, check=False)

    def build(self, folder, *, cached=True):
        extra = [] if cached else ["--no-cache"]
        self.run(self.command("bud", "--quiet", "--layers", "--network", "none", "--runtime", "runc", "--pull-never",
                              "--signature-policy", str(self.policy), "--tag", BUILT, *extra, str(folder)),
                 self.environment)

    def close(self):
        self.run(self.command("rm", "--all"), self.environment, check=False)
        with open("/proc/self/mounts", encoding="utf-8") as mounts:
            mounted = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{self.state}/")]
        for place in sorted(mounted, reverse=True):
            subprocess.run(["umount", "--lazy", place], check=False)
        shutil.rmtree(self.state, ignore_errors=True)


class BulkheadBuild(Builder):
    """`bulkhead build` against our engine."""

    name = "bulkhead"

    def __init__(self, engine, client):
        self.engine, self.client = engine, str(client)

    def command(self, *arguments):
        return [self.client, "--host", f"unix://{self.engine.socket}", *arguments]

    def prepare(self, base_archive):
        self.run(self.command("load", "--input", str(base_archive)))
        if self.run(self.command("build", "--help"), check=False).returncode != 0:
            raise RuntimeError("this client has no `build` yet")

    def forget(self):
        self.run(self.command("rmi", "--force", BUILT), check=False)
        self.run(self.command("builder", "prune", "--all", "--force"))
        self.run(self.command("image", "prune", "--force"), check=False)
        # What the client remembers of files.
        shutil.rmtree(pathlib.Path(os.environ["XDG_CACHE_HOME"], "bulkhead"), ignore_errors=True)

    def build(self, folder, *, cached=True):
        extra = [] if cached else ["--no-cache"]
        self.run(self.command("build", "--quiet", "--tag", BUILT, *extra, str(folder)))


def docker_builders(engine):
    return [DockerBuilder(engine, True), DockerBuilder(engine, False)]


