"""The engines that are measured: how each is started and stopped, and which processes belong to it."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from figures.http_unix import Client

HERE = pathlib.Path(__file__).resolve().parent.parent
START_SECONDS = 30
IMAGE = "busybox:latest"


class Engine:
    """One engine under measurement. `socket` and `client` are valid between `start` and `stop`."""

    name = ""
    cli = ()

    def start(self):
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def processes(self):
        """Ids of the engine's own processes and supervisors, without those of the workloads."""
        raise NotImplementedError

    def prepare(self, rootfs):
        """Imports the image that all rows use and checks that a container runs."""
        self.client = Client(self.socket)
        self.client.send_tar("/images/create?fromSrc=-&repo=busybox&tag=latest", rootfs)

    def run_command(self, *options):
        """The command line of `docker run --rm` with the same docker CLI."""
        return ["docker", "-H", f"unix://{self.socket}", "run", "--rm", *options, IMAGE, "true"]

    def pss_mib(self):
        """Proportional set size of the engine's processes together, in MiB."""
        total = 0
        for process in self.processes():
            try:
                with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as rollup:
                    total += sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return total / 1024


def all_processes():
    """(id, path of its program, its arguments) of every process that can be read."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            program = os.readlink(f"/proc/{entry}/exe")
            with open(f"/proc/{entry}/cmdline", "rb") as arguments:
                yield int(entry), program, arguments.read().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


class Bulkhead(Engine):
    name = "bulkhead"

    def __init__(self, program, policy="", place="/tmp"):
        """`policy`: text of an engine.yaml; empty: the engine's own. `place`: the folder that its own is made in."""
        self.program = str(pathlib.Path(program).resolve())
        self.policy, self.place = policy, place

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="bulkhead-bench-", dir=self.place)
        self.socket = f"{self.folder}/run/docker.sock"
        self.log = open(f"{self.folder}/engine.log", "wb")
        self.arguments = [self.program, "engine", "--root", f"{self.folder}/root", "--run", f"{self.folder}/run"]
        if self.policy:
            pathlib.Path(self.folder, "engine.yaml").write_text(self.policy, encoding="utf-8")
            self.arguments += ["--config", f"{self.folder}/engine.yaml"]
        self.process = subprocess.Popen(self.arguments, stdout=self.log, stderr=self.log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                client = Client(self.socket)
                client.call("GET", "/_ping")
                client.close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"bulkheadd did not answer; see {self.folder}/engine.log") from None
                time.sleep(0.02)

    def stop(self):
        client = Client(self.socket)
        for container in client.call("GET", "/containers/json?all=1"):
            client.call("DELETE", f"/containers/{container['Id']}?force=1&v=1", accept=(204, 404))
        self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self):
        return [
            process for process, program, arguments in all_processes()
            if process == self.process.pid or (os.path.basename(program) == "conmon" and self.folder in arguments)
        ]


class Peer(Engine):
    """An engine that a script beside this folder starts and stops."""

    script = ""

    def __init__(self, place=None):
        """`place`: the folder for its state, where not the script's own."""
        self.environment = dict(os.environ, PEER_STATE=str(place)) if place else None

    def start(self):
        output = subprocess.run([HERE / self.script, "start"], check=True, stdout=subprocess.PIPE, text=True,
                                env=self.environment).stdout
        self.socket = output.strip().removeprefix("unix://")
        self.state = str(pathlib.Path(self.socket).with_suffix(""))

    def stop(self):
        subprocess.run([HERE / self.script, "stop"], check=True, env=self.environment)


class Docker(Peer):
    name = "docker"
    script = "peer-docker"
    parts = ("dockerd", "containerd", "containerd-shim-runc-v2", "docker-proxy")

    def processes(self):
        daemon = int(pathlib.Path(self.state, "dockerd.pid").read_text(encoding="ascii"))
        with open(f"/proc/{daemon}/ns/net", "rb"):
            namespace = os.readlink(f"/proc/{daemon}/ns/net")
        return [
            process for process, program, arguments in all_processes()
            if os.path.basename(program) in self.parts
            and (self.state in arguments or os.readlink(f"/proc/{process}/ns/net") == namespace)
        ]


class Podman(Peer):
    name = "podman"
    script = "peer-podman"

    def processes(self):
        return [
            process for process, program, arguments in all_processes()
            if os.path.basename(program) in ("podman", "conmon") and self.state in arguments
        ]

    def run_command(self, *options):
        return [str(HERE / self.script), "run", "run", "--rm", *options, IMAGE, "true"]
