"""Rows of the pods' benchmark: a node of its own with server, engine and agent, and real pods on it."""

import json
import math
import os
import random
import subprocess
import time

from figures import clusters
from figures.engines import all_processes
from figures.http_unix import Client

IMAGE = "bench/tool:1"
CROWD, REPLICAS = 100, 6
PODS = f"/api/v1/namespaces/{clusters.NAMESPACE}/pods"
CONTROLLERS = f"/api/v1/namespaces/{clusters.NAMESPACE}/replicationcontrollers"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{clusters.NAMESPACE}/deployments"


class Site(clusters.Cluster):
    """All three roles below one folder."""

    def begin(self, rootfs):
        self.roles = {}
        self.prepare()
        policy = f"{self.folder}/engine.yaml"
        with open(policy, "w", encoding="ascii") as file:
            file.write("{}\n")
        os.chmod(policy, 0o644)
        self.role("engine", "--config", policy)
        socket = f"{self.folder}/run/docker.sock"
        _until("the engine answers", lambda: os.path.exists(socket) and os.path.exists(f"{self.folder}/run/cri.sock"))
        self.docker = Client(socket)
        repository, tag = IMAGE.split(":")
        self.docker.send_tar(f"/images/create?fromSrc=-&repo={repository}&tag={tag}", rootfs)
        self.role("agent")
        administrator = self.administrator()
        _until("the node is ready", lambda: any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for node in administrator.call("GET", "/api/v1/nodes")["items"] for condition in node["status"].get("conditions", [])))

    def role(self, name, *more):
        with open(f"{self.folder}/{name}.log", "w", encoding="utf-8") as log:
            self.roles[name] = subprocess.Popen(
                [self.program, name, "--root", f"{self.folder}/root", "--run", f"{self.folder}/run", *more], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)

    def containers(self):
        return self.docker.call("GET", "/containers/json?all=1")

    def whole_pss_mib(self):
        """Of server, engine, agent and what supervises containers."""
        total = 0
        for process, program, arguments in all_processes():
            if os.path.basename(program) in ("bulkheadd", "conmon") and self.folder in arguments:
                try:
                    with open(f"/proc/{process}/smaps_rollup", encoding="ascii") as file:
                        total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
                except (FileNotFoundError, ProcessLookupError):
                    continue
        return total / 1024

    def stop(self):
        for container in self.containers() if "agent" in self.roles else []:
            self.docker.call("DELETE", f"/containers/{container['Id']}?force=1&v=1", accept=(204, 404))
        for name in ("agent", "engine"):
            if name in self.roles:
                self.roles[name].terminate()
                self.roles[name].wait(30)
        super().stop()


def _until(what, holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def _template(name, **more):
    container = {"name": "c", "image": IMAGE, "imagePullPolicy": "Never", **more}
    return {"metadata": {"labels": {"app": name}}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]}}


class Watch:
    """Changes of pods, from now on."""

    def __init__(self, site):
        self.client = site.client()
        version = site.client().call("GET", PODS)["metadata"]["resourceVersion"]
        self.client.connection.request("GET", f"{PODS}?watch=true&resourceVersion={version}", headers=self.client.headers)
        self.stream = self.client.connection.getresponse()

    def next(self):
        event = json.loads(self.stream.readline())
        return event["type"], event["object"]

    def close(self):
        self.client.connection.close()


def _is_ready(pod):
    conditions = pod.get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions) and "deletionTimestamp" not in pod["metadata"]


def crowd(site):
    """Seconds until all pods of a Deployment are ready, and until nothing is left of them."""
    client, watch = site.client(), Watch(site)
    body = clusters.deployment("crowd", CROWD)
    body["spec"]["template"] = _template("crowd", command=["sleep", "100000"])
    begin, ready, gone = time.perf_counter(), set(), set()
    client.call("POST", DEPLOYMENTS, body)
    while len(ready) < CROWD:
        _, pod = watch.next()
        if _is_ready(pod):
            ready.add(pod["metadata"]["name"])
    samples = {"crowd_ready": time.perf_counter() - begin}
    time.sleep(2)
    samples["crowd_pss"] = site.whole_pss_mib()
    begin = time.perf_counter()
    client.call("DELETE", f"{DEPLOYMENTS}/crowd")
    while len(gone) < CROWD:
        kind, pod = watch.next()
        if kind == "DELETED":
            gone.add(pod["metadata"]["name"])
    _until("no container is left", lambda: not site.containers())
    samples["crowd_gone"] = time.perf_counter() - begin
    watch.close()
    return samples


def replaced(site, count):
    """Seconds from the end that is asked for a pod until the one in its place is ready: the time that 99 of 100 keep, and the middle."""
    client = site.client()
    template = _template("web", command=["busybox", "httpd", "-f", "-p", "8080", "-h", "/etc"],
                         readinessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1})
    body = {"apiVersion": "v1", "kind": "ReplicationController", "metadata": {"name": "web"},
            "spec": {"replicas": REPLICAS, "selector": {"app": "web"}, "template": template}}
    watch, ready, known, taken = Watch(site), set(), set(), []
    client.call("POST", CONTROLLERS, body)
    while len(ready) < REPLICAS:
        _, pod = watch.next()
        if _is_ready(pod):
            ready.add(pod["metadata"]["name"])
    for _ in range(count):
        victim = random.choice(sorted(ready))
        known |= ready
        ready.remove(victim)
        begin = time.perf_counter()
        client.call("DELETE", f"{PODS}/{victim}")
        while len(ready) < REPLICAS:
            _, pod = watch.next()
            if pod["metadata"]["name"] not in known and _is_ready(pod):
                ready.add(pod["metadata"]["name"])
        taken.append(time.perf_counter() - begin)
    client.call("DELETE", f"{CONTROLLERS}/web?propagationPolicy=Background")
    watch.close()
    _until("no container is left", lambda: not site.containers())
    taken.sort()
    return {"replaced_late": taken[math.ceil(len(taken) * 0.99) - 1], "replaced": taken}
