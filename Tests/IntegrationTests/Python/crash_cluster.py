#!/usr/bin/env python3
"""kill -9 of server, agent and engine at random moments, while objects are written and pods come and go:
crash_cluster.py PATH-OF-BULKHEADD FOLDER ROUNDS SEED

After each: every acknowledged write is there, watches that were resumed have seen each change once and in order, no pod was started anew,
no workload has had more pods than it may, and what engine and kernel have is what the pods that are there need.
"""
import base64
import http.client
import json
import os
import random
import signal
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

from checks import check, equal, main
from pod_leftovers import Place
from service import Local, Server, exchange, free_port

# Rules, addresses and links end with the namespace.
if os.environ.get("BULKHEAD_TEST_INSIDE") != "yes":
    os.environ["BULKHEAD_TEST_INSIDE"] = "yes"
    os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv])
for words in ("link set lo up", "link add uplink type veth peer name outside", "link set outside up",
              "address add 198.51.100.2/24 dev uplink", "link set uplink up", "route add default via 198.51.100.1"):
    subprocess.run(["ip", *words.split()], check=True)

PROGRAM, FOLDER, ROUNDS, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
SOURCES = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
IMAGE = "local/tool:1"
MAPS, PODS = "/api/v1/namespaces/churn/configmaps", "/api/v1/namespaces/work/pods"
# How many changes of others may lie between a workload's change and what its controller makes of it.
SLACK = 300
# Either end may be gone at any moment of an exchange.
GONE = (OSError, http.client.HTTPException)
FAULTS = []
STOP = threading.Event()


class FixedServer(Server):
    """Its address for the cluster stays the same when it is started again."""

    def __init__(self, program, folder):
        self.cluster = free_port()
        super().__init__(program, folder)

    def command(self):
        return super().command()[:-1] + [f"127.0.0.1:{self.cluster}"]


class Role:
    """Engine or agent."""

    def __init__(self, name, *arguments):
        self.name = name
        self.arguments = [PROGRAM, name, "--root", SERVER.root, "--run", SERVER.run, *arguments]
        self.start()

    def start(self):
        with open(f"{FOLDER}/{self.name}.log", "a") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        with open(f"{FOLDER}/{self.name}.pid", "w") as file:
            file.write(str(self.process.pid))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)


SERVER = FixedServer(PROGRAM, FOLDER)
CONFIG = FOLDER + "/engine.yaml"
with open(CONFIG, "w") as file:
    file.write("{}\n")
ENGINE = Role("engine", "--config", CONFIG)
AGENT = Role("agent")
ROLES = {"server": SERVER, "engine": ENGINE, "agent": AGENT}


def trust():
    """The administrator's certificate; it outlives the server that made it."""
    with open(SERVER.run + "/server/admin.kubeconfig") as file:
        text = file.read()
    pem = FOLDER + "/administrator.pem"
    with open(pem, "wb") as file:
        for key in ("client-certificate-data", "client-key-data"):
            file.write(base64.b64decode(text.split(key + ":")[1].split()[0].strip('"')))
    context = ssl.create_default_context(cafile=SERVER.authority)
    context.load_cert_chain(pem)
    return context


TRUST = trust()


class Session:
    """Requests on a kept connection."""

    def __init__(self):
        self.link = None

    def begin(self, method, path, body=None, kind="application/json"):
        if self.link is None:
            self.link = http.client.HTTPSConnection("127.0.0.1", SERVER.cluster, timeout=90, context=TRUST)
        try:
            self.link.request(method, path, json.dumps(body) if body is not None else None, {"Content-Type": kind})
            return self.link.getresponse()
        except GONE:
            self.close()
            raise

    def ask(self, method, path, body=None, kind="application/json"):
        answer = self.begin(method, path, body, kind)
        try:
            return answer.status, json.loads(answer.read())
        except GONE:
            self.close()
            raise

    def close(self):
        if self.link is not None:
            self.link.close()
            self.link = None


def ask(method, path, body=None, expected=(200, 201)):
    status, answer = Session().ask(method, path, body)
    if status not in expected:
        raise AssertionError(f"{method} {path}: {status} {answer.get('message')}")
    return answer


def fault(text):
    FAULTS.append(text)


