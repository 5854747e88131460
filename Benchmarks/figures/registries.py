"""The registries that are measured: how each is started empty and stopped, and what it takes to speak to it."""

import base64
import contextlib
import ctypes
import http.client
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from figures.engines import HERE, START_SECONDS
from figures.http_unix import Client

PROJECT = "bench"
NETWORK_NAMESPACE = 0x40000000  # CLONE_NEWNET of setns(2)


class Registry:
    """A registry on loopback. `address` (HOST:PORT) is valid between `start` and `stop`; `start` begins with nothing."""

    name = ""
    # Where commands have to run to reach it: prefix of a command line.
    enter = ()
    scheme = "http"
    authorization = None
    # Name and password as docker's config.json has them.
    credentials = None
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
        connection = self.make_connection(host, int(port))
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def make_connection(self, host, port):
        return http.client.HTTPConnection(host, port, timeout=120)

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
    """The registry of `bulkheadd server`, as its user, with a private project: plain HTTP on loopback, as the peer, and
    TLS as `encrypted`. Whoever asks signs in."""

    name = "bulkhead"
    address = "127.0.0.1:15001"
    user, password = "bench", "bench-password-1"

    def __init__(self, program):
        self.program = str(program)
        credentials = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        self.authorization = f"Basic {credentials}"
        self.credentials = credentials
        self.encrypted = EncryptedRegistry(self)

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="bulkhead-bench-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.log = open(f"{self.folder}/server.log", "wb")
        self.server = subprocess.Popen(
            [self.program, "server", "--root", f"{self.folder}/root", "--run", f"{self.folder}/run", "--listen",
             self.encrypted.address, "--listen-plain", self.address, "--without-kubernetes"],
            stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            self._wait()
            administration = Client(f"{self.folder}/run/server/admin.sock", prefix="/api/v1")
            administration.call("POST", "/users", {"name": self.user, "password": self.password})
            administration.call("POST", "/projects", {"name": PROJECT, "isPublic": False})
            administration.call("PUT", f"/projects/{PROJECT}/members/{self.user}", {"role": "developer"})
            administration.close()
        except Exception:
            self.stop()
            raise

    def _wait(self):
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                connection = self.connect()
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    connection.close()
                    return
            except OSError:
                pass
            if self.server.poll() is not None or time.monotonic() > deadline:
                self.log.flush()
                told = pathlib.Path(self.folder, "server.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"bulkheadd server did not answer: {told[-500:].strip()}")
            time.sleep(0.02)

    def stop(self):
        self.server.terminate()
        self.server.wait(timeout=30)
        self.log.close()
        shutil.rmtree(self.folder)

    def process(self):
        # It goes on as its user by executing itself again: the id stays.
        return self.server.pid

    def skopeo_flags(self, side):
        return [f"--{side}-tls-verify=false", f"--{side}-creds={self.user}:{self.password}"]


class EncryptedRegistry(Registry):
    """Our registry over TLS; lives with the plain one. Clients take any certificate: what that costs is the same."""

    name = "bulkhead-tls"
    address = "127.0.0.1:15443"
    scheme = "https"

    def __init__(self, plain):
        self.plain = plain
        self.authorization = plain.authorization
        self.credentials = plain.credentials

    def start(self):
        self.plain.start()

    def stop(self):
        self.plain.stop()

    def process(self):
        return self.plain.process()

    def make_connection(self, host, port):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=120, context=context)

    def skopeo_flags(self, side):
        return self.plain.skopeo_flags(side)


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
