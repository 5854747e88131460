"""A small HTTP client for APIs on unix sockets, Docker's by default: one persistent connection, JSON in and out."""

import http.client
import json
import socket

API = "/v1.41"
TIMEOUT_SECONDS = 60


class APIError(Exception):
    """The engine answered with a status other than 2xx, or 304 where the caller did not expect it."""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=TIMEOUT_SECONDS)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Client:
    """Calls one engine. Not for several threads: each takes its own."""

    def __init__(self, path, prefix=API):
        self.path, self.prefix = path, prefix
        self.connection = UnixConnection(path)

    def call(self, method, target, body=None, accept=(200, 201, 204, 304)):
        """Sends one request and returns the body, decoded where it is JSON."""
        headers = {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        answer, content = self._exchange(method, self.prefix + target, data, headers)
        if answer.status not in accept:
            raise APIError(f"{method} {target}: {answer.status} {content[:300].decode(errors='replace')}")
        if content and "json" in answer.headers.get("Content-Type", ""):
            return json.loads(content.splitlines()[-1]) if target.startswith("/images/create") else json.loads(content)
        return content

    def send_tar(self, target, tar):
        """Posts a tar archive: image import, image load."""
        answer, content = self._exchange("POST", self.prefix + target, tar, {"Content-Type": "application/x-tar"})
        if answer.status != 200:
            raise APIError(f"POST {target}: {answer.status} {content[:300].decode(errors='replace')}")
        return content

    def _exchange(self, method, target, data, headers):
        for attempt in (1, 2):
            try:
                self.connection.request(method, target, body=data, headers=headers)
                answer = self.connection.getresponse()
                content = answer.read()
                if answer.will_close:
                    self.connection.close()
                return answer, content
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                # The server may close an idle connection; a second failure is a real one.
                self.connection.close()
                if attempt == 2:
                    raise

    def close(self):
        self.connection.close()
