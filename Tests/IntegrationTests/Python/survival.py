"""What flows while the engine is killed and its firewall is removed: connections between containers, from the host, from another host and
to it live on, no byte is lost, rules come back within two seconds, and new connections work.

    survival.py BULKHEADD FOLDER        the checks, in a network namespace of their own that plays the host
    survival.py serve PORT              answers connections with what they send
    survival.py talk HOST:PORT …        keeps one connection to each going; a line on its input asks how they are
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from checks import until

HOST, OUTSIDE = "198.51.100.2", "198.51.100.1"
HOST_IPV6, OUTSIDE_IPV6 = "2001:db8::2", "2001:db8::1"
PUBLISHED, INSIDE, ABROAD = 28990, 8000, 8001
BLOCK = 4096


# What runs in the namespaces.

def serve(port):
    listener = socket.create_server(("", port), family=socket.AF_INET6, backlog=64, dualstack_ipv6=True)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=echo, args=(connection,), daemon=True).start()


def echo(connection):
    with connection, contextlib.suppress(ConnectionError):  # The other side tells what became of it.
        while block := connection.recv(65536):
            connection.sendall(block)


def exchange(connection, number):
    """Sends a block that no other is like, and takes it back."""
    block = hashlib.sha512(str(number).encode()).digest() * (BLOCK // 64)
    connection.sendall(block)
    answer = b""
    while len(answer) < BLOCK:
        piece = connection.recv(BLOCK - len(answer))
        if not piece:
            raise ConnectionError(f"closed after {number} blocks")
        answer += piece
    if answer != block:
        raise ConnectionError(f"block {number} came back as another")


class Talk:
    """One connection that is never quiet for long."""

    def __init__(self, address):
        host, self.port = address.rsplit(":", 1)
        self.host = host.strip("[]")
        self.blocks, self.pause, self.fault = 0, 0.0, None
        self.connection = self.connect()
        threading.Thread(target=self.run, daemon=True).start()

    def connect(self):
        connection = socket.create_connection((self.host, int(self.port)), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def run(self):
        try:
            while True:
                start = time.monotonic()
                exchange(self.connection, self.blocks)
                self.blocks += 1
                self.pause = max(self.pause, time.monotonic() - start)
                time.sleep(0.002)
        except OSError as failure:
            self.fault = repr(failure)

    def told(self):
        pause, self.pause = self.pause, 0.0
        return {"to": f"{self.host}:{self.port}", "blocks": self.blocks, "pause": pause, "fault": self.fault}

    def anew(self):
        """A new connection beside it."""
        try:
            with self.connect() as connection:
                exchange(connection, -1)
            return None
        except OSError as failure:
            return f"{self.host}:{self.port}: {failure!r}"


def talk(addresses):
    talks = [Talk(address) for address in addresses]
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "anew":
            print(json.dumps([fault for one in talks if (fault := one.anew())]), flush=True)
        else:
            print(json.dumps([one.told() for one in talks]), flush=True)


# What the checks do.

def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True, timeout=60).stdout


class Child:
    """This script in another namespace: of a process, or the host's."""

    def __init__(self, process, *arguments):
        enter = ["nsenter", f"--net=/proc/{process}/ns/net"] if process else []
        self.process = subprocess.Popen([*enter, sys.executable, "-B", __file__, *map(str, arguments)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            raise AssertionError(f"{arguments} did not begin")

    def ask(self, word):
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        self.process.kill()
        self.process.wait()


class Place:
    """The host's namespace (this process), one that plays another host, an engine with containers, and traffic between all."""

    def __init__(self, program, folder):
        from service import Engine
        run("ip", "link", "set", "lo", "up")
        self.outside = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        self.children = []
        until("another namespace", lambda: os.readlink(f"/proc/{self.outside.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
        run("ip", "link", "add", "uplink", "type", "veth", "peer", "name", "port", "netns", str(self.outside.pid))
        run("ip", "address", "add", f"{HOST}/24", "dev", "uplink")
        run("ip", "address", "add", f"{HOST_IPV6}/64", "dev", "uplink", "nodad")
        run("ip", "link", "set", "uplink", "up")
        there = ["nsenter", f"--net=/proc/{self.outside.pid}/ns/net", "ip"]
        for words in (["address", "add", f"{OUTSIDE}/24", "dev", "port"],
                      ["address", "add", f"{OUTSIDE_IPV6}/64", "dev", "port", "nodad"], ["link", "set", "port", "up"], ["link", "set", "lo", "up"]):
            run(*there, *words)
        run("ip", "route", "add", "default", "via", OUTSIDE)
        self.engine = Engine(program, folder)
        client = str(pathlib.Path(program).with_name("bulkhead"))
        run(client, "--host", f"unix://{self.engine.socket}", "image", "bootstrap", "busybox", "--tag", "busybox")

    def ask(self, method, path, body=None):
        status, answer, _ = self.engine.ask(method, path, body)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {answer[:300]}")
        return json.loads(answer) if answer else None

    def container(self, name, **host):
        body = {"Image": "busybox", "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "inner", "Init": True, **host}}
        self.ask("POST", f"/containers/create?name={name}", body)
        self.ask("POST", f"/containers/{name}/start")
        state = self.ask("GET", f"/containers/{name}/json")
        return state["State"]["Pid"], state["NetworkSettings"]["Networks"]["inner"]["IPAddress"]

    def child(self, *arguments):
        child = Child(*arguments)
        self.children.append(child)
        return child

    def begin(self):
        """Containers, servers, and a connection of every kind."""
        self.ask("POST", "/networks/create", {"Name": "inner", "EnableIPv6": True})
        binding = {f"{INSIDE}/tcp": [{"HostPort": str(PUBLISHED)}]}
        server, address = self.container("server", PortBindings=binding)
        client, _ = self.container("client")
        self.child(server, "serve", INSIDE)
        self.child(self.outside.pid, "serve", ABROAD)
        self.talks = {
            "container to container, to a published port, to another host": self.child(
                client, "talk", f"{address}:{INSIDE}", f"{HOST}:{PUBLISHED}", f"{OUTSIDE}:{ABROAD}"),
            "the host to a container and to its published port": self.child(
                None, "talk", f"{address}:{INSIDE}", f"127.0.0.1:{PUBLISHED}", f"{HOST}:{PUBLISHED}"),
            "another host to a published port": self.child(
                self.outside.pid, "talk", f"{HOST}:{PUBLISHED}", f"[{HOST_IPV6}]:{PUBLISHED}"),
        }

    def alive(self, without=()):
        """The longest pause of all connections since it was asked last, in seconds; each has to move on. `without`: ports whose
        connections do not count, whether they break or stand still."""
        pause = 0.0
        for name, one in self.talks.items():
            before = one.ask("told")

            def moved():
                now = one.ask("told")
                counted = [(old, new) for old, new in zip(before, now) if int(new["to"].rpartition(":")[2]) not in without]
                for old, new in counted:
                    old["pause"] = max(old["pause"], new["pause"])
                    if new["fault"]:
                        raise AssertionError(f"{name}: {new['to']}: {new['fault']} after {new['blocks']} blocks")
                return all(new["blocks"] > old["blocks"] for old, new in counted)
            # A packet that was lost is sent again after some 200 ms.
            until("all connections go on", moved, 5, 0.01)
            pause = max([pause, *(old["pause"] for old in before)])
        return pause

    def new_connections(self):
        faults = [f"{name}: {fault}" for name, one in self.talks.items() for fault in one.ask("anew")]
        if faults:
            raise AssertionError("; ".join(faults))

    @staticmethod
    def tables():
        return [line.split()[1:] for line in run("nft", "list", "tables").splitlines() if " bulkhead" in line]

    def rules(self):
        """What the engine's tables say, whatever the order of elements."""
        return {(family, name): sorted(re.findall(r"[^\s,{}]+", run("nft", "--stateless", "list", "table", family, name)))
                for family, name in self.tables()}

    def main_table(self):
        return next(name for family, name in self.tables() if family == "inet" and not name.endswith("-keeper"))

    def restored(self, before, since):
        """Seconds until the rules are what they were."""
        def same():
            try:
                return self.rules() == before
            except subprocess.CalledProcessError:
                return False  # A table went between the list and the look.
        until("the rules are what they were", same, 20, 0.01)
        return time.monotonic() - since

    def close(self):
        for child in self.children:
            child.end()
        if self.engine.process.poll() is None:
            for name in ("server", "client"):
                self.engine.ask("DELETE", f"/containers/{name}?force=1")
            self.engine.ask("DELETE", "/networks/inner")
        self.engine.stop()
        self.outside.kill()
        self.outside.wait()


def checks(program, folder):
    from checks import check, main
    place = Place(program, folder)

    @check("connections of every kind are there")
    def begin():
        place.begin()
        place.new_connections()
        place.alive()

    @check("kill -9: connections live without the engine and through its start, new ones work all the time")
    def killed():
        for _ in range(3):
            place.engine.end(signal.SIGKILL)
            place.alive()
            place.new_connections()
            start = time.monotonic()
            place.engine.start()
            seconds = time.monotonic() - start
            place.new_connections()
            print(f"# after kill -9 the engine answers in {seconds:.2f} s; longest pause {place.alive() * 1000:.0f} ms", flush=True)

    for words in ("flush ruleset", "delete table inet TABLE", "flush table inet TABLE"):
        def removed(words=words):
            before = place.rules()
            place.alive()
            longest = 0.0
            for _ in range(5):
                run("nft", *words.replace("TABLE", place.main_table()).split())
                seconds = place.restored(before, time.monotonic())
                longest = max(longest, seconds)
                if seconds > 2:
                    raise AssertionError(f"the rules were back after {seconds:.2f} s")
                place.new_connections()
            print(f"# nft {words}: back in {longest * 1000:.0f} ms at most; longest pause {place.alive() * 1000:.0f} ms", flush=True)
        check(f"nft {words}: rules return within 2 s, connections live, new ones work")(removed)

    # The host itself answers packets to a published port that nobody translates, and so ends those connections.
    # Without rules and without their keeper the kernel translates no addresses: a packet that leaves in that moment shows the other end
    # an address that it does not know, and may be answered by a reset.
    @check("rules removed while the engine is away return with it; connections live, but those with translated addresses")
    def away():
        before = place.rules()
        place.engine.end(signal.SIGKILL)
        run("nft", "delete", "table", "inet", place.main_table())
        start = time.monotonic()
        place.engine.start()
        print(f"# removed while the engine was away: back {place.restored(before, start):.2f} s after its start", flush=True)
        place.new_connections()
        place.alive(without=(PUBLISHED, ABROAD))

    try:
        main()
    finally:
        place.close()


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
elif sys.argv[1] == "talk":
    talk(sys.argv[2:])
elif os.environ.get("SURVIVAL_NAMESPACE") != "own":
    # nft flush ruleset is for a host of our own.
    os.execvpe("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv], os.environ | {"SURVIVAL_NAMESPACE": "own"})
else:
    checks(sys.argv[1], sys.argv[2])
