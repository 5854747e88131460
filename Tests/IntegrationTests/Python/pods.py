"""Pods by kubectl on a cluster of one node: server, engine and agent, each a process of its own.

    pods.py BULKHEADD FOLDER
"""
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys

from checks import check, equal, main, until
from cluster import IMAGE, Cluster
from scenario import Batch, Client, versions
from scenarios import running
from service import exchange

PROGRAM, FOLDER = sys.argv[1:3]
CLUSTER = Cluster()
SERVER, AGENT = CLUSTER.server, CLUSTER.agent
engine = CLUSTER.ask_engine


def kubectl(*words, typed=None, fails=False, config=SERVER.run + "/server/admin.kubeconfig"):
    home = FOLDER + "/home"
    os.makedirs(home, exist_ok=True)
    done = subprocess.run(
        ["kubectl", "--kubeconfig", config, *words], input=typed or "",
        capture_output=True, text=True, timeout=60, env={"HOME": home, "PATH": os.environ["PATH"]})
    if not fails and done.returncode:
        raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr}")
    return done.stdout + (done.stderr if fails else "")


def pod(name):
    return json.loads(kubectl("get", "pod", name, "-o", "json"))


POD = """apiVersion: v1
kind: Pod
metadata: {name: one, labels: {app: one}}
spec:
  terminationGracePeriodSeconds: 2
  volumes:
    - {name: conf, configMap: {name: conf}}
    - {name: down, downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
    - {name: space, emptyDir: {}}
    - {name: memory, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
  initContainers:
    - {name: first, image: IMAGE, command: [sh, -c, "echo from-init > /space/x"], volumeMounts: [{name: space, mountPath: /space}]}
  containers:
    - name: c
      image: IMAGE
      imagePullPolicy: Never
      command: [sh, -c, "echo \\"$GREETING $POD $(cat /conf/key) $(cat /down/name) $(cat /space/x)\\" > /memory/said; exec sleep 1000"]
      env:
        - {name: GREETING, value: hello}
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
      readinessProbe: {exec: {command: [cat, /memory/said]}, periodSeconds: 1}
      lifecycle: {preStop: {exec: {command: [sh, -c, "echo bye > /space/bye"]}}}
      volumeMounts:
        - {name: conf, mountPath: /conf}
        - {name: down, mountPath: /down}
        - {name: space, mountPath: /space}
        - {name: memory, mountPath: /memory}
""".replace("IMAGE", IMAGE)

RC = """apiVersion: v1
kind: ReplicationController
metadata: {name: web}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: c
          image: IMAGE
          imagePullPolicy: Never
          command: [busybox, httpd, -f, -p, "8080", -h, /etc]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
          livenessProbe: {httpGet: {path: /missing, port: 8080}, periodSeconds: 60, initialDelaySeconds: 60}
""".replace("IMAGE", IMAGE)

TALKER = """apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  restartPolicy: Never
  containers: [{name: c, image: IMAGE, imagePullPolicy: Never, stdin: true, command: [sh, -c, "read line; echo got $line"]}]
""".replace("IMAGE", IMAGE)

CLIENT = """apiVersion: v1
kind: Pod
metadata: {name: NAME, namespace: inside}
spec:
  serviceAccountName: robot
  automountServiceAccountToken: AUTOMOUNT
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "local/client:1", imagePullPolicy: Never, command: [sleep, "1000"]}]
"""
ACCESS = "/var/run/secrets/kubernetes.io/serviceaccount"

FAILING = """apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  restartPolicy: POLICY
  containers: [{name: c, image: IMAGE, imagePullPolicy: Never, command: [sh, -c, "COMMAND"]}]
"""


# The hook flips the pod's readiness while it runs; somebody else has to let the pod go.
HOOKED = """apiVersion: v1
kind: Pod
metadata: {name: hooked, finalizers: [bulkhead.test/held]}
spec:
  terminationGracePeriodSeconds: 20
  volumes: [{name: space, emptyDir: {}}]
  containers:
    - name: c
      image: IMAGE
      imagePullPolicy: Never
      command: [sh, -c, "trap 'exit 0' TERM; touch /space/up; while :; do sleep 0.2; done"]
      readinessProbe: {exec: {command: [test, -e, /space/up]}, periodSeconds: 1, failureThreshold: 1}
      lifecycle:
        preStop: {exec: {command: [sh, -c, "for n in 1 2; do rm /space/up; sleep 1.2; touch /space/up; sleep 1.2; done; echo bye > /proc/1/fd/1"]}}
      volumeMounts: [{name: space, mountPath: /space}]
""".replace("IMAGE", IMAGE)