def thread(work, *arguments):
    """Faults of threads are those of the round."""
    def run():
        try:
            work(*arguments)
        except Exception as failure:
            fault(f"{work.__qualname__}: {type(failure).__name__}: {failure}")
    made = threading.Thread(target=run, daemon=True)
    made.start()
    return made


class Follower:
    """A watch that is resumed where it broke, from what it has seen last. Each change has to come once, in order."""

    def __init__(self, path, take):
        self.path, self.take = path, take
        first = ask("GET", path)
        self.revision = int(first["metadata"]["resourceVersion"])
        self.begun = 0
        for item in first["items"]:
            take("ADDED", int(item["metadata"]["resourceVersion"]), item)
        thread(self.run)

    def run(self):
        while True:
            session = Session()
            try:
                self.watch(session)
            except GONE:
                time.sleep(0.02)
            session.close()

    def watch(self, session):
        answer = session.begin("GET", f"{self.path}?watch=true&allowWatchBookmarks=true&resourceVersion={self.revision}")
        equal(answer.status, 200)
        self.begun += 1
        while line := answer.readline():
            if not line.endswith(b"\n"):
                return
            event = json.loads(line)
            self.see(event["type"], event["object"])

    def see(self, kind, item):
        if kind == "ERROR":
            raise AssertionError(f"the watch of {self.path} from {self.revision}: {item}")
        revision = int(item["metadata"]["resourceVersion"])
        if revision < self.revision or revision == self.revision and kind != "BOOKMARK":
            raise AssertionError(f"{kind} at {revision} came after {self.revision} in the watch of {self.path}")
        self.revision = revision
        if kind != "BOOKMARK":
            self.take(kind, revision, item)


class Writer:
    """A client that alone writes some ConfigMaps and knows what has to be there."""

    def __init__(self, number, generator):
        self.generator, self.session = generator, Session()
        self.names = [f"w{number}-{index}" for index in range(6)]
        self.told = {name: [] for name in self.names}  # (what, revision, text) of each change, in order
        self.unsure = None  # a change that was not answered: (name, what, text)
        self.count = 0

    def state(self, name):
        """(revision, text) of what has to be there; None: nothing."""
        if not self.told[name] or self.told[name][-1][0] == "DELETED":
            return None
        return self.told[name][-1][1:]

    def run(self):
        while not STOP.is_set():
            try:
                self.settle()
                self.step()
                time.sleep(self.generator.random() * 0.01)
            except GONE:
                time.sleep(0.02)

    def step(self):
        name = self.generator.choice(self.names)
        text = f"{self.generator.getrandbits(60):x}" * self.generator.choice([1, 1, 1, 200])
        state = self.state(name)
        choice = self.generator.random()
        document = {"metadata": {"name": name}, "data": {"text": text}}
        if state is None:
            self.change(name, "ADDED", text, "POST", MAPS, document)
        elif choice < 0.2:
            self.change(name, "DELETED", None, "DELETE", f"{MAPS}/{name}", None)
        elif choice < 0.6:
            # Nobody else writes it: it is at the revision that was told.
            document["metadata"]["resourceVersion"] = str(state[0])
            self.change(name, "MODIFIED", text, "PUT", f"{MAPS}/{name}", document)
        else:
            self.change(name, "MODIFIED", text, "PATCH", f"{MAPS}/{name}", {"data": {"text": text}})

    def change(self, name, what, text, method, path, body):
        self.unsure = (name, what, text)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        status, answer = self.session.ask(method, path, body, kind)
        if status not in (200, 201):
            raise AssertionError(f"{method} {path}: {status} {answer.get('message')}")
        self.note(name, what, None if what == "DELETED" else int(answer["metadata"]["resourceVersion"]), text)
        self.count += 1

    def mark(self):
        """A change after all others; its revision."""
        name, text = self.names[0], f"{self.generator.getrandbits(60):x}"
        if self.state(name) is None:
            self.change(name, "ADDED", text, "POST", MAPS, {"metadata": {"name": name}, "data": {"text": text}})
        else:
            self.change(name, "MODIFIED", text, "PATCH", f"{MAPS}/{name}", {"data": {"text": text}})
        return self.state(name)[0]

    def note(self, name, what, revision, text):
        self.told[name].append((what, revision, text))
        self.unsure = None

    def settle(self):
        """What became of the change that was not answered: it was made wholly or not at all."""
        if self.unsure is None:
            return
        name, what, text = self.unsure
        status, answer = self.session.ask("GET", f"{MAPS}/{name}")
        found = None if status == 404 else (int(answer["metadata"]["resourceVersion"]), answer["data"]["text"])
        if found == self.state(name):
            self.unsure = None
        elif found is None and what == "DELETED":
            self.note(name, what, None, None)
        elif found is not None and what != "DELETED" and found[1] == text:
            self.note(name, what, *found)
        else:
            raise AssertionError(f"{name} was {self.state(name)} and {what} {text}: it is {found}")


