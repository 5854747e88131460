"""Processes in network namespaces that connect, ask and serve as a script tells them."""
import json
import os
import socket
import struct
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


def checksum(data):
    """Of the Internet (RFC 1071)."""
    total = sum(int.from_bytes(data[index:index + 2].ljust(2, b"\0"), "big") for index in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Worker:
    def __init__(self):
        self.pool = ThreadPoolExecutor(128)
        self.sockets, self.hits, self.frames, self.ended = [], 0, 0, threading.Event()

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

    def send_frame(self, device, to, kind, source, target, port):
        """Puts a connection's first packet, or a datagram, on the wire as it is, whatever the own routes say of its addresses."""
        self.frames += 1
        # One that is translated is the kernel's connection from then on: each has a port of its own.
        numbers = struct.pack("!HH", 40_000 + self.frames, port)
        if kind == "udp":
            body = numbers + struct.pack("!HH", 11, 0) + b"who"
        else:
            body = numbers + struct.pack("!IIBBHHH", 1, 0, 5 << 4, 2, 64_240, 0, 0)
        addresses = socket.inet_aton(source) + socket.inet_aton(target)
        protocol, place = (17, 6) if kind == "udp" else (6, 16)
        sum_ = checksum(addresses + struct.pack("!BBH", 0, protocol, len(body)) + body)
        body = body[:place] + struct.pack("!H", sum_) + body[place + 2:]
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0) + addresses
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as wire:
            wire.bind((device, 0x0800))
            own = wire.getsockname()[4]
            wire.send(bytes.fromhex(to.replace(":", "")) + own + b"\x08\0" + head + body)

    def arrived(self, kind):
        """Packets of a protocol that this namespace has got since it is there."""
        name, counter = ("Udp", "InDatagrams") if kind == "udp" else ("Tcp", "InSegs")
        names, values = [line.split()[1:] for line in open("/proc/self/net/snmp").read().splitlines()
                         if line.startswith(name + ":")]
        return int(values[names.index(counter)])

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