# As the first process of its container it does not heed SIGTERM.
SLEEPER = """apiVersion: v1
kind: Pod
metadata: {name: sleeper}
spec:
  terminationGracePeriodSeconds: 300
  containers: [{name: c, image: IMAGE, imagePullPolicy: Never, command: [sleep, "1000"]}]
""".replace("IMAGE", IMAGE)

JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: again}
spec:
  podReplacementPolicy: Failed
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: IMAGE, imagePullPolicy: Never, command: [sleep, "1000"]}]
""".replace("IMAGE", IMAGE)

STARTING = """apiVersion: v1
kind: Pod
metadata: {name: starting}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: c
      image: IMAGE
      imagePullPolicy: Never
      command: [sleep, "1000"]
      lifecycle: {postStart: {exec: {command: [sleep, "1000"]}}}
""".replace("IMAGE", IMAGE)


def failing(name, policy, command, image=IMAGE):
    return (FAILING.replace("NAME", name).replace("POLICY", policy).replace("COMMAND", command)
            .replace("IMAGE", image))


def is_ready(document):
    return any(item["type"] == "Ready" and item["status"] == "True" for item in document["status"].get("conditions", []))


@check("the node registers and is ready")
def node():
    CLUSTER.load_image(IMAGE)
    until("the node is ready", lambda: " Ready " in kubectl("get", "nodes", "--no-headers"))
    until("its lease is there", lambda: kubectl("get", "leases", "-n", "kube-node-lease", "-o", "name"))
    name = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    kubectl("label", "node", name, "kubernetes.io/hostname-", "own=kept")
    shown = ["get", "node", name, "-o", "jsonpath={.metadata.labels.own} {.metadata.labels.kubernetes\\.io/hostname}"]
    until("a label by which pods are placed comes again", lambda: kubectl(*shown) == "kept " + name)
    kubectl("label", "node", name, "own-")


@check("a pod with volumes, variables, an init container and a probe becomes ready")
def one():
    kubectl("create", "configmap", "conf", "--from-literal=key=v1")
    kubectl("apply", "-f", "-", typed=POD)
    kubectl("wait", "--for=condition=Ready", "pod/one", "--timeout=30s")
    status = pod("one")["status"]
    equal(status["phase"], "Running")
    equal(status["containerStatuses"][0]["restartCount"], 0)
    uid = pod("one")["metadata"]["uid"]
    with open(f"{SERVER.root}/agent/pods/{uid}/volumes/memory/said") as file:
        equal(file.read().strip(), "hello default v1 one from-init")


@check("what one does when killed: it is started again")
def restart():
    first = pod("one")["status"]["containerStatuses"][0]
    identifier = first["containerID"].split("//")[1]
    status, answer, _ = engine("POST", f"/containers/{identifier}/kill?signal=KILL")
    assert status == 204, answer
    until("it runs again", lambda: pod("one")["status"]["containerStatuses"][0]["restartCount"] == 1)
    kubectl("wait", "--for=condition=Ready", "pod/one", "--timeout=30s")
    last = pod("one")["status"]["containerStatuses"][0]["lastState"]["terminated"]
    equal(last["exitCode"], 137)


@check("three replicas become ready, and another one comes for one that is deleted")
def replicas():
    kubectl("apply", "-f", "-", typed=RC)
    def ready():
        items = json.loads(kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
        return [item["metadata"]["name"] for item in items if is_ready(item) and "deletionTimestamp" not in item["metadata"]]
    names = until("three are ready", lambda: len(ready()) == 3 and ready())
    kubectl("delete", "pod", names[0], "--wait=false")
    until("another one is ready", lambda: len(ready()) == 3 and names[0] not in ready())


@check("pods that end, that fail, and that cannot begin tell so")
def endings():
    kubectl("apply", "-f", "-", typed=failing("done", "Never", "exit 0"))
    kubectl("apply", "-f", "-", typed=failing("failed", "Never", "echo why > /dev/termination-log; exit 3"))
    kubectl("apply", "-f", "-", typed=failing("crashing", "Always", "exit 1"))
    kubectl("apply", "-f", "-", typed=failing("missing", "Always", "exit 0", "local/none:1"))
    until("it succeeds", lambda: pod("done")["status"]["phase"] == "Succeeded")
    until("it fails", lambda: pod("failed")["status"]["phase"] == "Failed")
    end = pod("failed")["status"]["containerStatuses"][0]["state"]["terminated"]
    equal((end["exitCode"], end["reason"], end.get("message")), (3, "Error", "why\n"))
    def waiting(name):
        return pod(name)["status"].get("containerStatuses", [{}])[0].get("state", {}).get("waiting", {}).get("reason")
    until("it backs off", lambda: waiting("crashing") == "CrashLoopBackOff")
    until("its image is missing", lambda: waiting("missing") == "ErrImageNeverPull")


@check("the node's certificate reaches what its pods name, and nothing else")
def rights():
    kubectl("create", "configmap", "other", "--from-literal=a=b")
    name = kubectl("get", "nodes", "-o", "name").strip().split("/")[1]

    def as_node(*words):
        return kubectl(*words, fails=True, config=SERVER.root + "/server/cluster/agent.kubeconfig")

    for words, expected in [
        (("get", "configmap", "conf", "-o", "jsonpath={.data.key}"), "v1"),
        (("get", "configmap", "other"), "no relationship found between node"),
        (("get", "secrets"), "can only read namespaced object of this type"),
        (("get", "pods"), "can only list/watch pods with spec.nodeName field selector"),
        (("get", "pods", "--field-selector=spec.nodeName=" + name), "one"),
        (("delete", "node", name), "forbidden"),
        (("taint", "node", name, "a=b:NoSchedule"), "is not allowed to modify taints"),
    ]:
        answer = as_node(*words)
        assert expected in answer, (words, answer)


@check("logs are shown, cut and followed to their end")
def logs():
    kubectl("apply", "-f", "-", typed=failing("talks", "Never", "echo one; sleep 1; echo two"))
    until("it has begun", lambda: "one" in kubectl("logs", "talks", fails=True))
    equal(kubectl("logs", "-f", "talks"), "one\ntwo\n")
    equal(kubectl("logs", "talks", "--tail=1"), "two\n")
    equal(kubectl("logs", "talks", "--limit-bytes=5"), "one\nt")
    lines = kubectl("logs", "talks", "--timestamps").splitlines()
    equal([line.split(" ", 1)[1] for line in lines], ["one", "two"])
    assert "previous terminated container" in kubectl("logs", "talks", "--previous", fails=True)


@check("a log that is written fast is followed without a gap while it is moved away, and takes no more than its share of the disk")
def rotation():
    count, bursts = 250_000, 3
    # Who follows sees what is written from the newest file on: that has to be the first.
    writes = "echo begun; sleep 5; " + "; ".join(f"seq {count * number + 1} {count * (number + 1)}; sleep 3" for number in range(bursts))
    kubectl("apply", "-f", "-", typed=failing("chatty", "Never", writes))
    until("it writes", lambda: "waiting" not in kubectl("logs", "chatty", "--limit-bytes=1", fails=True))
    first, *lines = kubectl("logs", "-f", "chatty").splitlines()
    equal((first, len(lines), lines == [str(number + 1) for number in range(count * bursts)]), ("begun", count * bursts, True))
    folder = f"{SERVER.root}/agent/pods/{pod('chatty')['metadata']['uid']}/logs/c"
    parts = sorted(os.listdir(folder))
    assert 2 <= len(parts) <= 5 and parts[0] == "0.log", parts
    assert sum(os.path.getsize(f"{folder}/{part}") for part in parts) < 64 << 20, parts


@check("a hook before the end runs to its end while readiness changes, and the server knows how the pod ended before it is gone")
def hooks():
    kubectl("apply", "-f", "-", typed=HOOKED)
    kubectl("wait", "--for=condition=Ready", "pod/hooked", "--timeout=30s")
    following = subprocess.Popen(
        ["kubectl", "--kubeconfig", SERVER.run + "/server/admin.kubeconfig", "logs", "-f", "hooked"], stdout=subprocess.PIPE, text=True,
        env={"HOME": FOLDER + "/home", "PATH": os.environ["PATH"]})
    kubectl("delete", "pod", "hooked", "--wait=false")
    until("it is unready meanwhile", lambda: not is_ready(pod("hooked")))
    equal(following.communicate(timeout=30)[0], "bye\n")
    until("it has ended", lambda: pod("hooked")["status"]["phase"] == "Succeeded")
    equal(pod("hooked")["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"], 0)
    kubectl("patch", "pod", "hooked", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    until("it is gone", lambda: "NotFound" in kubectl("get", "pod", "hooked", fails=True))


@check("a second deletion makes an end sooner")
def sooner():
    kubectl("apply", "-f", "-", typed=SLEEPER)
    kubectl("wait", "--for=condition=Ready", "pod/sleeper", "--timeout=30s")
    kubectl("delete", "pod", "sleeper", "--wait=false")
    until("it is told to end", lambda: "Killing" in kubectl("get", "events", "--field-selector=involvedObject.name=sleeper"))
    kubectl("delete", "pod", "sleeper", "--now", "--timeout=20s")


@check("a job that waits for the end of a pod that was deleted goes on")
def job():
    kubectl("apply", "-f", "-", typed=JOB)
    def names():
        items = json.loads(kubectl("get", "pods", "-l", "job-name=again", "-o", "json"))["items"]
        return [item["metadata"]["name"] for item in items if is_ready(item) and "deletionTimestamp" not in item["metadata"]]
    first = until("its pod runs", names)
    kubectl("delete", "pod", *first, "--wait=false")
    until("another pod runs", lambda: set(names()) - set(first))
    kubectl("delete", "job", "again", "--timeout=30s")


def run(client, *words, typed=None):
    home = f"{FOLDER}/home-{os.path.basename(client)}"
    os.makedirs(home, exist_ok=True)
    return subprocess.run(
        [client, "--kubeconfig", SERVER.run + "/server/admin.kubeconfig", *words], input=typed or "", capture_output=True, text=True,
        timeout=60, env={"HOME": home, "PATH": os.environ["PATH"]})


@check("exec, attach, cp and port-forward, over WebSockets and SPDY")
def streams():
    for number in range(2):
        kubectl("apply", "-f", "-", typed=TALKER.replace("NAME", f"talker{number}"))
        kubectl("wait", "--for=condition=Ready", f"pod/talker{number}", "--timeout=30s")
    web = next(item["metadata"]["name"] for item in json.loads(kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
               if is_ready(item) and "deletionTimestamp" not in item["metadata"])
    for number, client in enumerate(versions()):
        def does(*words, typed=None, code=0):
            done = run(client, *words, typed=typed)
            equal((os.path.basename(client), words, done.returncode, done.stderr if done.returncode != code else ""),
                  (os.path.basename(client), words, code, ""))
            return done

        done = does("exec", "one", "-c", "c", "--", "sh", "-c", "echo out; echo err >&2; exit 3", code=3)
        equal((done.stdout, done.stderr.split("\n")[0]), ("out\n", "err"))
        equal(does("exec", "-i", "one", "--", "cat", typed="hello").stdout, "hello")
        equal(len(does("exec", "one", "--", "head", "-c", "3000000", "/dev/zero").stdout), 3_000_000)
        assert "no-such-program" in run(client, "exec", "one", "--", "no-such-program").stderr
        assert "container none is not valid" in run(client, "exec", "one", "-c", "none", "--", "true").stderr
        assert "got x" in does("attach", "-i", f"talker{number}", typed="x\n").stdout
        path = f"{FOLDER}/copied-{os.path.basename(client)}"
        # No file of a config map: those are links, which kubectl passes over.
        does("cp", "one:/space/x", path)
        with open(path) as file:
            equal(file.read(), "from-init\n")
        forward = subprocess.Popen(
            [client, "--kubeconfig", SERVER.run + "/server/admin.kubeconfig", "port-forward", web, ":8080"], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={"HOME": FOLDER, "PATH": os.environ["PATH"]})
        try:
            port = int(forward.stdout.readline().split("127.0.0.1:")[1].split()[0])
            for _ in range(3):
                equal(get(f"127.0.0.1:{port}", "/hostname"), web)
        except (OSError, http.client.HTTPException) as failure:
            forward.terminate()
            raise AssertionError(f"{os.path.basename(client)}: {failure!r}: {forward.stderr.read()}")
        finally:
            forward.terminate()
            forward.wait(10)
    terminal = subprocess.run(
        ["script", "-qec", f"kubectl --kubeconfig {SERVER.run}/server/admin.kubeconfig exec -it one -- sh -c 'test -t 0 && echo terminal'",
         "/dev/null"], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert "terminal" in terminal.stdout, terminal.stdout


NAMED = """apiVersion: v1
kind: Pod
metadata: {name: named}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: c
      image: IMAGE
      imagePullPolicy: Never
      command: [busybox, httpd, -f, -p, "8080", -h, /etc]
      readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