def text_of(item):
    """Nothing for the one that every namespace has from its beginning."""
    return item["data"].get("text")


class Maps:
    """What the watch of ConfigMaps has seen."""

    def __init__(self):
        self.events = []  # (what, revision, name, text)

    def take(self, what, revision, item):
        self.events.append((what, revision, item["metadata"]["name"], text_of(item)))

    def compare(self, writers, marker):
        deadline = time.monotonic() + 20
        while not any(event[1] == marker for event in self.events[-20:]):
            if time.monotonic() > deadline or FAULTS:
                raise AssertionError(f"the watch has not seen revision {marker}; {FAULTS}")
            time.sleep(0.01)
        seen = {}
        for what, revision, name, text in self.events:
            seen.setdefault(name, []).append((what, revision, text))
        there = {item["metadata"]["name"]: (int(item["metadata"]["resourceVersion"]), text_of(item))
                 for item in ask("GET", MAPS)["items"]}
        for writer in writers:
            for name in writer.names:
                equal((name, there.get(name)), (name, writer.state(name)))
                blurred = [event if event[0] != "DELETED" else ("DELETED", None, None) for event in seen.get(name, [])]
                equal((name, blurred), (name, writer.told[name]))

    def replay(self, since, until):
        """A watch that begins in the past sees the same."""
        expected = [event for event in self.events if since < event[1] <= until]
        session, found = Session(), []
        answer = session.begin("GET", f"{MAPS}?watch=true&resourceVersion={since}")
        while not found or found[-1][1] < until:
            event = json.loads(answer.readline())
            item = event["object"]
            if event["type"] == "ERROR":
                raise AssertionError(f"the watch of the past from {since}: {item}")
            found.append((event["type"], int(item["metadata"]["resourceVersion"]), item["metadata"]["name"], text_of(item)))
        session.close()
        equal(found, expected)


