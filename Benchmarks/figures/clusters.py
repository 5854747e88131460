"""Rows of the cluster benchmark: requests by wrk and over connections of one's own, watches, controllers, memory, starts."""

import base64
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

from figures import materials

HERE = pathlib.Path(__file__).resolve().parent
NAMESPACE = "bench"
WATCHERS, CHANGES = 1000, 10
PODS, REPLICAS, MAPS, STEPS = 1000, 100, 20_000, 8
READY_SECONDS = 60
PATCH = "application/apply-patch+yaml"
ROLE = {"rules": [{"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]}]}


def _bare(kind, version, name, **more):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, **more}


def pod(name):
    spec = {"nodeName": "elsewhere", "containers": [{"name": "web", "image": "registry.example/web:1", "ports": [{"containerPort": 80}],
                                                    "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}]}
    return _bare("Pod", "v1", name, spec=spec)


def deployment(name, replicas, image="web:1"):
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": image}]}}
    return _bare("Deployment", "apps/v1", name, spec={"replicas": replicas, "selector": {"matchLabels": labels}, "template": template})


class Cluster:
    """A `bulkheadd server` of the benchmark's own, spoken to as a service account whose rights come from a role."""

    name = "bulkhead"

    def __init__(self, programs):
        self.program = f"{programs}/bulkheadd"
        self.folder = tempfile.mkdtemp(prefix="bulkhead-bench-cluster-", dir="/var/tmp")
        os.chmod(self.folder, 0o755)
        self.process = None
        # All that watch come from one address.
        self.settings = f"{self.folder}/server.yaml"
        with open(self.settings, "w", encoding="ascii") as file:
            file.write(f"limits: {{connections: {2 * WATCHERS}, connectionsPerAddress: {2 * WATCHERS}}}\n")
        os.chmod(self.settings, 0o644)

    def start(self):
        """Starts the server; seconds until it says that it is ready."""
        begin = time.perf_counter()
        with open(f"{self.folder}/server.log", "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [self.program, "server", "--config", self.settings, "--root", f"{self.folder}/root", "--run", f"{self.folder}/run", "--listen", "127.0.0.1:0",
                 "--kubernetes-listen", f"127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while time.perf_counter() - begin < READY_SECONDS:
            try:
                with self.anybody() as connection:
                    connection.request("GET", "/readyz")
                    if connection.getresponse().status == 200:
                        return time.perf_counter() - begin
            except OSError:
                time.sleep(0.005)
        raise RuntimeError("the server did not become ready")

    def prepare(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()
        kubeconfig = pathlib.Path(f"{self.folder}/run/server/admin.kubeconfig").read_text(encoding="utf-8")
        pem = "".join(base64.b64decode(re.search(rf"{key}: *\"?([A-Za-z0-9+/=]+)", kubeconfig)[1]).decode()
                      for key in ("client-certificate-data", "client-key-data"))
        self.certificate = f"{self.folder}/administrator.pem"
        with open(os.open(self.certificate, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as file:
            file.write(pem)
        administrator = self.administrator()
        administrator.call("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        for path, body in (("/api/v1/namespaces/bench/serviceaccounts", _bare("ServiceAccount", "v1", "load")),
                           ("/apis/rbac.authorization.k8s.io/v1/namespaces/bench/roles",
                            _bare("Role", "rbac.authorization.k8s.io/v1", "load", **ROLE)),
                           ("/apis/rbac.authorization.k8s.io/v1/namespaces/bench/rolebindings",
                            _bare("RoleBinding", "rbac.authorization.k8s.io/v1", "load",
                                  roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "load"},
                                  subjects=[{"kind": "ServiceAccount", "name": "load", "namespace": NAMESPACE}]))):
            administrator.call("POST", path, body)
        answer = administrator.call("POST", "/api/v1/namespaces/bench/serviceaccounts/load/token",
                                    {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 7200}})
        self.token = answer["status"]["token"]

    def administrator(self):
        trust = ssl.create_default_context(cafile=f"{self.folder}/root/server/ca/ca.crt")
        trust.load_cert_chain(self.certificate)
        return Client(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=trust), {})

    def anybody(self):
        trust = ssl._create_unverified_context()  # pylint: disable=protected-access
        return _Closing(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=5, context=trust))

    def client(self):
        trust = ssl.create_default_context(cafile=f"{self.folder}/root/server/ca/ca.crt")
        return Client(http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=trust),
                      {"Authorization": f"Bearer {self.token}"})

    def pss_mib(self):
        with open(f"/proc/{self.process.pid}/smaps_rollup", encoding="ascii") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) / 1024

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    def stop(self):
        self.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Closing:
    def __init__(self, connection):
        self.connection = connection

    def __enter__(self):
        return self.connection

    def __exit__(self, *_):
        self.connection.close()


class Client:
    """One connection that is kept."""

    def __init__(self, connection, headers):
        self.connection, self.headers = connection, headers

    def call(self, method, path, body=None, kind="application/json"):
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {**self.headers, "Content-Type": kind, "Accept": "application/json"})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return json.loads(content)


def load(cluster, connections, seconds, path, script=None, headers=()):
    """(requests/s, mean milliseconds, server's CPU milliseconds for each) by wrk; `script`: the media type and the Lua that makes the requests."""
    program, environment = materials.program("wrk")
    command = [program, "-t", "1" if connections == 1 else "2", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "20s",
               "-H", f"Authorization: Bearer {cluster.token}"]
    for header in headers:
        command += ["-H", header]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        if script:
            file.write(_lua(*script))
            file.flush()
            command += ["-s", file.name]
        cpu = cluster.cpu_seconds()
        output = subprocess.run([*command, f"https://127.0.0.1:{cluster.port}{path}"], env=environment, check=True, capture_output=True,
                                text=True, timeout=seconds + 60).stdout
        cpu = cluster.cpu_seconds() - cpu
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{path}: {output[output.index('Requests/sec') - 200:].strip()}")
    total = int(re.search(r"(\d+) requests in", output)[1])
    mean, unit = re.search(r"Latency\s+([\d.]+)(us|ms|s)\b", output).groups()
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1]), float(mean) * {"us": 0.001, "ms": 1, "s": 1000}[unit],
            cpu * 1000 / max(total, 1))


