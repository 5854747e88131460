"""What an application is on a cluster of one node: manifests, images of a private project, and requests that go on while its pods change.

    voting.py BULKHEADD FOLDER
"""
import base64
import http.client
import json
import os
import pathlib
import shutil
import sys
import threading

from checks import check, equal, main, until
from cluster import IMAGE, Cluster
from scenario import Client, versions
from service import PASSWORD

FOLDER = sys.argv[2]
MANIFESTS = pathlib.Path(__file__).resolve().parents[3] / "examples/voting-app/k8s"
CLUSTER = Cluster()
SERVER, engine = CLUSTER.server, CLUSTER.ask_engine
CLIENTS = [Client(path, CLUSTER.kubeconfig, FOLDER) for path in versions()]

ROLLED = """apiVersion: apps/v1
kind: Deployment
metadata: {name: rolled}
spec:
  replicas: 2
  strategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: rolled}}
  template:
    metadata: {labels: {app: rolled}}
    spec:
      terminationGracePeriodSeconds: 20
      containers:
        - name: c
          image: IMAGE
          imagePullPolicy: Never
          command: [busybox, httpd, -f, -p, "8080", -h, /etc]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
          lifecycle: {preStop: {exec: {command: [sleep, "2"]}}}
""".replace("IMAGE", IMAGE)

PULLING = """apiVersion: v1
kind: Pod
metadata: {name: NAME}
spec:
  restartPolicy: Never
  imagePullSecrets: [{name: SECRET}]
  containers: [{name: c, image: IMAGE, command: ["true"]}]
"""


def kubectl(*words, typed=None, client=CLIENTS[0]):
    """What it says, where it does what it is told without a warning."""
    done = client.run(words, typed)
    equal((client.name, words, done.returncode, done.stderr), (client.name, words, 0, ""))
    return done.stdout


def pod(name):
    return json.loads(kubectl("get", "pod", name, "-o", "json"))


def get(address):
    connection = http.client.HTTPConnection(address, timeout=10)
    try:
        connection.request("GET", "/hostname", headers={"Connection": "close"})
        return connection.getresponse().read().decode().strip()
    finally:
        connection.close()


@check("the voting app's manifests are taken without a warning, change nothing a second time, and fence their pods in")
def manifests():
    folder = FOLDER + "/voting"
    shutil.copytree(MANIFESTS, folder, ignore=shutil.ignore_patterns("secrets"))
    os.mkdir(folder + "/secrets")
    with open(folder + "/secrets/db_password.txt", "w") as file:
        file.write("a password of the test\n")
    newest, oldest = CLIENTS[0], CLIENTS[-1]

    def apply(client, *words):
        return kubectl("apply", "-k", folder, "--warnings-as-errors", *words, client=client).splitlines()

    kubectl("apply", "-f", folder + "/namespace.yaml")
    for client in (newest, oldest):
        made = apply(client, "--dry-run=server")
        equal([line for line in made if not line.endswith(" created (server dry run)")], ["namespace/voting unchanged (server dry run)"])
    made = apply(newest)
    equal([line for line in made if not line.endswith(" created")], ["namespace/voting unchanged"])
    again = apply(oldest)
    equal((len(again), [line for line in again if not line.endswith(" unchanged")]), (len(made), []))
    equal(kubectl("diff", "-k", folder), "")
    found = json.loads(kubectl("-n", "voting", "get", "deployments", "-o", "json"))["items"]
    equal([item["metadata"]["name"] for item in found], ["db", "redis", "result", "vote", "worker"])
    for item in found:
        spec = item["spec"]["template"]["spec"]
        container, = spec["containers"]
        fences = container["securityContext"]
        equal((item["metadata"]["name"], spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["seccompProfile"],
               fences["allowPrivilegeEscalation"], fences["readOnlyRootFilesystem"], fences["capabilities"]),
              (item["metadata"]["name"], True, {"type": "RuntimeDefault"}, False, True, {"drop": ["ALL"]}))
        equal({"startupProbe", "readinessProbe", "livenessProbe"} - set(container), set())
        equal(set(container["resources"]), {"requests", "limits"})
    kubectl("delete", "namespace", "voting", "--timeout=50s")


