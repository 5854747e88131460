#!/usr/bin/env python3
"""Containers, their host and another host on one network: network.py PATH-OF-BULKHEADD FOLDER

The script gives itself a network namespace, which is the host, and makes a second one, which is another host beside it.
"""
import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import sys

if "BULKHEAD_TEST_NAMESPACE" not in os.environ:
    os.environ["BULKHEAD_TEST_NAMESPACE"] = "host"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])

from agents import Agent
from checks import check, equal, main, until
from service import Engine

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
CLIENT = os.path.join(os.path.dirname(PROGRAM), "bulkhead")
SOURCES = pathlib.Path(__file__).resolve().parents[3]
HOST, HOST6 = "198.51.100.2", "2001:db8::2"
OUTSIDE, OUTSIDE6 = "198.51.100.1", "2001:db8::1"
DENYING = """table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    iif "lo" accept
    ct state established,related accept
    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    tcp dport 9000 accept
  }
}
"""


def sh(command):
    subprocess.run(command, shell=True, check=True)


def nft(text):
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


def other_host():
    process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    until("a namespace of its own", lambda: os.readlink(f"/proc/{process.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    enter = f"nsenter --target {process.pid} --net"
    # As a host is before anything needs it to pass packets on.
    sh(f"""set -e
sysctl --quiet --write net.ipv4.ip_forward=0
ip link set lo up
ip link add uplink type veth peer name port netns {process.pid}
ip address add {HOST}/24 dev uplink
ip address add {HOST6}/64 dev uplink nodad
ip link set uplink up
ip route add default via {OUTSIDE}
{enter} ip link set lo up
{enter} ip address add {OUTSIDE}/24 dev port
{enter} ip address add {OUTSIDE6}/64 dev port nodad
{enter} ip link set port up
# It tries to reach the networks of containers, too.
{enter} ip route add 172.16.0.0/12 via {HOST}
{enter} ip route add fd00::/8 via {HOST6}""")
    return process


def enter():
    return f"nsenter --target {NEIGHBOUR.pid} --net"


def call(method, path, body=None, status=(200, 201, 204)):
    answer, data, _ = ENGINE.ask(method, path, body)
    if answer not in status:
        raise AssertionError(f"{method} {path}: {answer} {data[:300]}")
    return json.loads(data) if data[:1] in (b"{", b"[") else None


class Container:
    """A running container, with an agent in its network."""
    def __init__(self, name, network, ports=(), address=None, labels=None):
        self.name = name
        bindings = {port: [{"HostIp": ip, "HostPort": str(number)}] for port, ip, number in ports}
        config = {"IPAMConfig": {"IPv4Address": address}} if address else {}
        call("POST", f"/containers/create?name={name}", {
            "Image": "busybox:latest", "Cmd": ["sleep", "1d"], "Labels": labels or {}, "ExposedPorts": {port: {} for port in bindings},
            "HostConfig": {"NetworkMode": network, "PortBindings": bindings},
            "NetworkingConfig": {"EndpointsConfig": {network: config}}})
        self.start()

    def start(self):
        call("POST", f"/containers/{self.name}/start")
        state = call("GET", f"/containers/{self.name}/json")
        network = next(iter(state["NetworkSettings"]["Networks"].values()))
        self.address, self.address6 = network["IPAddress"], network["GlobalIPv6Address"]
        self.agent = Agent(state["State"]["Pid"])

    def serve(self):
        """A server on port 80 of both protocols and families that says who asks."""
        for kind in ["tcp", "udp"]:
            self.agent.serve(kind=kind, port=80)

    def stop(self):
        self.agent.stop()
        call("POST", f"/containers/{self.name}/stop?t=0")


def exposure(*arguments):
    done = subprocess.run(
        [CLIENT, "--host", f"unix://{ENGINE.socket}", "exposure", *arguments], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def listed(verdict="open"):
    rows = [json.loads(line) for line in exposure("--all", "--format", "json")[1].splitlines()]
    return {(row["Protocol"], 6 if ":" in row["Address"] else 4, row["Port"]) for row in rows if row["Firewall"] == verdict}


def listening():
    """Ports of the host that anything listens on, by what the kernel and the engine's table say."""
    ports = set()
    for name in ["tcp", "tcp6", "udp", "udp6"]:
        for line in open(f"/proc/self/net/{name}").read().splitlines()[1:]:
            ports.add(int(line.split()[1].split(":")[1], 16))
    for container in call("GET", "/containers/json"):
        ports |= {port["PublicPort"] for port in container["Ports"] if "PublicPort" in port}
    return ports


def scan():
    """What answers the other host: every port that is known, and some hundred others, by both protocols and families."""
    ports = sorted(listening() | set(random.Random(4).sample(range(1, 65536), 300)))
    targets = [(kind, address, port) for kind in ["tcp", "udp"] for address in [HOST, HOST6] for port in ports]
    answers = OTHER.reach(targets=targets, seconds=1)
    return {(kind, 6 if ":" in address else 4, port)
            for (kind, address, port), answer in zip(targets, answers) if answer is not None}


@contextlib.contextmanager
def without(chain):
    """The engine's rules without those of a chain, and no engine that restores them."""
    tables = subprocess.run(["nft", "list", "tables", "inet"], capture_output=True, text=True, check=True).stdout.splitlines()
    table = next(line for line in tables if " bulkhead-" in line and not line.endswith("-keeper"))
    equal(ENGINE.end(signal.SIGKILL), -signal.SIGKILL)
    try:
        nft(f"flush chain {table.removeprefix('table ')} {chain}")
        yield
    finally:
        ENGINE.start()


def prepare():
    rootfs = subprocess.run([SOURCES / "Benchmarks/busybox-rootfs"], check=True, capture_output=True).stdout
    equal(ENGINE.ask("POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", rootfs)[0], 200)
    for name in ["front", "back"]:
        call("POST", "/networks/create", {"Name": name, "EnableIPv6": True})
    call("POST", "/networks/create", {"Name": "inner", "Internal": True, "EnableIPv6": True})
    pool = {"Subnet": "172.31.7.0/24"}
    call("POST", "/networks/create", {"Name": "fixed", "IPAM": {"Config": [pool]}})
    for kind, port, address, only in [
        ("tcp", 9000, "0.0.0.0", False), ("tcp", 9001, "127.0.0.1", False), ("tcp", 9002, "::", False),
        ("tcp", 9003, "::", True), ("udp", 9004, "::", False), ("udp", 9005, "127.0.0.1", False), ("tcp", 9006, HOST, False),
    ]:
        HOSTS.serve(kind=kind, port=port, address=address, only=only)
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "web"}
    web = Container("web", "front", [
        ("80/tcp", "", 8080), ("80/udp", "", 8080), ("81/tcp", "127.0.0.1", 8081)], labels=labels)
    web.serve()
    # Over IPv6 the engine itself relays to a container that has none.
    old = Container("old", "fixed", [("80/tcp", "", 8082)])
    old.serve()
    return {"web": web, "old": old}


@check("the exposure list equals a port scan of another host, without and with a firewall that denies by default")
def exposure_equals_scan():
    equal(listed(), scan())
    equal({("tcp", 4, 8080), ("tcp", 6, 8080), ("udp", 4, 8080), ("tcp", 6, 8082), ("tcp", 4, 9006)} - listed(), set())
    nft(DENYING)
    until("the engine follows", lambda: "host_0" in subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout)
    equal(scan(), {("tcp", 4, 9000)})
    equal(listed(), {("tcp", 4, 9000)})
    equal(len(listed("closed")) > 8, True)
    nft("add rule inet filter input meta l4proto { tcp, udp } th dport { 8080, 9002 } accept")
    until("the engine follows", lambda: ("tcp", 4, 8080) in scan())
    equal(listed(), scan())
    nft("add rule inet filter input ip saddr 192.0.2.0/24 accept")
    equal(("tcp", 4, 8082) in listed("depends"), True)
    nft("delete table inet filter")
    until("the engine follows", lambda: ("tcp", 4, 8082) in scan())
    equal(listed(), scan())


@check("the list says who opened a port, on which device, and is a check for scripts")
def who_opened():
    code, text, _ = exposure()
    equal(code, 0)
    row = next(line for line in text.splitlines() if line.startswith("8080/tcp") and "0.0.0.0" in line)
    for part in ["uplink", "open", "container web (project shop, service web), port 80/tcp"]:
        equal((part, part in row), (part, True))
    program = next(line for line in text.splitlines() if line.startswith("9000/tcp"))
    equal(f"(pid {HOSTS.process.pid})" in program, True)
    equal("9001/tcp" in text or "8081/tcp" in text, False)
    code, _, errors = exposure("--allow", "8080/tcp", "--allow", "8080/udp")
    equal((code, "9000/tcp" in errors, "8080" in errors), (3, True, False))
    everything = [f"{port}/{kind}" for kind, _, port in listed()]
    equal(exposure("--quiet", *[word for port in everything for word in ["--allow", port]])[0], 0)
    equal(exposure("--allow", "http")[0], 64)
    report = json.loads(subprocess.run([PROGRAM, "doctor", "--format", "json"], capture_output=True).stdout)
    found = next(check["found"] for check in report["checks"] if check["id"] == "exposure")
    equal(("8080/tcp (a container)" in found, "9001" in found), (True, False))


@check("a published port sees the client's own address, by IPv4, IPv6 and UDP, from outside, by hairpin and from neighbours")
def client_address():
    equal(OTHER.reach(targets=[("tcp", HOST, 8080), ("tcp", HOST6, 8080), ("udp", HOST, 8080), ("udp", HOST6, 8080)]),
          [OUTSIDE, OUTSIDE6, OUTSIDE, OUTSIDE6])
    near = Container("near", "front")
    far = Container("far", "back")
    # To oneself only the gateway's address can come back.
    equal(near.agent.reach(targets=[("tcp", HOST, 8080), ("tcp", HOST6, 8080)]), [near.address, near.address6])
    equal(far.agent.reach(targets=[("tcp", HOST, 8080)]), [far.address])
    own = CONTAINERS["web"].agent.reach(targets=[("tcp", HOST, 8080), ("udp", HOST, 8080)])
    equal([answer is not None for answer in own], [True, True])
    equal(HOSTS.reach(targets=[("tcp", "127.0.0.1", 8081)]), [None])
    for container in [near, far]:
        container.stop()


@check("a port published on a loopback address is out of reach for who sits at the same wire, whatever addresses his packets have")
def loopback_from_the_wire():
    local = Container("local", "front", [
        ("81/tcp", "127.0.0.1", 8120), ("81/udp", "127.0.0.1", 8120), ("80/tcp", HOST, 8121), ("80/udp", HOST, 8121)])
    local.serve()
    for kind in ["tcp", "udp"]:
        local.agent.serve(kind=kind, port=81)
    links = subprocess.run(["ip", "-json", "link", "show", "uplink"], capture_output=True, text=True, check=True).stdout
    to = json.loads(links)[0]["address"]

    def sent(kind, source, target, port):
        before = local.agent.arrived(kind=kind)
        OTHER.send_frame(device="port", to=to, kind=kind, source=source, target=target, port=port)
        # What comes after it on the same wire and arrives has overtaken nothing.
        equal(OTHER.reach(targets=[("udp", HOST, 8121)]), [OUTSIDE])
        return local.agent.arrived(kind=kind) - before - (kind == "udp")

    for kind in ["tcp", "udp"]:
        equal((kind, "the host's address", sent(kind, OUTSIDE, HOST, 8121) > 0), (kind, "the host's address", True))
        for source, target, port in [
            (OUTSIDE, "127.0.0.1", 8120), ("127.0.0.1", "127.0.0.1", 8120), ("127.0.0.2", "127.0.0.1", 8120), (HOST, "127.0.0.1", 8120),
            ("127.0.0.1", HOST, 8121),
        ]:
            equal((kind, source, target, sent(kind, source, target, port)), (kind, source, target, 0))
    with without("guard"):
        equal([sent(kind, OUTSIDE, "127.0.0.1", 8120) > 0 for kind in ["tcp", "udp"]], [True, True])
    local.stop()


@check("the host is no router: another host reaches none of its other networks through it")
def borders():
    beyond = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
    until("a namespace of its own", lambda: os.readlink(f"/proc/{beyond.pid}/ns/net") != os.readlink("/proc/self/ns/net"))
    there = f"nsenter --target {beyond.pid} --net"
    sh(f"""set -e
ip link add second type veth peer name port netns {beyond.pid}
ip address add 192.0.2.1/24 dev second
ip link set second up
{there} ip address add 192.0.2.2/24 dev port
{there} ip link set port up
{there} ip route add default via 192.0.2.1
{enter()} ip route add 192.0.2.0/24 via {HOST}""")
    agent = Agent(beyond.pid)
    agent.serve(kind="tcp", port=7000)
    try:
        equal(HOSTS.reach(targets=[("tcp", "192.0.2.2", 7000)]), ["192.0.2.1"])
        equal(OTHER.reach(targets=[("tcp", "192.0.2.2", 7000)]), [None])
        # Without the engine's rule it would: the attempt is a real one.
        with without("forward"):
            equal(OTHER.reach(targets=[("tcp", "192.0.2.2", 7000)]), [OUTSIDE])
        equal(OTHER.reach(targets=[("tcp", "192.0.2.2", 7000)]), [None])
    finally:
        # Before its namespace ends, which takes it along.
        sh("ip link del second")
        agent.stop()
        beyond.kill()


@check("no network takes addresses that the host has, reaches, or that belong to others outside")
def foreign_subnets():
    for subnet, reason in [("198.51.100.0/24", "which the host itself has"), ("8.8.8.0/24", "networks.subnets"),
                           ("169.254.169.0/24", "networks.subnets"), ("172.31.7.128/25", "of network 'fixed'")]:
        status, data, _ = ENGINE.ask("POST", "/networks/create", {"Name": "taken", "IPAM": {"Config": [{"Subnet": subnet}]}})
        equal((subnet, status, reason in data.decode()), (subnet, 403, True))


@check("networks are kept apart, and the other host reaches no container but by its published ports")
def isolation():
    web = CONTAINERS["web"]
    far, inner = Container("far2", "back"), Container("inner", "inner")
    inner.serve()
    ways = [(kind, address, 80) for kind in ["tcp", "udp"] for address in [web.address, web.address6]]
    equal(far.agent.reach(targets=ways), [None] * 4)
    equal(OTHER.reach(targets=ways + [("tcp", inner.address, 80)]), [None] * 5)
    OTHER.serve(kind="tcp", port=7000)
    equal(far.agent.reach(targets=[("tcp", OUTSIDE, 7000), ("tcp", OUTSIDE6, 7000)]), [HOST, HOST6])
    gateways = call("GET", "/networks/inner")["IPAM"]["Config"]
    ports = [("tcp", pool["Gateway"].split("/")[0], port) for pool in gateways for port in [8080, 8082]]
    # A relay takes the connection, and ends it without a word.
    equal((len(ports), [answer or None for answer in inner.agent.reach(targets=ports)]), (4, [None] * 4))
    equal(inner.agent.reach(targets=[("tcp", OUTSIDE, 7000), ("tcp", web.address, 80)]), [None, None])
    equal(far.agent.reach(targets=[("tcp", "127.0.0.1", 9001), ("udp", "127.0.0.1", 9005)]), [None, None])
    for container in [far, inner]:
        container.stop()


@check("ATT-053 what is denied is denied from the first packet: while containers start and end, and while the engine is killed and started")
def no_gap():
    nft(DENYING)
    until("the engine follows", lambda: "host_0" in subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True).stdout)
    attacker = Container("attacker", "back")
    victim = Container("victim", "fixed", [("80/tcp", "", 8090), ("80/udp", "", 8090)], address="172.31.7.9")
    doors = [(kind, address, 8090) for kind in ["tcp", "udp"] for address in [HOST, HOST6]]
    OTHER.hammer(targets=doors + [("tcp", "172.31.7.9", 80)])
    attacker.agent.hammer(targets=[(kind, "172.31.7.9", 80) for kind in ["tcp", "udp"] for _ in range(4)])
    for round in range(8):
        victim.serve()
        equal(HOSTS.reach(targets=[("tcp", "172.31.7.9", 80)])[0] is not None, True)
        if round % 4 == 1:
            equal(ENGINE.end(signal.SIGKILL), -signal.SIGKILL)
            ENGINE.start()
        victim.stop()
        victim.start()
    equal((OTHER.rest(), attacker.agent.rest()), (0, 0))
    nft("delete table inet filter")
    for container in [attacker, victim]:
        container.stop()


@check("limits of a published port hold for another host, are counted, and wrong ones are refused with label and value")
def limits():
    name = "bulkhead.publish.80/tcp."
    limited = Container("limited", "fixed", [("80/tcp", "", 8095)], labels={name + "rate-per-source": "5/hour"})
    limited.serve()
    answers = [OTHER.reach(targets=[("tcp", HOST, 8095)])[0] for _ in range(7)]
    equal([answer is not None for answer in answers], [True] * 5 + [False] * 2)
    row = next(line for line in exposure()[1].splitlines() if line.startswith("8095/tcp") and "0.0.0.0" in line)
    equal(("limited to rate-per-source=5/hour" in row, ", 0 packets" in row), (True, False))
    limited.stop()
    for label, value, reason in [
        (name + "rate", "fast", "such as 50/second"), (name + "speed", "1", "there is no such limit"),
        ("bulkhead.publish.81/tcp.rate", "1/second", "port 81/tcp is not published"),
    ]:
        status, data, _ = ENGINE.ask("POST", "/containers/create", {
            "Image": "busybox:latest", "Labels": {label: value},
            "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8096"}]}}})
        equal((status, f"{label}='{value}'" in data.decode(), reason in data.decode()), (400, True, True))


NEIGHBOUR = other_host()
HOSTS, OTHER = Agent(os.getpid()), Agent(NEIGHBOUR.pid)
ENGINE = Engine(PROGRAM, FOLDER)
try:
    CONTAINERS = prepare()
    main()
    for container in call("GET", "/containers/json?all=1"):
        call("DELETE", f"/containers/{container['Id']}?force=1")
    for network in ["front", "back", "inner", "fixed"]:
        call("DELETE", f"/networks/{network}")
finally:
    ENGINE.stop()
    HOSTS.stop()
    OTHER.stop()
    NEIGHBOUR.kill()
