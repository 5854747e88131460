"""kubectl against the Kubernetes API of `bulkheadd server`: scenarios as a table, run with several versions of the client.

A scenario is a title and its steps. A step is what follows `kubectl -n NAMESPACE`, what is typed in (a document, or None), and what is expected: a text
that the output is, after `= `; one that it holds; after `! ` one that the error output of a run that fails holds; a list where there are several.
NS stands for the namespace, which each scenario has one of its own of.
"""
import glob
import http.client
import json
import os
import shlex
import shutil
import ssl
import subprocess
import sys

from checks import check, equal, main
from service import PASSWORD, Server, exchange

PROGRAM, FOLDER = sys.argv[1:3]
SERVER = Server(PROGRAM, FOLDER)
KUBECONFIG = SERVER.run + "/server/admin.kubeconfig"


def clients():
    """The one that is called without a version, and the oldest; or those that a variable names, such as 1.33."""
    found = shutil.which("kubectl")
    assert found, "kubectl is not installed"
    versions = sorted(
        glob.glob(os.path.dirname(os.path.realpath(found)) + "/kubectl.1.*"), key=lambda path: int(path.split(".")[-1]))
    only = os.environ.get("BULKHEAD_TEST_KUBECTL")
    return [path for path in versions if path.endswith(only)] if only else [found] + versions[:1]


def run(client, words, typed=None, configuration=KUBECONFIG):
    home = FOLDER + "/home-" + os.path.basename(client)
    os.makedirs(home, exist_ok=True)
    return subprocess.run(
        [client, "--kubeconfig", configuration, *words], input=typed or "", capture_output=True, text=True, timeout=60,
        env={"HOME": home, "PATH": "/usr/bin:/bin", "KUBECTL_EXTERNAL_DIFF": "diff -u -N"})


CM = """apiVersion: v1
kind: ConfigMap
metadata: {name: a, labels: {app: x, tier: front}}
data: {x: "1", z: "2"}
"""
WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: nginx
          image: nginx:1.25
          ports: [{containerPort: 80}]
          env: [{name: A, value: "1"}]
