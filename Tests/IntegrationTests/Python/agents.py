"""Processes in network namespaces that connect, ask and serve as a script tells them."""
import json
import os
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor


def attempt(target, seconds):
    """What a server says to who connects, or answers to a datagram; None where nobody does."""
    kind, address, port = target
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as client:
        client.settimeout(seconds)
        try:
            client.connect((address, port))
            if kind == "udp":
                client.send(b"who")
                return client.recv(200).decode()
        except OSError:
            return None
        try:
            return client.recv(200).decode()
        except OSError:
            return ""


class Worker:
    def __init__(self):
        self.pool = ThreadPoolExecutor(128)
        self.sockets, self.hits, self.ended = [], 0, threading.Event()

    def reach(self, targets, seconds=0.5):
        return list(self.pool.map(lambda target: attempt(target, seconds), targets))

    def serve(self, kind, port, address="::", only=False):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        server = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(only))
        server.bind((address, port))
        if kind == "tcp":
            server.listen(64)
        self.sockets.append(server)
        threading.Thread(target=self.answer, args=(kind, server), daemon=True).start()
        return os.getpid()

    @staticmethod
    def answer(kind, server):
        while True:
            if kind == "udp":
                _, peer = server.recvfrom(200)
                server.sendto(peer[0].replace("::ffff:", "").encode(), peer)
            else:
                client, peer = server.accept()
                with client:
                    client.sendall(peer[0].replace("::ffff:", "").encode())

    def hammer(self, targets):
        self.hits, self.ended = 0, threading.Event()

        def run(target):
            while not self.ended.is_set():
                if attempt(target, 0.2) is not None:
                    self.hits += 1
        self.threads = [threading.Thread(target=run, args=(target,)) for target in targets]
        for thread in self.threads:
            thread.start()

    def rest(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        return self.hits


class Agent:
    """A process in the network namespace of another. Its methods are those of Worker."""

    def __init__(self, pid):
        self.process = subprocess.Popen(
            ["nsenter", "--target", str(pid), "--net", sys.executable, __file__], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def __getattr__(self, name):
        def call(**arguments):
            self.process.stdin.write(json.dumps([name, arguments]) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())
        return call

    def stop(self):
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    worker = Worker()
    for line in sys.stdin:
        name, arguments = json.loads(line)
        print(json.dumps(getattr(worker, name)(**arguments)), flush=True)
    os._exit(0)
