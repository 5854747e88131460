"""Pods by kubectl on a cluster of one node: server, engine and agent, each a process of its own.

    pods.py BULKHEADD FOLDER
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time

from checks import check, equal, main, until
from service import Local, Server, exchange

PROGRAM, FOLDER = sys.argv[1:3]
IMAGE = "local/tool:1"


class Role:
    """One of the processes."""

    def __init__(self, name, *arguments):
        self.name = name
        self.arguments = [PROGRAM, name, "--root", SERVER.root, "--run", SERVER.run, *arguments]
        self.start()

    def start(self):
        with open(f"{FOLDER}/{self.name}.log", "a") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)


SERVER = Server(PROGRAM, FOLDER)
CONFIG = FOLDER + "/engine.yaml"
with open(CONFIG, "w") as file:
    file.write("{}\n")
ENGINE = Role("engine", "--config", CONFIG)
# Its rules would be those of the machine that the tests run on: `services` has a namespace of its own.
AGENT = Role("agent", "--without-services")


def kubectl(*words, typed=None, fails=False):
    home = FOLDER + "/home"
    os.makedirs(home, exist_ok=True)
    done = subprocess.run(
        ["kubectl", "--kubeconfig", SERVER.run + "/server/admin.kubeconfig", *words], input=typed or "",
        capture_output=True, text=True, timeout=60, env={"HOME": home, "PATH": os.environ["PATH"]})
    if not fails and done.returncode:
        raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr}")
    return done.stdout + (done.stderr if fails else "")


def pod(name):
    return json.loads(kubectl("get", "pod", name, "-o", "json"))


def engine(method, path, body=None, headers=None):
    return exchange(Local(SERVER.run + "/docker.sock"), method, path, body, headers or {})


def load_image():
    """An image with busybox alone, which needs nothing else."""
    busybox = shutil.which("busybox")
    assert busybox, "busybox is not installed"
    path = FOLDER + "/rootfs.tar"
    with tarfile.open(path, "w") as tar:
        for folder in ("bin", "tmp", "etc", "dev", "proc", "sys"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        tar.add(os.path.realpath(busybox), "bin/busybox")
        for name in ("sh", "sleep", "cat", "echo", "httpd", "kill", "ls", "true", "wget", "id"):
            link = tarfile.TarInfo("bin/" + name)
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    with open(path, "rb") as file:
        status, answer, _ = engine(
            "POST", "/images/create?fromSrc=-&repo=local/tool&tag=1", file.read(), {"Content-Type": "application/x-tar"})
    assert status == 200, answer


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

FAILING = """apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  restartPolicy: POLICY
  containers: [{name: c, image: IMAGE, imagePullPolicy: Never, command: [sh, -c, "COMMAND"]}]
"""


def failing(name, policy, command, image=IMAGE):
    return (FAILING.replace("NAME", name).replace("POLICY", policy).replace("COMMAND", command)
            .replace("IMAGE", image))


def is_ready(document):
    return any(item["type"] == "Ready" and item["status"] == "True" for item in document["status"].get("conditions", []))


@check("the node registers and is ready")
def node():
    until("the engine serves", lambda: engine("GET", "/_ping")[0] == 200, ignoring=(OSError,))
    load_image()
    until("the node is ready", lambda: " Ready " in kubectl("get", "nodes", "--no-headers"))
    lease = json.loads(kubectl("get", "leases", "-n", "kube-node-lease", "-o", "json"))["items"]
    equal(len(lease), 1)


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


@check("an agent that is killed and started anew restarts nothing")
def agent():
    before = {item["metadata"]["name"]: item["status"]["containerStatuses"][0] for item in json.loads(
        kubectl("get", "pods", "-l", "app in (one,web)", "-o", "json"))["items"]}
    AGENT.end(signal.SIGKILL)
    AGENT.start()
    kubectl("apply", "-f", "-", typed=failing("later", "Never", "exit 0"))
    until("the new agent works", lambda: pod("later")["status"]["phase"] == "Succeeded")
    for name, status in before.items():
        now = pod(name)["status"]["containerStatuses"][0]
        equal((name, now["containerID"], now["restartCount"], now["ready"]),
              (name, status["containerID"], status["restartCount"], True))


@check("deleted pods are gone, with all that they had")
def deletion():
    kubectl("delete", "rc", "web", "--wait=false")
    kubectl("delete", "pods", "--all", "--timeout=40s")
    until("no pod is left", lambda: json.loads(kubectl("get", "pods", "-o", "json"))["items"] == [])
    until("no folder is left", lambda: os.listdir(SERVER.root + "/agent/pods") == [])
    status, answer, _ = engine("GET", "/containers/json?all=1")
    equal((status, json.loads(answer)), (200, []))


try:
    main()
finally:
    AGENT.end(signal.SIGTERM)
    ENGINE.end(signal.SIGTERM)
    SERVER.stop()