"""
POD = """apiVersion: v1
kind: Pod
metadata: {name: p, labels: {run: p}}
spec:
  containers: [{name: c, image: busybox, command: [sleep, "10"]}]
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
"""
JOB = """apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}
"""

SCENARIOS = [
    ("controllers make of a deployment what it says", [
        ("apply -f -", SERVICE, "= service/web created\n"),
        ("apply -f -", WEB, "= deployment.apps/web created\n"),
        ("wait --for=jsonpath={.status.replicas}=3 deploy/web --timeout=20s", None, "= deployment.apps/web condition met\n"),
        ("get rs -o jsonpath={.items[*].spec.replicas}/{.items[*].metadata.ownerReferences[0].name}", None, "= 3/web"),
        ("get pods --no-headers", None, ["Pending", "0/1", "web-"]),
        ("get deploy web", None, "0/3     3            0"),
        ("patch deploy web -p {\"spec\":{\"replicas\":2}}", None,
         "= deployment.apps/web patched\n"),
        ("wait --for=jsonpath={.status.replicas}=2 deploy/web --timeout=20s", None, "condition met"),
        ("set image deploy/web nginx=nginx:1.26", None, "image updated"),
        ("wait --for=jsonpath={.status.updatedReplicas}=1 deploy/web --timeout=20s", None, "condition met"),
        ("rollout history deploy/web", None, ["1         <none>", "2         <none>"]),
        ("rollout status deploy/web --watch=false", None, "= Waiting for deployment \"web\" rollout to finish: 1 out of 2 new replicas have been updated...\n"),
        ("rollout undo deploy/web", None, "= deployment.apps/web rolled back\n"),
        ("wait --for=jsonpath={.metadata.annotations.deployment\\.kubernetes\\.io/revision}=3 deploy/web --timeout=20s", None, "condition met"),
        ("describe deploy web", None, ["ScalingReplicaSet", "Scaled up replica set web-", "MinimumReplicasUnavailable"]),
        ("describe pods", None, ["FailedScheduling", "no nodes available to schedule pods"]),
        ("delete deploy web", None, "deleted"),
        ("wait --for=delete pod -l app=web --timeout=20s", None, ""),
        ("get rs -o name", None, "= "),
        ("get endpointslices -l kubernetes.io/service-name=web -o jsonpath={.items[*].addressType}", None, "= IPv4"),
        ("get endpoints web -o name", None, "= endpoints/web\n"),
        ("get serviceaccount default -o name", None, "= serviceaccount/default\n"),
        ("get cm kube-root-ca.crt -o jsonpath={.data}", None, "BEGIN CERTIFICATE"),
    ]),
    ("a namespace goes with what is in it", [
        ("apply -f -", WEB, "= deployment.apps/web created\n"),
        ("delete namespace NS --wait --timeout=30s", None, "deleted"),
        ("get namespace NS", None, '! namespaces "NS" not found'),
    ]),
    ("a config map from its document", [
        ("create -f -", CM, "= configmap/a created\n"),
        ("create -f -", CM, '! Error from server (AlreadyExists): error when creating "STDIN": configmaps "a" already exists'),
        ("get cm a -o jsonpath={.data.x}", None, "= 1"),
        ("get cm -o name", None, "configmap/a\n"),
        ("get cm a", None, ["NAME   DATA   AGE", "a      2      "]),
        ("get cm a -o yaml", None, ["kind: ConfigMap", "  x: \"1\"", "  namespace: NS"]),
        ("get cm a -o json", None, ['"kind": "ConfigMap"', '"namespace": "NS"']),
        ("get cm a -o custom-columns=N:.metadata.name,X:.data.x --no-headers", None, "= a     1\n"),
        ("get cm a -o go-template={{.data.z}}", None, "= 2"),
        ("get cm a --show-labels", None, "app=x,tier=front"),
        ("get cm a -L tier", None, ["TIER", "front"]),
        ("describe cm a", None, ["Name:         a", "Namespace:    NS", "x:", "z:"]),
        ("delete cm a", None, 'configmap "a" deleted'),
        ("get cm a", None, '! Error from server (NotFound): configmaps "a" not found'),
        ("delete cm a", None, '! Error from server (NotFound): configmaps "a" not found'),
        ("delete cm a --ignore-not-found", None, "= "),
    ]),
    ("kinds made by kubectl create, in whatever form it sends them", [
        ("create configmap lit --from-literal=x=1 --from-literal=z=2", None, "= configmap/lit created\n"),
        ("get cm lit -o jsonpath={.data}", None, '= {"x":"1","z":"2"}'),
        ("create secret generic s --from-literal=password=hidden", None, "= secret/s created\n"),
        ("get secret s -o jsonpath={.data.password}", None, "= aGlkZGVu"),
        ("get secret s -o jsonpath={.type}", None, "= Opaque"),
        ("create secret docker-registry reg --docker-server=r --docker-username=u --docker-password=p", None,
         "= secret/reg created\n"),
        ("get secret reg -o jsonpath={.type}", None, "= kubernetes.io/dockerconfigjson"),
        ("create serviceaccount robot", None, "= serviceaccount/robot created\n"),
        ("create deployment d --image=nginx --replicas=2 --port=80", None, "= deployment.apps/d created\n"),
        ("get deploy d -o jsonpath={.spec.replicas}/{.spec.template.spec.containers[0].ports[0].containerPort}", None, "= 2/80"),
        ("get deploy d -o jsonpath={.spec.strategy.rollingUpdate.maxSurge}", None, "= 25%"),
        ("create job j --image=busybox -- echo hello", None, "= job.batch/j created\n"),
        ("get job j -o jsonpath={.spec.template.spec.containers[0].command}", None, '= ["echo","hello"]'),
        ("create service clusterip s1 --tcp=80:8080", None, "= service/s1 created\n"),
        ("get svc s1 -o jsonpath={.spec.ports[0].targetPort}", None, "= 8080"),
        ("create service nodeport s2 --tcp=80:http", None, "= service/s2 created\n"),
        ("get svc s2 -o jsonpath={.spec.ports[0].targetPort}", None, "= http"),
        ("create service externalname s3 --external-name=example.com", None, "= service/s3 created\n"),
        ("get svc s3 -o jsonpath={.spec.type}/{.spec.externalName}", None, "= ExternalName/example.com"),
        ("create role reader --verb=get,list --resource=pods,configmaps", None, "= role.rbac.authorization.k8s.io/reader created\n"),
        ("get role reader -o jsonpath={.rules[0].verbs}", None, '= ["get","list"]'),
        ("create rolebinding b --role=reader --serviceaccount=NS:robot", None,
         "= rolebinding.rbac.authorization.k8s.io/b created\n"),
        ("get rolebinding b -o wide", None, ["Role/reader", "NS/robot"]),
        ("create priorityclass NS --value=7 --description=seven", None, "= priorityclass.scheduling.k8s.io/NS created\n"),
        ("get priorityclass NS -o jsonpath={.value}", None, "= 7"),
        ("delete priorityclass NS", None, "deleted"),
        ("create namespace NS-new", None, "= namespace/NS-new created\n"),
        ("get ns NS-new -o jsonpath={.status.phase}", None, "= Active"),
        ("run r --image=busybox --restart=Never --env=A=1 -- sleep 5", None, "= pod/r created\n"),
        ("get pod r -o jsonpath={.spec.restartPolicy}/{.spec.containers[0].env[0].name}", None, "= Never/A"),
    ]),
    ("a deployment is completed, shown and changed", [
        ("apply -f -", WEB, "= deployment.apps/web created\n"),
        ("apply -f -", WEB, "= deployment.apps/web unchanged\n"),
        ("apply -f -", WEB.replace("1.25", "1.26"), "= deployment.apps/web configured\n"),
        ("get deploy web", None, ["NAME   READY   UP-TO-DATE   AVAILABLE   AGE", "web    0/3 "]),
        ("get deploy web -o wide", None, ["CONTAINERS", "nginx:1.26", "app=web"]),
        ("get deploy web -o jsonpath={.spec.template.spec.terminationGracePeriodSeconds}", None, "= 30"),
        ("get deploy web -o jsonpath={.spec.template.spec.containers[0].imagePullPolicy}", None, "= IfNotPresent"),
        ("get deploy web -o jsonpath={.spec.progressDeadlineSeconds}", None, "= 600"),
        ("set image deploy/web nginx=nginx:1.27", None, "= deployment.apps/web image updated\n"),
        ("get deploy web -o jsonpath={.spec.template.spec.containers[0].image}", None, "= nginx:1.27"),
        ("set env deploy/web B=2", None, "= deployment.apps/web env updated\n"),
        ("get deploy web -o jsonpath={.spec.template.spec.containers[0].env[*].name}", None, "= A B"),
        ("set resources deploy/web --limits=cpu=200m,memory=64Mi", None, "= deployment.apps/web resource requirements updated\n"),
        ("get deploy web -o jsonpath={.spec.template.spec.containers[0].resources.limits}", None, '"memory":"64Mi"'),
        ("scale deploy web --replicas=5", None, "= deployment.apps/web scaled\n"),
        ("get deploy web -o jsonpath={.spec.replicas}", None, "= 5"),
        ("scale deploy web --current-replicas=4 --replicas=1", None, "! Expected replicas to be 4, was 5"),
        ("scale deploy web --current-replicas=5 --replicas=3", None, "= deployment.apps/web scaled\n"),
        ("scale deploy web --replicas=-1", None, "! must be greater than or equal to 0"),
        ("rollout pause deploy/web", None, "= deployment.apps/web paused\n"),
        ("rollout resume deploy/web", None, "= deployment.apps/web resumed\n"),
        ("rollout restart deploy/web", None, "= deployment.apps/web restarted\n"),
        ("diff -f -", WEB, "! "),
        ("describe deploy web", None, ["Name:                   web", "Replicas:               3 desired", "StrategyType:           RollingUpdate"]),
        ("delete -f -", WEB, 'deployment.apps "web" deleted'),
    ]),
    ("server-side apply and its conflicts", [
        ("apply --server-side -f -", CM, "= configmap/a serverside-applied\n"),
        ("apply --server-side --field-manager=other -f -", CM.replace('"1"', '"9"'),
         ['! conflict with "kubectl": .data.x', "! Apply failed with 1 conflict"]),
        ("apply --server-side --field-manager=other --force-conflicts -f -", CM.replace('"1"', '"9"'),
         "= configmap/a serverside-applied\n"),
        ("get cm a -o jsonpath={.data.x}", None, "= 9"),
        ("get cm a --show-managed-fields -o jsonpath={.metadata.managedFields[*].manager}", None, ["kubectl", "other"]),
        ("apply --server-side -f -", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {z: \"2\"}\n",
         "= configmap/a serverside-applied\n"),
        ("get cm a -o jsonpath={.data}", None, '= {"x":"9","z":"2"}'),
        ("apply --server-side -f -", WEB, "= deployment.apps/web serverside-applied\n"),
        ("get deploy web -o jsonpath={.spec.replicas}", None, "= 3"),
    ]),
    ("every patch type", [
        ("create -f -", WEB, "created"),
        ("patch deploy web -p", None, "! "),
        ("patch deploy web -p {\"spec\":{\"replicas\":5}}", None, "= deployment.apps/web patched\n"),
        # On an object that nothing else writes to: kubectl compares what it got before with what it gets back, status and all.
        ("create configmap quiet --from-literal=a=1", None, "= configmap/quiet created\n"),
        ("patch cm quiet -p {\"data\":{\"a\":\"1\"}}", None, "= configmap/quiet patched (no change)\n"),
        ("patch deploy web -p {\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"side\",\"image\":\"s\"}]}}}}", None,
         "= deployment.apps/web patched\n"),
        ("get deploy web -o jsonpath={.spec.template.spec.containers[*].name}", None, "= side nginx"),
        ("patch deploy web --type=json -p [{\"op\":\"replace\",\"path\":\"/spec/replicas\",\"value\":2}]", None,
         "= deployment.apps/web patched\n"),
        ("get deploy web -o jsonpath={.spec.replicas}", None, "= 2"),
        ("patch deploy web --type=json -p [{\"op\":\"test\",\"path\":\"/spec/replicas\",\"value\":9}]", None,
         "! is invalid"),
        ("patch deploy web --type=merge -p {\"metadata\":{\"labels\":{\"app\":null,\"new\":\"1\"}}}", None,
         "= deployment.apps/web patched\n"),
        ("get deploy web -o jsonpath={.metadata.labels}", None, '= {"new":"1"}'),
        ("patch deploy web --type=merge -p {\"spec\":{\"selector\":{\"matchLabels\":{\"x\":\"y\"}}}}", None,
         ["! The Deployment \"web\" is invalid", "! field is immutable"]),
        ("patch cm nope -p {}", None, '! Error from server (NotFound): configmaps "nope" not found'),
        ("patch deploy web --subresource=status -p {\"status\":{\"collisionCount\":7}}", None,
         "= deployment.apps/web patched\n"),
        ("get deploy web -o jsonpath={.status.collisionCount}", None, "= 7"),
    ]),
    ("labels, annotations and selectors", [
        ("create -f -", CM, "created"),
        ("create -f -", CM.replace("name: a", "name: b").replace("front", "back"), "created"),
        ("create configmap c --from-literal=z=1", None, "created"),
        ("get cm -l app=x -o name", None, "= configmap/a\nconfigmap/b\n"),
        ("get cm -l app=x,tier!=back -o name", None, "= configmap/a\n"),
        ("get cm -l tier -o name", None, "= configmap/a\nconfigmap/b\n"),
        ("get cm -l !tier,app!=x -o jsonpath={.items[*].metadata.name}", None, "c"),
        ("get cm -l", None, "! "),
        ("get cm -l a===b", None, "! unable to parse requirement: found '=', expected: identifier"),
        ("get cm --field-selector metadata.name=b -o name", None, "= configmap/b\n"),
        ("get pods --field-selector spec.foo=b", None, "! field label not supported: spec.foo"),
        ("label cm a tier=middle", None, "! already has a value (front), and --overwrite is false"),
        ("label cm a tier=middle --overwrite", None, "= configmap/a labeled\n"),
        ("label cm a tier-", None, "= configmap/a unlabeled\n"),
        ("label cm a bad=a/b", None, '! invalid label value: "bad=a/b"'),
        ("patch cm a --type=merge -p {\"metadata\":{\"labels\":{\"bad\":\"a/b\"}}}", None, '! metadata.labels: Invalid value: "a/b"'),
        ("annotate cm a note=hello", None, "configmap/a annotate"),
        ("get cm a -o jsonpath={.metadata.annotations.note}", None, "= hello"),
        ("annotate cm a note-", None, "configmap/a annotate"),
        ("get cm --sort-by=.metadata.name -o name", None, "configmap/a\nconfigmap/b\nconfigmap/c\n"),
        ("delete cm -l app=x", None, ['configmap "a" deleted', 'configmap "b" deleted']),
        ("get cm -o name", None, "configmap/c\n"),
    ]),
    ("pods and what is refused in them", [
        ("create -f -", POD, "= pod/p created\n"),
        ("get pod p -o jsonpath={.status.phase}/{.status.qosClass}", None, "= Pending/BestEffort"),
        ("get pods", None, ["NAME   READY   STATUS    RESTARTS   AGE", "p      0/1     Pending   0 "]),
        ("get pods -o wide", None, ["NOMINATED NODE", "<none>"]),
        ("get pods --field-selector status.phase=Pending -o name", None, "= pod/p\n"),
        ("get pods --field-selector status.phase=Running -o name", None, "= "),
        ("set image pod/p c=busybox:1", None, "= pod/p image updated\n"),
        ("patch pod p -p {\"spec\":{\"hostname\":\"x\"}}", None, "! pod updates may not change fields other than"),
        ("create -f -", POD.replace("name: p,", "name: P,"), ['! The Pod "P" is invalid', "! metadata.name: Invalid value"]),
        ("create -f -", POD.replace("image: busybox", "image: ''").replace("name: p,", "name: q,"),
         "! spec.containers[0].image: Required value"),
        ("create -f -", POD.replace("name: p,", "name: q,").replace("name: c,", "name: c, imagePullPolicy: Sometimes,"),
         '! Unsupported value: "Sometimes"'),
        ("create --validate=strict -f -", POD.replace("name: p,", "name: q,").replace("command:", "comand:"), "! comand"),
        ("create --validate=false -f -", POD.replace("name: p,", "name: q,").replace("command:", "comand:"), "= pod/q created\n"),
        ("delete pod p q --grace-period=0 --force", None, ['pod "p" force deleted', 'pod "q" force deleted']),
    ]),
    ("services, jobs, controllers and the rest are checked and shown", [
        ("create -f -", SERVICE, "= service/web created\n"),
        ("get svc web -o jsonpath={.spec.type}/{.spec.ports[0].protocol}/{.spec.sessionAffinity}", None, "= ClusterIP/TCP/None"),
        ("get svc", None, ["TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "web ", " 10.96."]),
        ("create -f -", SERVICE.replace("name: web", "name: 1web"), '! Invalid value: "1web"'),
        ("create -f -", SERVICE.replace("port: 80", "port: 0").replace("name: web}", "name: w2}"),
         "! spec.ports[0].port: Invalid value: 0: must be between 1 and 65535"),
        ("create -f -", JOB, "= job.batch/once created\n"),
        ("get job once -o jsonpath={.spec.backoffLimit}/{.spec.completions}", None, "= 6/1"),
        ("create -f -", JOB.replace("restartPolicy: Never", "restartPolicy: Always").replace("once", "two"), "! restartPolicy"),
        ("get all", None, ["service/web", "job.batch/once"]),
        ("create -f -", WEB.replace("labels: {app: web}}\n    spec", "labels: {app: other}}\n    spec"),
         "! `selector` does not match template `labels`"),
        ("create -f -", WEB.replace("replicas: 3", "replicas: -1"), "! spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ("get leases,controllerrevisions,rs,rc,ds -o name", None, "= "),
        ("get nonsuch", None, "! error: the server doesn't have a resource type \"nonsuch\""),
        ("expose service web --name=web2 --port=81", None, "= service/web2 exposed\n"),
    ]),
    ("documents are validated before they are sent", [
        ("apply --validate=true -f -", CM.replace("\ndata:", "\ndta: {q: 1}\ndata:"), '! unknown field "dta"'),
        ("apply --validate=warn -f -", CM.replace("\ndata:", "\ndta: {q: 1}\ndata:"), "configmap/a created"),
        ("create --dry-run=server -f -", CM.replace("name: a", "name: dry"), "= configmap/dry created (server dry run)\n"),
        ("get cm dry", None, "! not found"),
        ("create --dry-run=client -f -", CM.replace("name: a", "name: dry"), "= configmap/dry created (dry run)\n"),
        ("apply -f -", CM.replace('"1"', "1"), "! cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        ("create -f -", "apiVersion: v1\nkind: Nonsuch\nmetadata: {name: a}\n", "! error"),
        ("create -f -", "{", "! "),
    ]),
    ("replace, edit by replacing, and conflicts of versions", [
        ("create -f -", CM, "created"),
        ("replace -f -", CM.replace('"1"', '"8"'), "= configmap/a replaced\n"),
        ("get cm a -o jsonpath={.data.x}", None, "= 8"),
        ("replace -f -", CM.replace("{name: a,", '{name: a, resourceVersion: "1",'),
         '! Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again'),
        ("replace -f -", CM.replace("name: a", "name: nope"), "! not found"),
        ("replace --force -f -", CM, "configmap/a replaced"),
        ("create -f -", CM.replace("\ndata:", "\nimmutable: true\ndata:").replace("name: a", "name: icm"), "created"),
        ("patch cm icm -p {\"data\":{\"x\":\"7\"}}", None, "! data: Forbidden: field is immutable when `immutable` is set"),
    ]),
    ("deletion, finalizers and propagation", [
        ("create -f -", CM.replace("{name: a,", "{name: held, finalizers: [example.com/hold],"), "created"),
        ("delete cm held --wait=false", None, 'configmap "held" deleted'),
        ("get cm held -o jsonpath={.metadata.deletionTimestamp}", None, "T"),
        ("patch cm held --type=merge -p {\"metadata\":{\"finalizers\":null}}", None, "= configmap/held patched\n"),
        ("get cm held", None, "! not found"),
        ("create -f -", WEB, "created"),
        ("delete deploy web --cascade=orphan --wait=false", None, "deleted"),
        ("create cm one", None, "created"),
        ("delete cm one --cascade=background", None, "deleted"),
        ("delete cm --all", None, '= configmap "kube-root-ca.crt" deleted\n'),
    ]),
    ("waits and watches", [
        ("create -f -", CM, "created"),
        ("wait --for=jsonpath={.data.x}=1 cm/a --timeout=20s", None, "= configmap/a condition met\n"),
        ("wait --for=jsonpath={.data.x}=2 cm/a --timeout=1s", None, "! timed out waiting for the condition"),
        ("get cm a --watch-only --request-timeout=1s -o name", None, "= "),
        ("delete cm a", None, "deleted"),
        ("wait --for=delete cm/a --timeout=20s", None, "= "),
    ]),
    ("discovery and explanations", [
        ("version", None, "Server Version"),
        ("api-versions", None, ["apps/v1", "batch/v1", "rbac.authorization.k8s.io/v1", "v1\n"]),
        ("api-resources --no-headers -o name", None, ["deployments.apps", "configmaps", "leases.coordination.k8s.io"]),
        ("api-resources --namespaced=false -o name", None, ["nodes", "namespaces", "clusterroles.rbac.authorization.k8s.io"]),
        ("api-resources --api-group=apps -o name", None, ["deployments.apps", "replicasets.apps"]),
        ("explain pod.spec.containers", None, ["FIELD", "image", "livenessProbe"]),
        ("explain deployment.spec.strategy --recursive", None, ["rollingUpdate", "maxSurge"]),
        ("explain pods.spec.nonsuch", None, "! field \"nonsuch\" does not exist"),
        ("explain nonsuch", None, "! nonsuch"),
        ("cluster-info", None, "is running at "),
        ("get --raw /readyz", None, "= ok"),
        ("get --raw /healthz?verbose", None, "healthz check passed"),
        ("get --raw /nonsuch", None, "! the server could not find the requested resource"),
        ("get events", None, "= "),
        ("config view --minify", None, "current-context: bulkhead"),
        ("config current-context", None, "= bulkhead\n"),
    ]),
    ("who one is, and what he may", [
        ("auth can-i create pods", None, "= yes\n"),
        ("auth can-i create pods --as bob", None, "! no"),
        ("create rolebinding v --clusterrole=view --user=bob", None, "created"),
        ("auth can-i get pods --as bob", None, "= yes\n"),
        ("auth can-i get pods/log --as bob", None, "= yes\n"),
        ("auth can-i get secrets --as bob", None, "! no"),
        ("auth can-i get pods --as bob -A", None, "! no"),
        ("auth can-i get /version --as bob", None, "yes\n"),
        ("auth can-i --list --as bob", None, ["pods", "selfsubjectaccessreviews.authorization.k8s.io"]),
        ("auth whoami -o jsonpath={.status.userInfo.username}", None, "= bulkhead-administrator"),
        ("auth whoami -o jsonpath={.status.userInfo.groups} --as bob --as-group dev", None, '= ["dev","system:authenticated"]'),
        ("create serviceaccount robot", None, "created"),
        ("create token robot", None, "ey"),
        ("create token robot --duration=1m", None, "! may not specify a duration less than 10 minutes"),
        ("create token nope", None, '! serviceaccounts "nope" not found'),
        ("auth can-i get pods --as system:serviceaccount:NS:robot", None, "! no"),
        ("create rolebinding r --clusterrole=edit --serviceaccount=NS:robot", None, "created"),
        ("auth can-i delete pods --as system:serviceaccount:NS:robot", None, "= yes\n"),
        ("auth reconcile -f -", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: made, namespace: NS}\n"
         "rules: [{apiGroups: [''], resources: [pods], verbs: [get]}]\n", "role.rbac.authorization.k8s.io/made"),
    ]),
    ("what roles do not allow", [
        ("create role reader --verb=get,list --resource=configmaps", None, "created"),
        ("create rolebinding b --role=reader --user=bob", None, "created"),
        ("create configmap a --from-literal=x=1", None, "created"),
        ("get cm a -o name --as bob", None, "= configmap/a\n"),
        ("get pods --as bob", None,
         '! Error from server (Forbidden): pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "NS"'),
        ("get secrets x --as bob", None,
         '! secrets "x" is forbidden: User "bob" cannot get resource "secrets" in API group "" in the namespace "NS"'),
        ("get nodes --as bob", None, '! nodes is forbidden: User "bob" cannot list resource "nodes" in API group "" at the cluster scope'),
        ("delete cm a --as bob", None, '! cannot delete resource "configmaps"'),
        ("get cm -A --as bob", None, "! at the cluster scope"),
        ("get cm a -o name --as eve --as-group system:masters", None, "= configmap/a\n"),
        ("get cm a --as system:serviceaccount:NS:robot", None, '! User "system:serviceaccount:NS:robot" cannot get'),
        ("create rolebinding up --clusterrole=cluster-admin --user=bob --as bob", None, "! cannot create resource \"rolebindings\""),
        ("get clusterrole admin edit view cluster-admin -o name", None, "clusterrole.rbac.authorization.k8s.io/edit\n"),
        ("delete rolebinding b", None, "deleted"),
        ("get cm a --as bob", None, "! is forbidden"),
    ]),
]


def judge(words, outcome, expected):
    for text in expected if isinstance(expected, list) else [expected]:
        failed = text.startswith("! ")
        said = outcome.stderr + outcome.stdout if failed else outcome.stdout
        wanted = text[2:] if text[:2] in ("! ", "= ") else text
        good = said == wanted if text.startswith("= ") else wanted in said
        if not good or failed != (outcome.returncode != 0):
            raise AssertionError(
                f"kubectl {shlex.join(words)}: expected {text!r}, got {outcome.returncode}, {outcome.stdout[-500:]!r},"
                f" {outcome.stderr[-500:]!r}")


def follow(client, number, steps):
    namespace = f"t{CLIENTS.index(client)}-{number}"
    judge(["create", "namespace"], run(client, ["create", "-f", "-"], f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"),
          "created")
    faults = []
    for command, typed, expected in steps:
        named = lambda text: text.replace("NS", namespace)
        words = ["-n", namespace] + named(command).split(" ")
        # What comes after `--type=… -p` and `-p` is one word, though it may hold blanks.
        expected = [named(text) for text in expected] if isinstance(expected, list) else named(expected)
        try:
            judge(words, run(client, words, named(typed) if typed else None), expected)
        except AssertionError as fault:
            faults.append(str(fault))
    if faults:
        raise AssertionError(" || ".join(faults))


CLIENTS = clients()
for kubectl in CLIENTS:
    for place, (title, scenario) in enumerate(SCENARIOS):
        check(f"{os.path.basename(kubectl)}: {title}")(
            lambda client=kubectl, number=place, steps=scenario: follow(client, number, steps))


@check("the administrator's kubeconfig is for root and the group alone")
def kubeconfig():
    status = os.stat(KUBECONFIG)
    equal(oct(status.st_mode & 0o7777), "0o640")
    equal(oct(os.stat(os.path.dirname(KUBECONFIG)).st_mode & 0o7777), "0o750")
    with open(SERVER.root + "/server/cluster/storage.keys") as file:
        equal(len(file.read().split()), 2)
    equal(oct(os.stat(SERVER.root + "/server/cluster/storage.keys").st_mode & 0o7777), "0o600")


@check("who shows no certificate, or a wrong one, gets no further than health and version")
def strangers():
    with open(KUBECONFIG) as file:
        text = file.read()
    stranger = FOLDER + "/stranger.kubeconfig"
    with open(stranger, "w") as file:
        file.write("".join(line + "\n" for line in text.split("\n") if "client-" not in line))
    words = ["get", "--raw"]
    address = text.split("server: https://")[1].split()[0]
    trust = ssl.create_default_context(cafile=SERVER.authority)
    for path, status, said in [
            ("/version", 200, '"gitVersion":"v1.33.0"'), ("/readyz", 200, "ok"), ("/api", 403, "cannot get path"),
            ("/api/v1/secrets", 403, 'User \\"system:anonymous\\" cannot list resource \\"secrets\\"')]:
        code, body, _ = exchange(http.client.HTTPSConnection(address, timeout=20, context=trust), "GET", path, None, {})
        equal((path, code, said in body.decode()), (path, status, True))
    judge(words, run(CLIENTS[0], ["get", "--raw", "/version", "--token=nonsense"], None, stranger), "! Unauthorized")
    # A certificate that its holder made himself.
    alien = FOLDER + "/alien"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
         alien + ".key", "-out", alien + ".crt", "-days", "2", "-subj", "/O=system:masters/CN=eve"],
        check=True, capture_output=True)
    refused = run(
        CLIENTS[0], ["get", "--raw", "/version", "--client-certificate", alien + ".crt", "--client-key", alien + ".key"],
        None, stranger)
    judge(words, refused, "! tls: ")


@check("tokens of service accounts and of the platform's users are good for what these may")
def tokens():
    client = CLIENTS[-1]
    namespace = "tokens"
    for words in (["create", "namespace", namespace], ["-n", namespace, "create", "serviceaccount", "robot"],
                  ["-n", namespace, "create", "rolebinding", "r", "--clusterrole=view", f"--serviceaccount={namespace}:robot"]):
        judge(words, run(client, words), "created")
    token = run(client, ["-n", namespace, "create", "token", "robot"]).stdout.strip()
    bare = FOLDER + "/bare.kubeconfig"
    with open(KUBECONFIG) as file, open(bare, "w") as copy:
        copy.write("".join(line for line in file if "client-" not in line))

    def ask(token, *words):
        return run(client, ["--token", token, "-n", namespace, *words], None, bare)

    judge(["get pods"], ask(token, "get", "pods"), "= ")
    judge(["get secrets"], ask(token, "get", "secrets"), f'! User "system:serviceaccount:{namespace}:robot" cannot list')
    judge(["get pods"], ask(token[:-4] + "AAAA", "get", "pods"), "! Unauthorized")
    judge(["delete"], run(client, ["-n", namespace, "delete", "serviceaccount", "robot"]), "deleted")
    judge(["get pods"], ask(token, "get", "pods"), "! Unauthorized")
    equal(SERVER.local("POST", "/api/v1/users", {"name": "ada", "password": PASSWORD})[0], 201)
    for scope, said in (("all", '! User "ada" cannot list resource "pods"'), ("write", "! Unauthorized")):
        status, body, _ = SERVER.local("POST", "/api/v1/tokens?user=ada", {"name": scope, "scope": scope})
        equal(status, 201)
        judge(["get pods"], ask(json.loads(body)["secret"], "get", "pods"), said)
        if scope == "all":
            judge(["bind"], run(client, ["-n", namespace, "create", "rolebinding", "a", "--clusterrole=view", "--user=ada"]), "created")
            judge(["get pods"], ask(json.loads(body)["secret"], "get", "pods"), "= ")


@check("what was acknowledged is there after kill -9, secrets are not readable in the file, and a damaged key is told")
def kill():
    def make(name):
        return run(CLIENTS[0], ["create", "secret", "generic", name, "--from-literal=p=needle-in-the-file"])

    for number in range(5):
        equal(make(f"kept{number}").returncode, 0)
    SERVER.end(9)
    for name in os.listdir(SERVER.root + "/server/cluster"):
        with open(f"{SERVER.root}/server/cluster/{name}", "rb") as file:
            content = file.read()
        equal((name, b"needle-in-the-file" in content, b"bmVlZGxlLWluLXRoZS1maWxl" in content), (name, False, False))
    SERVER.start()
    names = run(CLIENTS[0], ["get", "secrets", "-o", "name"]).stdout.split()
    equal([f"secret/kept{number}" in names for number in range(5)], [True] * 5)
    equal(SERVER.end(15), 0)
    keys = SERVER.root + "/server/cluster/storage.keys"
    os.rename(keys, keys + ".away")
    SERVER.begin()
    equal(SERVER.process.wait(30) != 0, True)
    assert "restore" in SERVER.told().strip().split("\n")[-1], SERVER.told()[-500:]
    os.rename(keys + ".away", keys)
    SERVER.start()
    equal(len(run(CLIENTS[0], ["get", "secrets", "-o", "name"]).stdout.split()) >= 5, True)


@check("a new storage key seals everything, the old one goes, and none is changed under a server that runs")
def rotation():
    keys = SERVER.root + "/server/cluster/storage.keys"

    def rotate():
        return subprocess.run([PROGRAM, "rotate-storage-key", "--root", SERVER.root, "--run", SERVER.run],
                              capture_output=True, text=True, timeout=60)

    def lines():
        with open(keys) as file:
            return file.read().splitlines()

    equal(run(CLIENTS[0], ["create", "secret", "generic", "sealed", "--from-literal=p=one"]).returncode, 0)
    before = lines()
    refused = rotate()
    equal((refused.returncode, lines()), (1, before))
    assert "another server uses" in refused.stderr and "stop it" in refused.stderr, refused.stderr
    equal(SERVER.end(15), 0)
    done = rotate()
    equal((done.returncode, done.stdout.startswith("sealed ")), (0, True))
    after = lines()
    equal((len(before), len(after), after[0].split()[0], before[0] in after), (1, 1, "k2", False))
    # As a kill after the first step leaves it: both keys.
    with open(keys, "w") as file:
        file.write("\n".join(after + before) + "\n")
    equal((rotate().returncode, [line.split()[0] for line in lines()]), (0, ["k3"]))
    SERVER.start()
    equal(run(CLIENTS[0], ["get", "secret", "sealed", "-o", "jsonpath={.data.p}"]).stdout, "b25l")
    equal(SERVER.end(15), 0)
    with open(keys, "w") as file:
        file.write(before[0] + "\n")
    SERVER.begin()
    equal(SERVER.process.wait(30) != 0, True)
    assert "is not among the storage keys" in SERVER.told(), SERVER.told()[-500:]


try:
    main()
finally:
    SERVER.stop()