# Each of wrk's threads counts for itself; names hold the thread's and the round's.
_LUA = """
local mark, number = "{mark}", 0
local threads = 0
function setup(thread) thread:set("id", threads); threads = threads + 1 end
function request() number = number + 1; return make(number) end
wrk.headers["Content-Type"] = "{kind}"
"""


def _lua(kind, make):
    """A program of its own for each run, so that no two make the same names."""
    return _LUA.format(mark=os.urandom(4).hex(), kind=kind) + make


CREATE = ("application/json", """
function make(number)
  local name = string.format("m-%s-%d-%d", mark, id, number)
  return wrk.format("POST", nil, nil, '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"' .. name .. '"},"data":{"a":"1"}}')
end
""")

APPLY = (PATCH, """
function make(number)
  local name = string.format("d-%d-%d", id, number % 8)
  local body = '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"' .. name .. '"},"spec":{"replicas":0,"selector":{"matchLabels":{"app":"'
    .. name .. '"}},"template":{"metadata":{"labels":{"app":"' .. name .. '"},"annotations":{"n":"' .. mark .. number
    .. '"}},"spec":{"containers":[{"name":"web","image":"web:1","ports":[{"containerPort":80}]}]}}}}'
  return wrk.format("PATCH", "/apis/apps/v1/namespaces/bench/deployments/" .. name .. "?fieldManager=bench&force=true", nil, body)
end
""")


def requests(cluster, seconds):
    """Rows of single requests."""
    base = f"/api/v1/namespaces/{NAMESPACE}"
    client = cluster.client()
    if not client.call("GET", base + "/pods?fieldSelector=metadata.name%3Done")["items"]:
        client.call("POST", base + "/pods", pod("one"))
    one, sixteen = (load(cluster, count, seconds, base + "/pods/one") for count in (1, 16))
    samples = {"get_one": one[0], "get_sixteen": sixteen[0], "get_cpu": sixteen[2]}
    for key, count in (("create_one", 1), ("create_sixteen", 16)):
        samples[key] = load(cluster, count, seconds, base + "/configmaps", CREATE)[0]
    for key, count in (("apply_one", 1), ("apply_sixteen", 16)):
        samples[key] = load(cluster, count, seconds, base + "/pods", APPLY)[0]
    _parallel(cluster, lambda one, path: one.call("DELETE", path),
              [f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/d-{thread}-{number}" for thread in range(2) for number in range(8)],
              missing_is_fine=True)
    client.call("DELETE", base + "/configmaps")
    return samples


def _parallel(cluster, action, items, workers=4, missing_is_fine=False):
    def work(part):
        client = cluster.client()
        for item in part:
            try:
                action(client, item)
            except RuntimeError as failure:
                if not missing_is_fine or ": 404 " not in str(failure):
                    raise
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, [items[number::workers] for number in range(workers)]))


