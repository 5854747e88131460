"""The registries that are measured: how each is started empty and stopped, and what it takes to speak to it."""

import contextlib
import ctypes
import http.client
import os
import socket
import subprocess
import threading

from figures.engines import HERE

PROJECT = "bench"
NETWORK_NAMESPACE = 0x40000000  # CLONE_NEWNET of setns(2)


class Registry:
    """A registry on loopback. `address` (HOST:PORT) is valid between `start` and `stop`; `start` begins with nothing."""

    name = ""
    # Where commands have to run to reach it: prefix of a command line.
    enter = ()
    scheme = "http"
    authorization = None
    # The same registry by TLS, where it offers that.
    encrypted = None

    def start(self):
        raise NotImplementedError

    def stop(self):
        raise NotImplementedError

    def process(self):
        raise NotImplementedError

    @contextlib.contextmanager
    def reachable(self):
        """The calling thread can connect to it inside."""
        yield

    def connect(self):
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=120)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def skopeo_flags(self, side):
        """What skopeo needs to speak to it; `side` is src or dest."""
        return [f"--{side}-tls-verify=false"]

    def headers(self):
        return {"Authorization": self.authorization} if self.authorization else {}

    def pss_mib(self):
        with open(f"/proc/{self.process()}/smaps_rollup", encoding="ascii") as rollup:
            return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024


class DockerRegistry(Registry):
    name = "docker-registry"
    namespace = "/run/netns/bulkhead-peer-docker"

    def start(self):
        output = subprocess.run([HERE / "peer-registry", "start"], check=True, stdout=subprocess.PIPE, text=True).stdout
        self.address = output.strip()
        self.enter = ("nsenter", f"--net={self.namespace}") if os.path.exists(self.namespace) else ()

    def stop(self):
        subprocess.run([HERE / "peer-registry", "stop"], check=True)

    def process(self):
        return int(subprocess.run([HERE / "peer-registry", "process"], check=True, stdout=subprocess.PIPE).stdout)

    @contextlib.contextmanager
    def reachable(self):
        if not self.enter:
            yield
            return
        with open("/proc/thread-self/ns/net", "rb") as own, open(self.namespace, "rb") as theirs:
            _set_namespace(theirs.fileno())
            try:
                yield
            finally:
                _set_namespace(own.fileno())


class BulkheadRegistry(Registry):
    """The registry of `bulkheadd server`."""

    name = "bulkhead"
    address = "127.0.0.1:15001"

    def __init__(self, program):
        self.program = str(program)

    def start(self):
        helped = subprocess.run([self.program, "server", "--help"], check=False, capture_output=True, text=True)
        if helped.returncode != 0:
            raise RuntimeError("this bulkheadd has no `server` yet")
        raise RuntimeError("the benchmark does not know how this server is set up yet")

    def stop(self):
        pass


def _set_namespace(descriptor):
    library = ctypes.CDLL(None, use_errno=True)
    if library.setns(descriptor, NETWORK_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class PeakMemory:
    """The largest PSS of a registry's process while the block runs, in MiB."""

    def __init__(self, registry):
        self.registry, self.peak = registry, 0.0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.over.wait(0.05):
            self.peak = max(self.peak, self.registry.pss_mib())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