""".replace("IMAGE", IMAGE)


@check("a session of forwarded ports does not lead to the pod that takes the name of its own")
def successor():
    for client in versions():
        kubectl("apply", "-f", "-", typed=NAMED)
        kubectl("wait", "--for=condition=Ready", "pod/named", "--timeout=30s")
        # kubectl ends where it has no connection to the pod any more; a client that goes on is refused.
        forward = subprocess.Popen(
            [client, "--kubeconfig", SERVER.run + "/server/admin.kubeconfig", "port-forward", "pod/named", ":8080"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"HOME": FOLDER, "PATH": os.environ["PATH"]})
        try:
            port = int(forward.stdout.readline().split("127.0.0.1:")[1].split()[0])
            equal(get(f"127.0.0.1:{port}", "/hostname"), "named")
            kubectl("delete", "pod", "named")
            kubectl("apply", "-f", "-", typed=NAMED)
            kubectl("wait", "--for=condition=Ready", "pod/named", "--timeout=30s")
            try:
                answer = get(f"127.0.0.1:{port}", "/hostname")
            except (OSError, http.client.HTTPException):
                answer = None
            equal((os.path.basename(client), answer), (os.path.basename(client), None))
        finally:
            forward.terminate()
            forward.wait(10)
        kubectl("delete", "pod", "named")


@check("a client that sends what is no frame is cut off, though its command goes on")
def faults():
    with open(SERVER.run + "/server/admin.kubeconfig") as file:
        text = file.read()
    pem = FOLDER + "/administrator.pem"
    with open(pem, "wb") as file:
        for key in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(text.split(key + ":")[1].split()[0].strip('"')))
    trust = ssl.create_default_context(cafile=SERVER.authority)
    trust.load_cert_chain(pem)
    host, port = text.split("server: https://")[1].split()[0].strip('"').rsplit(":", 1)
    with trust.wrap_socket(socket.create_connection((host, int(port)), 10), server_hostname=host) as client:
        client.sendall(
            b"GET /api/v1/namespaces/default/pods/one/exec?container=c&stdin=true&stdout=true&command=sleep&command=1000 HTTP/1.1\r\n"
            b"Host: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n")
        head = client.recv(4096)
        assert head.startswith(b"HTTP/1.1 101 "), head
        # Clients have to mask what they send.
        client.sendall(b"\x82\x01A")
        client.settimeout(10)
        while client.recv(4096):
            pass


def get(address, path):
    connection = http.client.HTTPConnection(address, timeout=5)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()


BUSY = """apiVersion: v1
kind: Pod
metadata: {name: busy, labels: {app: busy}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - {name: works, image: IMAGE, imagePullPolicy: Never, command: [sh, -c, "while :; do :; done"]}
    - {name: rests, image: IMAGE, imagePullPolicy: Never, command: [sleep, "1000"]}
""".replace("IMAGE", IMAGE)


def amount(text, suffix):
    assert text.endswith(suffix), text
    return int(text[:-len(suffix)])


@check("kubectl top tells what nodes, pods and containers use")
def top():
    kubectl("apply", "-f", "-", typed=BUSY)
    kubectl("wait", "--for=condition=Ready", "pod/busy", "--timeout=30s")
    # What was measured is told again for a quarter of a minute.
    until("it is measured", lambda: run(versions()[0], "top", "pod", "busy").returncode == 0)
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    for client in versions():
        def rows(*words):
            done = run(client, "top", *words, "--no-headers")
            equal((os.path.basename(client), words, done.returncode, done.stderr), (os.path.basename(client), words, 0, ""))
            return [line.split() for line in done.stdout.splitlines()]

        name, cores, share, memory, _ = rows("nodes")[0]
        equal(name, node)
        assert amount(cores, "m") >= 100 and amount(share, "%") >= 1 and amount(memory, "Mi") >= 50, rows("nodes")
        parts = {row[1]: (row[0], amount(row[2], "m")) for row in rows("pods", "-l", "app=busy", "--containers")}
        equal(set(parts), {"works", "rests"})
        assert parts["works"][1] >= 100 > 50 > parts["rests"][1], parts
        # Sums of containers, and those that use most first.
        everywhere = rows("pods", "-A", "--sort-by=cpu")
        equal(everywhere[0][:2], ["default", "busy"])
        web = rows("pods", "-l", "app=web")
        equal([len(row) for row in web], [3, 3, 3])
        assert all(amount(row[2], "Mi") >= 0 for row in web), web
    used = json.loads(kubectl("get", "--raw", "/apis/metrics.k8s.io/v1beta1/namespaces/default/pods/busy"))
    equal((used["kind"], used["metadata"]["labels"], sorted(item["name"] for item in used["containers"])),
          ("PodMetrics", {"app": "busy"}, ["rests", "works"]))
    assert "WINDOW" in kubectl("get", "podmetrics") and node in kubectl("get", "nodes.v1beta1.metrics.k8s.io")
    assert 'pods "none" not found' in kubectl("top", "pod", "none", fails=True)
    kubectl("delete", "pod", "busy", "--wait=false")


def platform_status():
    done = subprocess.run(
        [os.path.join(os.path.dirname(PROGRAM), "bulkhead"), "status", "--host", SERVER.run + "/docker.sock", "--server",
         SERVER.run + "/server/admin.sock", "--format", "json"], capture_output=True, text=True, timeout=30)
    return done.returncode, json.loads(done.stdout)


@check("bulkhead status tells of engine, server, cluster and agent")
def platform():
    def seen():
        _, page = platform_status()
        return page if page["Cluster"]["State"] == "up" else None
    page = until("the cluster is well", seen)
    for part in ("Engine", "Server", "Cluster", "Agent"):
        equal((part, page[part]["State"], page[part].get("Problems")), (part, "up", page[part].get("Problems")))
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
    equal((page["Agent"]["Node"], page["Cluster"]["Nodes"], page["Cluster"]["NodesNotReady"]), (node, 1, []))
    assert page["Cluster"]["Pods"]["Running"] >= 4 and page["Cluster"]["Pods"]["Failed"] >= 1, page["Cluster"]
    assert page["Engine"]["Running"] >= 4 and page["Engine"]["FreeBytes"] > 0, page["Engine"]
    assert any(item["object"].startswith("pod/") for item in page["Cluster"]["Warnings"]), page["Cluster"]
    kubectl("create", "deployment", "missing", "--image=local/none:1")
    def unsettled():
        code, page = platform_status()
        return code == 1 and page["Cluster"]["State"] == "degraded" and page["Cluster"]["WorkloadsUnsettled"]
    equal(until("it is told", unsettled),
          [{"kind": "Deployment", "namespace": "default", "name": "missing", "wanted": 1, "available": 0}])
    kubectl("delete", "deployment", "missing")


def exposure(*words):
    done = subprocess.run(
        [os.path.join(os.path.dirname(PROGRAM), "bulkhead"), "--host", f"unix://{SERVER.run}/docker.sock", "exposure", *words],
        capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def openers(port):
    """Who opened a port, and whether it is open."""
    rows = [json.loads(line) for line in exposure("--all", "--format", "json")[1].splitlines()]
    return [(row["OpenedBy"], row["Firewall"]) for row in rows if row["Port"] == int(port)]


@check("a service leads to its pods by address, name and node port, from pods and from the node")
def services():
    kubectl("expose", "rc", "web", "--port=80", "--target-port=8080", "--type=NodePort")
    address, port = kubectl("get", "svc", "web", "-o", "jsonpath={.spec.clusterIP} {.spec.ports[0].nodePort}").split()
    names = set(kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.name}").split())
    until("all answer", lambda: {get(address, "/hostname") for _ in range(40)} == names, ignoring=(OSError,))
    node = kubectl("get", "nodes", "-o", "jsonpath={.items[0].status.addresses[0].address}")
    for place in (node, "127.0.0.1"):
        assert get(f"{place}:{port}", "/hostname") in names
    equal(openers(port), [("node port of service default/web", "open")])
    code, _, complaint = exposure("--allow", "22/tcp")
    others = complaint.replace(",", "").split()
    # The cluster's own address of the API is for pods and the machine alone.
    equal((code, f"{port}/tcp" in others, "443/tcp" in others), (3, True, False))
    for name in ("web", "web.default", "web.default.svc.cluster.local", address):
        said = run(versions()[0], "exec", "one", "--", "timeout", "10", "wget", "-qO-", f"http://{name}/hostname")
        assert said.stdout.strip() in names, (name, said.stdout, said.stderr)
    kubectl("scale", "rc", "web", "--replicas=0")
    def refused():
        try:
            get(address, "/hostname")
        except ConnectionRefusedError:
            return True
        except OSError:
            pass
        return False
    until("nobody is behind it", refused)
    # A pod that ends refuses, too.
    until("nobody gets in", lambda: openers(port) == [("node port of service default/web", "closed")])
    kubectl("scale", "rc", "web", "--replicas=3")
    until("all answer again", lambda: get(address, "/hostname"), ignoring=(OSError,))
    until("three are ready", lambda: "3" == kubectl("get", "rc", "web", "-o", "jsonpath={.status.readyReplicas}"))


def inside(pod, *words):
    """What a command in a pod says, and what it complains of."""
    done = run(versions()[0], "exec", "-n", "inside", pod, "--", *words)
    return done.stdout, done.stderr


def ask_inside(*options):
    """The pods that a pod sees, and why it sees none."""
    said, complaint = inside("client", "sh", "-c", " ".join(
        ["kubectl", "get", "--raw", "/api/v1/namespaces/inside/pods", *options]))
    names = [item["metadata"]["name"] for item in json.loads(said)["items"]] if said else []
    return names, complaint


@check("a pod finds the API by its service and its token, and may there what roles say")
def api():
    program = FOLDER + "/kubectl"
    shutil.copy(versions()[0], program)
    CLUSTER.load_image("local/client:1", program)
    kubectl("create", "namespace", "inside")
    refused = kubectl("apply", "-f", "-", typed=CLIENT.replace("NAME", "client").replace("AUTOMOUNT", "true"), fails=True)
    assert 'pods "client" is forbidden: error looking up service account inside/robot: serviceaccount "robot" not found' in refused, refused
    kubectl("create", "serviceaccount", "robot", "-n", "inside")
    for name, automount in (("client", "true"), ("plain", "false")):
        kubectl("apply", "-f", "-", typed=CLIENT.replace("NAME", name).replace("AUTOMOUNT", automount))
    kubectl("wait", "--for=condition=Ready", "pod/client", "pod/plain", "-n", "inside", "--timeout=30s")
    names, complaint = ask_inside()
    equal(names, [])
    assert 'User "system:serviceaccount:inside:robot" cannot list resource "pods" in API group "" in the namespace "inside"' in complaint, complaint
    kubectl("create", "rolebinding", "view", "--clusterrole=view", "--serviceaccount=inside:robot", "-n", "inside")
    equal(ask_inside()[0], ["client", "plain"])
    flags = [f"--certificate-authority={ACCESS}/ca.crt", f"--token=$(cat {ACCESS}/token)"]
    for name in ("kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"):
        found, complaint = ask_inside(f"--server=https://{name}", *flags)
        equal((name, found, complaint), (name, ["client", "plain"], ""))
    said, _ = inside("plain", "sh", "-c", f"ls {ACCESS}; echo $KUBERNETES_SERVICE_HOST:$KUBERNETES_SERVICE_PORT_HTTPS")
    equal(said, "10.96.0.1:443\n")
    said, _ = inside("client", "cat", ACCESS + "/namespace")
    equal(said, "inside")


def answers_at_service():
    """The machine itself asks; the certificate has to hold for the address."""
    connection = http.client.HTTPSConnection(
        "10.96.0.1", 443, timeout=10, context=ssl.create_default_context(cafile=SERVER.authority))
    return exchange(connection, "GET", "/version", None, {})[0] == 200


def behind_service():
    return kubectl(
        "get", "endpoints", "kubernetes", "-o", "jsonpath={.subsets[0].addresses[0].ip}:{.subsets[0].ports[0].port}", fails=True)


@check("the service of the API comes back when it is deleted, and is nobody else's")
def api_service():
    assert answers_at_service()
    first = kubectl("get", "service", "kubernetes", "-o", "jsonpath={.metadata.uid}")
    kubectl("delete", "service,endpoints", "kubernetes")
    until("it is back", lambda: kubectl(
        "get", "service", "kubernetes", "-o", "jsonpath={.metadata.uid} {.spec.clusterIP}", fails=True).split()[1:] == ["10.96.0.1"])
    assert first != kubectl("get", "service", "kubernetes", "-o", "jsonpath={.metadata.uid}")
    until("it answers", answers_at_service, ignoring=OSError)
    until("its endpoints are back", lambda: behind_service() == "10.96.0.1:26443")
    stolen = kubectl("create", "service", "clusterip", "mine", "--clusterip=10.96.0.1", "--tcp=80", fails=True)
    assert "provided IP is already allocated" in stolen, stolen


@check("a server that listens at every address is reached there, past the agent")
def everywhere():
    SERVER.end(signal.SIGTERM)
    SERVER.kubernetes = "0.0.0.0:0"
    SERVER.start()
    AGENT.end(signal.SIGTERM)
    AGENT.start()
    with open(SERVER.run + "/server/admin.kubeconfig") as file:
        port = file.read().split("server: https://127.0.0.1:")[1].split()[0]
    until("it is behind the service", lambda: behind_service() == f"198.51.100.2:{port}")
    until("it answers", answers_at_service, ignoring=OSError)
    until("pods reach it", lambda: ask_inside()[0] == ["client", "plain"])


@check("an agent that is killed and started anew restarts nothing")
def agent():
    def containers():
        items = json.loads(engine("GET", "/containers/json")[1])
        return {item["Id"]: item["Created"] for item in items if item["Labels"]["io.kubernetes.pod.name"] in before}
    kubectl("apply", "-f", "-", typed=STARTING)
    until("its hook runs", lambda: "Started container" in kubectl("get", "events", "--field-selector=involvedObject.name=starting"))
    before = {item["metadata"]["name"]: item["status"]["containerStatuses"][0] for item in json.loads(
        kubectl("get", "pods", "-l", "app in (one,web)", "-o", "json"))["items"]}
    token, _ = inside("client", "cat", ACCESS + "/token")
    running = containers()
    equal(len(running), len(before))
    AGENT.end(signal.SIGKILL)
    for words in (("nodes",), ("pods",)):
        assert "the agent of the node does not answer" in kubectl("top", *words, fails=True), words
    code, page = platform_status()
    equal((code, page["State"], page["Agent"]["State"], page["Server"]["State"]), (1, "down", "down", "up"))
    assert "start it with" in page["Agent"]["Problems"][0], page["Agent"]
    AGENT.start()
    kubectl("apply", "-f", "-", typed=failing("later", "Never", "exit 0"))
    until("the new agent works", lambda: pod("later")["status"]["phase"] == "Succeeded")
    for name, status in before.items():
        now = pod(name)["status"]["containerStatuses"][0]
        equal((name, now["containerID"], now["restartCount"], now["ready"]),
              (name, status["containerID"], status["restartCount"], True))
    # It remembers no tokens and asks for new ones.
    until("the token is another one", lambda: inside("client", "cat", ACCESS + "/token")[0] not in ("", token))
    equal(ask_inside()[0], ["client", "plain"])
    equal(containers(), running)
    # The hook has gone with the agent that waited for it.
    kubectl("wait", "--for=condition=Ready", "pod/starting", "--timeout=30s")


@check("an agent that cannot begin ends, and says why")
def unable():
    path = FOLDER + "/nonsense"
    with open(path, "w") as file:
        file.write("no kubeconfig\n")
    done = subprocess.run(
        [PROGRAM, "agent", "--root", FOLDER + "/other-root", "--run", FOLDER + "/other-run", "--kubeconfig", path], capture_output=True,
        text=True, timeout=30)
    assert done.returncode == 1 and "is no kubeconfig" in done.stderr, (done.returncode, done.stderr)


CLIENTS = [Client(path, CLUSTER.kubeconfig, FOLDER, number, {"TOOL": IMAGE}) for number, path in enumerate(versions())]
Batch(CLIENTS, running.SCENARIOS, prefix="r")
Batch(CLIENTS, running.ALONE, prefix="a", workers=1)


@check("deleted pods are gone, with all that they had")
def deletion():
    kubectl("delete", "rc", "web", "--wait=false")
    kubectl("delete", "pods", "--all", "--timeout=40s")
    kubectl("delete", "namespace", "inside", "--timeout=40s")
    kubectl("delete", "namespaces", "-l", "scenario", "--wait=false")
    until("no pod is left", lambda: json.loads(kubectl("get", "pods", "-A", "-o", "json"))["items"] == [], seconds=60)
    until("no folder is left", lambda: os.listdir(SERVER.root + "/agent/pods") == [])
    status, answer, _ = engine("GET", "/containers/json?all=1")
    equal((status, json.loads(answer)), (200, []))


try:
    main()
finally:
    CLUSTER.stop()
