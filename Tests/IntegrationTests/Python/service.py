"""A `bulkheadd server` of a test's own: started, ended, spoken to over HTTPS and at its local socket."""
import base64
import hashlib
import http.client
import json
import os
import pwd
import signal
import socket
import ssl
import subprocess
import sys
import time

PASSWORD = "a long password 1"
# In place of a user's name: the password is a token of the token service.
BEARER = object()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

try:
    pwd.getpwnam("bulkhead")
except KeyError:
    # What `make install` does by sysusers.d(5).
    subprocess.run(
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "bulkhead"], check=True)


def digest_of(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def manifest_of(layers, kind=MANIFEST, **more):
    """A manifest over blobs whose first is its configuration, too."""
    parts = [{"mediaType": LAYER, "digest": digest_of(layer), "size": len(layer)} for layer in layers]
    return json.dumps(
        {"schemaVersion": 2, "mediaType": kind, "config": dict(parts[0]), "layers": parts, **more}).encode()


class Local(http.client.HTTPConnection):
    def __init__(self, path, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def exchange(connection, method, path, body, headers):
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    finally:
        connection.close()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """FOLDER holds its root, its run folder and its log; `settings` is the text of its server.yaml."""

    def __init__(self, program, folder, settings=""):
        self.program, self.folder, self.port = program, folder, free_port()
        self.root, self.run = folder + "/root", folder + "/run"
        self.socket = self.run + "/server/admin.sock"
        self.authority = self.root + "/server/ca/ca.crt"
        self.host = f"localhost:{self.port}"
        self.kubernetes = "127.0.0.1:0"
        self.configuration = folder + "/server.yaml"
        with open(self.configuration, "w") as file:
            file.write(settings)
        self.start()

    def command(self):
        return [self.program, "server", "--config", self.configuration, "--root", self.root, "--run", self.run,
                "--listen", f"127.0.0.1:{self.port}", "--kubernetes-listen", self.kubernetes]

    def begin(self):
        """Starts the process and does not wait."""
        with open(self.folder + "/server.log", "a") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def start(self):
        self.begin()
        deadline = time.monotonic() + 60
        while True:
            try:
                assert self.local("GET", "/healthz")[0] == 200
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("the server did not start: " + self.told()[-1500:])
                time.sleep(0.02)

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(30)

    def stop(self):
        """For the end of a script, whatever came before."""
        if self.process.poll() is None:
            self.end(signal.SIGKILL)

    def told(self):
        with open(self.folder + "/server.log") as log:
            return log.read()

    def local(self, method, path, body=None, timeout=60):
        text = json.dumps(body) if body is not None else None
        return exchange(Local(self.socket, timeout), method, path, text, {})

    def connection(self, timeout=60):
        trust = ssl.create_default_context(cafile=self.authority)
        return http.client.HTTPSConnection("localhost", self.port, timeout=timeout, context=trust)

    def remote(self, method, path, user=None, body=None, password=PASSWORD, **headers):
        if isinstance(user, tuple):
            user, password = user
        if user is BEARER:
            headers["Authorization"] = "Bearer " + password
        elif user is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        return exchange(
            self.connection(), method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})

    def push(self, user, repository, content, tag):
        """Pushes a blob and a manifest that names it; the statuses of both, and the manifest's digest."""
        path = f"/v2/{repository}/blobs/uploads/?digest={digest_of(content)}"
        blob = self.remote("POST", path, user, content)[0]
        manifest = manifest_of([content])
        status = self.remote("PUT", f"/v2/{repository}/manifests/{tag}", user, manifest, Content_Type=MANIFEST)[0]
        return blob, status, digest_of(manifest)


class Engine:
    """An engine with the same root and run folders as a server of this folder; `settings` is the text of its engine.yaml."""

    def __init__(self, program, folder, settings=""):
        self.program, self.folder = program, folder
        self.root, self.run = folder + "/root", folder + "/run"
        self.socket = self.run + "/docker.sock"
        self.configuration = folder + "/engine.yaml"
        with open(self.configuration, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(settings)
        self.start()

    def start(self):
        with open(self.folder + "/engine.log", "a") as log:
            self.process = subprocess.Popen(
                [self.program, "engine", "--config", self.configuration, "--root", self.root, "--run", self.run],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        with open(self.folder + "/engine.pid", "w") as file:
            file.write(str(self.process.pid))
        deadline = time.monotonic() + 60
        while True:
            try:
                assert self.ask("GET", "/_ping")[0] == 200
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    with open(self.folder + "/engine.log") as log:
                        sys.exit("the engine did not start: " + log.read()[-1500:])
                time.sleep(0.02)

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(60)

    def stop(self):
        if self.process.poll() is None:
            self.end(signal.SIGTERM)

    def ask(self, method, path, body=None, headers=None, timeout=120):
        if isinstance(body, (dict, list)):
            body, headers = json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
        return exchange(Local(self.socket, timeout), method, path, body, headers or {})