def workload(kind, name, replicas, command="trap exit TERM; sleep 100000 & wait", **container):
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "containers": [{"name": "c", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", command],
                            **container}]}}
    if name != "rolling":
        # What a crash may leave behind: mounts and folders.
        mounts = [{"name": "m", "mountPath": "/m"}, {"name": "c", "mountPath": "/c"}]
        template["spec"]["volumes"] = [
            {"name": "m", "emptyDir": {"medium": "Memory"}}, {"name": "c", "configMap": {"name": "conf"}}]
        template["spec"]["containers"][0]["volumeMounts"] = mounts
        template["spec"]["initContainers"] = [
            {"name": "i", "image": IMAGE, "imagePullPolicy": "Never", "command": ["cp", "/c/key", "/m/key"], "volumeMounts": mounts}]
    spec = {"replicas": replicas, "template": template}
    if kind == "Deployment":
        spec["selector"] = {"matchLabels": {"app": name}}
        spec["strategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return {"kind": kind, "metadata": {"name": name}, "spec": spec}


class Workload:
    """A controller or deployment whose number of replicas changes, and how many pods it may have at a revision."""

    def __init__(self, kind, name, replicas, surge, generator):
        group = "/apis/apps/v1" if kind == "Deployment" else "/api/v1"
        plural = "deployments" if kind == "Deployment" else "replicationcontrollers"
        self.place = f"{group}/namespaces/work/{plural}"
        self.path, self.name, self.surge, self.generator = f"{self.place}/{name}", name, surge, generator
        made = ask("POST", self.place, workload(kind, name, replicas))
        revision = int(made["metadata"]["resourceVersion"])
        self.rolls = kind == "Deployment"
        self.changes = [(revision, revision, replicas)]  # earliest and latest revision of the change, and to what
        self.unsure = None
        self.session = Session()

    @property
    def replicas(self):
        return self.changes[-1][2]

    def limit(self, revision):
        latest = [high for _, high, _ in self.changes[1:]] + [revision]
        return self.surge + max(value for (low, _, value), end in zip(self.changes, latest)
                                if low <= revision <= end + SLACK)

    def run(self):
        while not STOP.is_set():
            try:
                self.settle()
                if STOP.wait(0.05 + self.generator.random() * 0.5):
                    return
                self.step()
            except GONE:
                time.sleep(0.02)

    def step(self):
        if self.rolls and self.generator.random() < 0.4:
            mark = {"spec": {"template": {"metadata": {"annotations": {"mark": f"{self.generator.getrandbits(30)}"}}}}}
            self.patch(mark)
            return
        # Before it is sent: pods may be there before the answer is.
        self.unsure = self.generator.randrange(0, 4)
        answer = self.patch({"spec": {"replicas": self.unsure}})
        self.note(answer, answer)

    def patch(self, body):
        status, answer = self.session.ask("PATCH", self.path, body, "application/merge-patch+json")
        if status != 200:
            raise AssertionError(f"PATCH {self.path}: {status} {answer.get('message')}")
        return answer

    def note(self, earliest, latest):
        self.changes.append(
            (int(earliest["metadata"]["resourceVersion"]), int(latest["metadata"]["resourceVersion"]), self.unsure))
        self.unsure = None

    def settle(self):
        if self.unsure is None:
            return
        status, answer = self.session.ask("GET", self.path)
        equal(status, 200)
        if answer["spec"]["replicas"] == self.unsure:
            self.note({"metadata": {"resourceVersion": self.changes[-1][1]}}, answer)
        else:
            equal(answer["spec"]["replicas"], self.replicas)
            self.unsure = None


class Pods:
    """What the watch of pods has seen; looks at each change."""

    def __init__(self, workloads):
        self.workloads = {one.name: one for one in workloads}
        self.pods = {}  # by name
        self.containers = {}  # the container of a pod, by the pod's identity
        self.made = 0

    def take(self, what, revision, pod):
        meta, status = pod["metadata"], pod.get("status", {})
        self.pods[meta["name"]] = pod
        if what == "DELETED":
            del self.pods[meta["name"]]
            self.containers.pop(meta["uid"], None)
            return
        self.look_at_container(meta, status)
        self.made += what == "ADDED"
        one = self.workloads.get(meta["labels"].get("app"))
        if what == "ADDED" and one:
            mine = [name for name, pod in self.pods.items() if pod["metadata"]["labels"].get("app") == one.name and is_active(pod)]
            # What is asked for is only known once it was answered.
            limit = max(one.limit(revision), one.surge + (one.unsure or 0))
            if len(mine) > limit:
                fault(f"{one.name} may have {limit} pods at {revision} and has {mine}")

    def unlike(self, items):
        """Where what was seen is not what there is."""
        def revisions(pods):
            return {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in pods}
        seen, there = revisions(list(self.pods.values())), revisions(items)
        return [f"{name}: seen {seen.get(name)}, there {there.get(name)}" for name in sorted(set(seen) | set(there))
                if seen.get(name) != there.get(name)]

    def look_at_container(self, meta, status):
        for container in status.get("containerStatuses", []):
            # One that was made and has not run yet may go for another.
            identity = "running" in container.get("state", {}) and container["containerID"]
            known = self.containers.get(meta["uid"])
            if container.get("restartCount"):
                fault(f"{meta['name']} was restarted: {container}")
            if identity and known and identity != known:
                fault(f"{meta['name']} has another container than before: {known}, {identity}")
            if identity:
                self.containers[meta["uid"]] = identity
            if "terminated" in container.get("state", {}) and "deletionTimestamp" not in meta:
                fault(f"{meta['name']} has ended: {container}")


def is_active(pod):
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in ("Succeeded", "Failed")


def is_ready(pod):
    conditions = pod.get("status", {}).get("conditions", [])
    return is_active(pod) and any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)


def told_of(pod):
    """Why a pod may not be ready."""
    status = pod.get("status", {})
    states = [item.get("state") for name in ("initContainerStatuses", "containerStatuses") for item in status.get(name, [])]
    return status.get("phase"), pod["metadata"].get("deletionTimestamp"), states


