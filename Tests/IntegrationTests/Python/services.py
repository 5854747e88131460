"""Services and names of the cluster, with the real server and agent in a network namespace of their own.

    services.py BULKHEADD FOLDER

Endpoints are servers of this script on further addresses of the namespace: no pod has to run for them.
"""
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading

if "BULKHEAD_TEST_NAMESPACE" not in os.environ:
    os.environ["BULKHEAD_TEST_NAMESPACE"] = "host"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])

from checks import check, equal, main, until
from service import Server

PROGRAM, FOLDER = sys.argv[1:3]
ONE, TWO = "10.244.0.5", "10.244.0.6"
ADDRESS, NAMES, BALANCER = "10.96.7.7", "10.96.0.10", "198.51.100.77"

subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for address in (ONE, TWO):
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


def serve(address):
    """Tells everybody who connects to it its address."""
    listener = socket.create_server((address, 8080))

    def answer():
        while True:
            client, _ = listener.accept()
            with client:
                client.sendall(address.encode())

    threading.Thread(target=answer, daemon=True).start()


for address in (ONE, TWO):
    serve(address)
SERVER = Server(PROGRAM, FOLDER, f"kubernetes:\n  loadBalancerAddresses: [{BALANCER}]\n")


class Agent:
    def __init__(self):
        self.start()

    def start(self):
        with open(FOLDER + "/agent.log", "a") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "agent", "--root", SERVER.root, "--run", SERVER.run, "--node-address", ONE],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, number):
        self.process.send_signal(number)
        self.process.wait(30)


AGENT = Agent()


def apply(*documents):
    home = FOLDER + "/home"
    os.makedirs(home, exist_ok=True)
    items = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    subprocess.run(
        ["kubectl", "--kubeconfig", SERVER.run + "/server/admin.kubeconfig", "apply", "-f", "-"],
        input=json.dumps(items), check=True, capture_output=True, text=True, timeout=60,
        env={"HOME": home, "PATH": os.environ["PATH"]})


def service(kind="ClusterIP", name="web", **more):
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": kind, "clusterIP": ADDRESS, "ports": ports, **more}}


def endpoints(**ready):
    found = [{"addresses": [address], "conditions": {"ready": ready[key]}}
             for key, address in (("one", ONE), ("two", TWO)) if key in ready]
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": "web-1", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4", "ports": [{"name": "http", "port": 8080}], "endpoints": found}


def ask(address=ADDRESS, port=80):
    """Who answers a new connection."""
    with socket.create_connection((address, port), timeout=2) as client:
        return client.recv(100).decode()


def answering(count=40):
    return {ask() for _ in range(count)}


def resolve(name):
    """The code of the answer, and its addresses."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(2)
        client.connect((NAMES, 53))
        client.send(b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + question)
        answer = client.recv(512)
    records = answer[12 + len(question):]
    count = struct.unpack(">H", answer[6:8])[0]
    return answer[3] & 15, [socket.inet_ntoa(records[16 * index + 12:16 * index + 16]) for index in range(count)]


def exposed():
    """What other hosts reach, by what the doctor says."""
    report = json.loads(subprocess.run([PROGRAM, "doctor", "--format", "json"], capture_output=True).stdout)
    return next(check["found"] for check in report["checks"] if check["id"] == "exposure").split(", ")


@check("a service leads to its ready endpoints, and its name to the service")
def balance():
    apply(service(), endpoints(one=True, two=True))
    until("both endpoints answer", lambda: answering() == {ONE, TWO}, ignoring=OSError)
    equal(resolve("web.default.svc.cluster.local"), (0, [ADDRESS]))
    equal(resolve("nope.default.svc.cluster.local"), (3, []))
    apply(endpoints(one=False, two=True))
    until("one endpoint is left", lambda: answering() == {TWO}, seconds=3)


@check("a service without a selector leads to the addresses that somebody wrote as its Endpoints")
def mirrored():
    place = "10.96.7.8"

    def written(*addresses):
        return {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "outside"}, "subsets": [
            {"addresses": [{"ip": address} for address in addresses], "ports": [{"port": 8080}]}] if addresses else []}

    def refused():
        try:
            ask(place)
        except ConnectionRefusedError:
            return True

    apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outside"},
           "spec": {"clusterIP": place, "ports": [{"port": 80, "targetPort": 8080}]}}, written(ONE))
    until("the address answers", lambda: ask(place) == ONE, ignoring=OSError)
    apply(written(ONE, TWO))
    until("both answer", lambda: {ask(place) for _ in range(20)} == {ONE, TWO}, ignoring=OSError)
    apply(written())
    until("nobody answers", refused, seconds=3)


@check("without endpoints connections are refused")
def refusal():
    apply(endpoints(one=False))

    def refused():
        try:
            ask()
        except ConnectionRefusedError:
            return True

    until("refused", refused, seconds=3)
    apply(endpoints(one=True))
    until("back", lambda: ask() == ONE, seconds=3, ignoring=OSError)


@check("a node port and an address of the pool lead there, too")
def outside():
    apply(service("LoadBalancer", ports=[{"name": "http", "port": 80, "targetPort": 8080, "nodePort": 30080}]))
    until("the address of the pool", lambda: ask(BALANCER) == ONE, seconds=5, ignoring=OSError)
    equal(ask("127.0.0.1", 30080), ONE)
    names = {"80/tcp (service default/web)", "30080/tcp (service default/web)"}
    equal({line for line in exposed() if "service" in line}, names)
    # The cluster's own addresses are out of reach, and so is who listens there.
    equal([line for line in exposed() if line.startswith(("443/", "53/", "26443/"))], [])


@check("rules that somebody flushed are back within two seconds")
def flush():
    subprocess.run(["nft", "flush", "ruleset"], check=True)
    until("back", lambda: ask() == ONE, seconds=2, ignoring=OSError)


@check("services go on without the agent, and it takes up what happened meanwhile")
def restart():
    AGENT.end(signal.SIGKILL)
    equal(ask(), ONE)
    equal("30080/tcp (service default/web)" in exposed(), True)
    apply(endpoints(two=True))
    AGENT.start()
    until("the change is taken up", lambda: answering() == {TWO}, seconds=15, ignoring=OSError)
    equal(resolve("web.default.svc.cluster.local"), (0, [ADDRESS]))


try:
    main()
finally:
    AGENT.end(signal.SIGTERM)
    SERVER.stop()