def lists(cluster, seconds):
    base = f"/api/v1/namespaces/{NAMESPACE}/pods"
    _parallel(cluster, lambda client, name: client.call("POST", base, pod(name)), [f"p{number}" for number in range(PODS)])
    table = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io"
    try:
        return {"list_json": load(cluster, 1, seconds, base)[1], "list_table": load(cluster, 1, seconds, base, headers=[table])[1]}
    finally:
        cluster.client().call("DELETE", base + "?gracePeriodSeconds=0")


def watches(cluster, binary):
    base = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    client = cluster.client()
    client.call("POST", base, _bare("ConfigMap", "v1", "watched", data={"n": "0"}))
    process = subprocess.Popen([binary, "127.0.0.1", str(cluster.port), base + "?watch=true", cluster.token, str(WATCHERS), str(CHANGES)],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the watches did not begin")
        taken = []
        for number in range(CHANGES):
            process.stdin.write("\n")
            process.stdin.flush()
            client.call("PATCH", base + "/watched", {"data": {"n": str(number + 1)}}, "application/merge-patch+json")
            taken.append(float(process.stdout.readline()))
        return {"watch_all": taken}
    finally:
        process.kill()
        process.wait()
        client.call("DELETE", base + "/watched")


def rollout(cluster):
    """Milliseconds from the creation of a Deployment until all its pods exist and are bound."""
    administrator = cluster.administrator()
    room = {"cpu": "1000", "memory": "1000Gi", "pods": "1000"}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "bench"}}
    try:
        administrator.call("POST", "/api/v1/nodes", node)
    except RuntimeError as failure:
        if ": 409 " not in str(failure):
            raise
    administrator.call("PATCH", "/api/v1/nodes/bench/status", {"status": {
        "capacity": room, "allocatable": room, "conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": _now(),
                                                               "lastTransitionTime": _now(), "reason": "Ready", "message": ""}]}},
                       "application/merge-patch+json")
    client, watcher = cluster.client(), cluster.client()
    base = f"/api/v1/namespaces/{NAMESPACE}/pods"
    name = "crowd-" + os.urandom(3).hex()
    version = client.call("GET", base)["metadata"]["resourceVersion"]
    watcher.connection.request("GET", f"{base}?watch=true&resourceVersion={version}", headers=watcher.headers)
    stream = watcher.connection.getresponse()
    begin, bound = time.perf_counter(), set()
    client.call("POST", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments", deployment(name, REPLICAS))
    while len(bound) < REPLICAS:
        made = json.loads(stream.readline())["object"]
        if made["metadata"].get("labels", {}).get("app") == name and made["spec"].get("nodeName"):
            bound.add(made["metadata"]["name"])
    taken = (time.perf_counter() - begin) * 1000
    watcher.connection.close()
    client.call("DELETE", f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}")
    while left := client.call("GET", f"{base}?labelSelector=app%3D{name}")["items"]:
        for one in left:
            if one["metadata"].get("deletionTimestamp"):
                # As its node's agent would.
                client.call("DELETE", f"{base}/{one['metadata']['name']}?gracePeriodSeconds=0")
        time.sleep(0.05)
    return {"deployment": taken}


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def crowd(cluster, seconds):
    """What many objects cost: memory, and a list of them; and how both grow: [(objects, MiB, ms)]."""
    base = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
    before, growth = cluster.pss_mib(), []
    for step in range(STEPS):
        names = [f"c{number}" for number in range(MAPS * step // STEPS, MAPS * (step + 1) // STEPS)]
        _parallel(cluster, lambda client, name: client.call("POST", base, _bare("ConfigMap", "v1", name, data={"text": "x" * 1024})), names)
        time.sleep(1)
        memory = cluster.pss_mib() - before
        growth.append((MAPS * (step + 1) // STEPS, memory, load(cluster, 1, seconds, base)[1]))
    return {"maps_memory": growth[-1][1], "maps_list": growth[-1][2]}, growth