def engine(method, path, body=None, headers=None):
    return exchange(Local(SERVER.run + "/docker.sock"), method, path, body, headers or {})


def containers():
    """Of the engine: identity to whether it runs."""
    status, answer, _ = engine("GET", "/containers/json?all=1")
    equal(status, 200)
    return {item["Id"]: item["State"] for item in json.loads(answer)}


def settled(what, body, seconds=120):
    """Asks until nothing is wrong; what was wrong last stands in the error."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            wrong = body()
        except GONE as failure:
            wrong = [repr(failure)]
        if not wrong:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}: {'; '.join(wrong)[:2000]}")
        time.sleep(0.05)


PLACE = Place(FOLDER, SERVER.root, SERVER.run, containers)
STEADY = {"bare": 1, "steady": 2}


class Cluster:
    """All of it, and what has to be true."""

    def __init__(self, generator):
        self.generator = generator
        self.writers = [Writer(number, random.Random(generator.getrandbits(60))) for number in range(3)]
        self.marker = Writer("marker", generator)
        self.workloads = []
        self.maps = Maps()
        self.steady = {}

    def begin(self):
        for name in ("churn", "work"):
            ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        probe = {"exec": {"command": ["true"]}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 10}
        steady = workload("ReplicationController", "steady", 2, livenessProbe=probe)
        ask("POST", "/api/v1/namespaces/work/configmaps", {"metadata": {"name": "conf"}, "data": {"key": "value"}})
        bare = workload("ReplicationController", "bare", 1)["spec"]["template"]
        bare["metadata"]["name"] = "bare"
        ask("POST", "/api/v1/namespaces/work/replicationcontrollers", steady)
        ask("POST", PODS, {"kind": "Pod", **bare})
        for kind, name, surge in (("ReplicationController", "churn", 0), ("Deployment", "rolling", 1)):
            self.workloads.append(Workload(kind, name, 1, surge, random.Random(self.generator.getrandbits(60))))
        ask("POST", "/api/v1/namespaces/work/services",
            {"metadata": {"name": "churn"}, "spec": {"selector": {"app": "churn"}, "ports": [{"port": 80}]}})
        self.pods = Pods(self.workloads)
        self.followers = [Follower(MAPS, self.maps.take), Follower(PODS, self.pods.take)]
        settled("all pods are ready", self.wrong)
        self.steady = self.told_of_steady()
        equal(len(self.steady), 3)

    def told_of_steady(self):
        told = {}
        for pod in ask("GET", PODS)["items"]:
            if pod["metadata"]["labels"]["app"] in STEADY:
                container = pod["status"]["containerStatuses"][0]
                state = json.loads(engine("GET", f"/containers/{container['containerID'].split('//')[1]}/json")[1])["State"]
                told[pod["metadata"]["uid"]] = (
                    container["containerID"], container["restartCount"], container["state"], container["ready"],
                    pod["status"]["startTime"], pod["status"]["podIP"], state["Pid"], state["StartedAt"])
        return told

    def wrong(self):
        """Why it is not quiet yet."""
        pods = ask("GET", PODS)["items"]
        wanted = dict(STEADY) | {one.name: one.replicas for one in self.workloads}
        found = [f"{pod['metadata']['name']} is not ready: {told_of(pod)}" for pod in pods if not is_ready(pod)]
        for name, count in wanted.items():
            mine = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["labels"]["app"] == name]
            if len(mine) != count:
                found.append(f"{name} has {mine}, not {count}")
        for one in self.workloads:
            document = ask("GET", one.path)
            status = document["status"]
            told = (status.get("observedGeneration"), status.get("replicas", 0), status.get("readyReplicas", 0))
            if told != (document["metadata"]["generation"], one.replicas, one.replicas):
                found.append(f"{one.name} tells {told}")
            if one.rolls and status.get("updatedReplicas", 0) != one.replicas:
                found.append(f"{one.name} is not rolled out")
        return found or PLACE.differences(pods)

    def round(self):
        since = self.followers[0].revision
        STOP.clear()
        threads = [thread(one.run) for one in self.writers + self.workloads]
        draw = self.generator
        victims = draw.choice([["server"], ["server"], ["agent"], ["agent"], ["engine"], ["engine"], ["server", "agent"],
                               ["agent", "engine"], ["server", "engine"], ["server", "agent", "engine"]])
        time.sleep(0.05 + draw.random() * 1.2)
        for name in victims:
            ROLES[name].process.send_signal(signal.SIGKILL)
        for name in victims:
            ROLES[name].process.wait(30)
        time.sleep(draw.choice([0, 0, draw.random()]))
        for name in draw.sample(victims, len(victims)):
            ROLES[name].start()
        time.sleep(draw.random() * 0.7)
        STOP.set()
        for one in threads:
            one.join(60)
            if one.is_alive():
                fault("a client did not come back")
        self.compare(since)
        return victims

    def compare(self, since):
        for one in self.writers + self.workloads:
            # Its connection may be one that broke.
            settled("an answer to what became of a change", one.settle)
        self.marker.session.close()
        last = self.marker.mark()
        self.maps.compare(self.writers + [self.marker], last)
        self.maps.replay(since, last)
        settled("all is as it is asked for", self.wrong)
        settled("the watch of pods has seen what there is", lambda: self.pods.unlike(ask("GET", PODS)["items"]))
        equal(self.told_of_steady(), self.steady)
        for name in ("server/cluster/cluster.sqlite", "engine/engine.sqlite"):
            with sqlite3.connect(f"file:{SERVER.root}/{urllib.parse.quote(name)}?mode=ro", uri=True) as database:
                equal(database.execute("PRAGMA quick_check").fetchall(), [("ok",)])
            database.close()
        if FAULTS:
            raise AssertionError("; ".join(FAULTS[:5]))

    def told(self):
        return {"writes": sum(writer.count for writer in self.writers), "changes seen": len(self.maps.events),
                "pods made": self.pods.made, "scalings": sum(len(one.changes) for one in self.workloads),
                "watches resumed": sum(follower.begun - 1 for follower in self.followers)}


CLUSTER = Cluster(random.Random(SEED))


@check("pods of each sort run, and engine and kernel have what they need and nothing else")
def begin():
    settled("the engine serves", lambda: engine("GET", "/_ping")[0] != 200)
    rootfs = subprocess.run([SOURCES + "/Benchmarks/busybox-rootfs"], check=True, capture_output=True).stdout
    path = "/images/create?fromSrc=-&repo=local/tool&tag=1"
    equal(engine("POST", path, rootfs, {"Content-Type": "application/x-tar"})[0], 200)
    settled("the node is ready", lambda: not any(
        item["type"] == "Ready" and item["status"] == "True"
        for node in ask("GET", "/api/v1/nodes")["items"] for item in node["status"].get("conditions", [])) and ["no"])
    CLUSTER.begin()


@check(f"{ROUNDS} rounds of kill -9 lose no write, no change, restart no pod, and leave nothing (seed {SEED})")
def rounds():
    if FAULTS or not CLUSTER.steady:
        raise AssertionError(f"it did not begin: {FAULTS}")
    kills = {}
    for number in range(1, ROUNDS + 1):
        start = time.monotonic()
        try:
            victims = CLUSTER.round()
        except Exception as failure:
            raise AssertionError(f"round {number}: {type(failure).__name__}: {failure}; {FAULTS[:5]}") from failure
        for name in victims:
            kills[name] = kills.get(name, 0) + 1
        if ROUNDS >= 20:
            print(f"round {number}: {'+'.join(victims)}: {time.monotonic() - start:.1f} s", flush=True)
    print("#", json.dumps({"killed": kills} | CLUSTER.told()), flush=True)


@check("what is deleted goes wholly")
def end():
    for one in CLUSTER.workloads:
        one.patch({"spec": {"replicas": 0}})
    for name in ("churn", "work"):
        ask("DELETE", f"/api/v1/namespaces/{name}")
    settled("no pod, and nothing of one, is left", lambda: [
        pod["metadata"]["name"] for pod in ask("GET", "/api/v1/pods")["items"]] or PLACE.differences([]))
    equal(PLACE.cgroups(), [])
    settled("the namespaces are gone", lambda: [
        item["metadata"]["name"] for item in ask("GET", "/api/v1/namespaces")["items"] if item["metadata"]["name"] in ("churn", "work")])


try:
    main()
finally:
    AGENT.stop()
    ENGINE.stop()
    SERVER.stop()