@check("a deployment is rolled over and scaled and loses a pod while its service is asked: no request fails")
def rolling():
    CLUSTER.load_image()
    until("the node is ready", lambda: " Ready " in kubectl("get", "nodes", "--no-headers"), ignoring=AssertionError)
    kubectl("apply", "-f", "-", typed=ROLLED)
    kubectl("expose", "deployment", "rolled", "--port=80", "--target-port=8080")
    kubectl("rollout", "status", "deployment/rolled", "--timeout=50s")
    address = kubectl("get", "svc", "rolled", "-o", "jsonpath={.spec.clusterIP}")
    answers, failures, over = [], [], threading.Event()

    def ask():
        while not over.is_set():
            try:
                answers.append(get(address))
            except (OSError, http.client.HTTPException) as failure:
                failures.append(repr(failure))

    until("it answers", lambda: get(address), ignoring=OSError)
    first = kubectl("get", "pods", "-l", "app=rolled", "-o", "jsonpath={.items[*].metadata.name}").split()
    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for words in (("rollout", "restart"), ("scale", "--replicas=3")):
            kubectl(*words, "deployment/rolled")
            kubectl("rollout", "status", "deployment/rolled", "--timeout=50s")
        newest = kubectl("get", "pods", "-l", "app=rolled", "--sort-by=.metadata.creationTimestamp",
                         "-o", "jsonpath={.items[-1:].metadata.name}")
        kubectl("delete", "pod", newest)
        kubectl("rollout", "status", "deployment/rolled", "--timeout=50s")
    finally:
        over.set()
        for thread in threads:
            thread.join()
    equal(failures, [])
    # Hooks that are cut short are told as failed.
    equal(kubectl("get", "events", "-o", "jsonpath={.items[?(@.reason=='FailedPreStopHook')].message}"), "")
    # Two of before, three of after, and the one that came for the last.
    assert set(first) < set(answers) and len(set(answers)) >= 5, (len(answers), set(answers))
    kubectl("delete", "svc,deployment", "rolled")


@check("an image of a private project is pulled with the pod's secret for it, and not without")
def pulled():
    equal(SERVER.local("POST", "/api/v1/projects", {"name": "team"})[0], 201)
    equal(SERVER.local("POST", "/api/v1/users", {"name": "ada", "password": PASSWORD})[0], 201)
    equal(SERVER.local("PUT", "/api/v1/projects/team/members/ada", {"role": "developer"})[0], 204)
    status, answer, _ = SERVER.local("POST", "/api/v1/projects/team/robots", {"name": "node", "actions": ["pull"]})
    equal(status, 201)
    robot, image = json.loads(answer), f"{SERVER.host}/team/tool"
    equal(engine("POST", f"/images/{IMAGE}/tag?repo={image}&tag=1")[0], 201)
    login = json.dumps({"username": "ada", "password": PASSWORD, "serveraddress": SERVER.host})
    status, answer, _ = engine(
        "POST", f"/images/{image}/push?tag=1", headers={"X-Registry-Auth": base64.urlsafe_b64encode(login.encode()).decode()})
    assert status == 200 and b"error" not in answer, answer
    equal(engine("DELETE", f"/images/{image}:1")[0], 200)

    def state(name):
        containers = pod(name)["status"].get("containerStatuses", [{}])
        return containers[0].get("state", {}).get("waiting", {}).get("reason", "")

    stranger = PULLING.replace("IMAGE", image + ":1").replace("NAME", "stranger").replace("SECRET", "nonesuch")
    kubectl("apply", "-f", "-", typed=stranger)
    until("it is refused", lambda: state("stranger") in ("ErrImagePull", "ImagePullBackOff"))

    def told(name, *texts):
        events = kubectl("get", "events", "--field-selector", f"involvedObject.name={name}")
        return all(text in events for text in texts)

    until("events say why", lambda: told("stranger", "Unable to retrieve some image pull secrets (nonesuch)", "pull access denied"))
    kubectl("create", "secret", "docker-registry", "registry", f"--docker-server={SERVER.host}",
            f"--docker-username={robot['login']}", f"--docker-password={robot['secret']}")
    kubectl("apply", "-f", "-", typed=stranger.replace("stranger", "friend").replace("nonesuch", "registry"))
    until("it has run", lambda: pod("friend")["status"]["phase"] == "Succeeded")
    until("events say how", lambda: told("friend", "Successfully pulled image"))


@check("what is deleted is gone, with all that it had")
def gone():
    kubectl("delete", "pods", "--all", "--timeout=50s")
    until("no pod is left", lambda: json.loads(kubectl("get", "pods", "-A", "-o", "json"))["items"] == [])
    until("no folder is left", lambda: os.listdir(SERVER.root + "/agent/pods") == [])


try:
    main()
finally:
    CLUSTER.stop()
