"""Pods that run: what needs a node. The image is the one that the script loads, `TOOL`."""
from scenarios.documents import config_map

POD = """apiVersion: v1
kind: Pod
metadata: {name: p, labels: {app: p}}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: c, image: TOOL, imagePullPolicy: Never, command: [sh, -c, "echo begun; exec sleep 1000"]}]
"""
TWO = POD.replace("containers: [", "containers: [{name: other, image: TOOL, imagePullPolicy: Never, command: [sh, -c, \"echo from-other; exec sleep 1000\"]}, ")
WEB = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: c
          image: TOOL
          imagePullPolicy: Never
          command: [busybox, httpd, -f, -p, "8080", -h, /etc]
          ports: [{containerPort: 8080}]
          readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
"""
READY = ("wait --for=condition=Ready pod/p --timeout=40s", "= pod/p condition met\n")


def job(command, more="backoffLimit: 0"):
    return (f"apiVersion: batch/v1\nkind: Job\nmetadata: {{name: j}}\nspec:\n  {more}\n  template:\n    spec:\n      restartPolicy: Never\n"
            f"      containers: [{{name: c, image: TOOL, imagePullPolicy: Never, command: [sh, -c, \"{command}\"]}}]\n")


def once(command, policy="Never"):
    """A pod of one command."""
    return (POD.replace("echo begun; exec sleep 1000", command).replace("spec:\n", f"spec:\n  restartPolicy: {policy}\n", 1))


SCENARIOS = [
    ("commands run in a pod, with their output, their errors and their codes", [
        ("create -f -", POD, "created"),
        READY,
        ("exec p -- echo said", "= said\n"),
        ("exec p -- sh -c 'echo err >&2; exit 3'", ["! err", "! command terminated with exit code 3"]),
        ("exec -i p -- cat", "typed in\n", "= typed in\n"),
        ("exec p", "! you must specify at least one command for the container"),
        ("exec p -- nonsense", "! nonsense"),
        ("exec nope -- true", '! pods "nope" not found'),
    ]),
    ("a container among several", [
        ("create -f -", TWO, "created"),
        READY,
        ("exec p -c c -- echo c", "= c\n"),
        ("exec p -- echo first", ["= first\n", "^ Defaulted container \"other\" out of: other, c"]),
        ("exec p -c none -- true", "! container none is not valid for pod p"),
        ("logs p -c c", "= begun\n"),
        ("logs p --all-containers --prefix", ["[pod/p/other] from-other\n", "[pod/p/c] begun\n"]),
        ("logs p -c none", "! container none is not valid for pod p"),
        ("annotate pod p kubectl.kubernetes.io/default-container=c", "annotate"),
        ("logs p", "= begun\n"),
    ]),
    ("files go in and out", [
        ("create -f -", POD, "created"),
        READY,
        ("file there.txt", "content\n", ""),
        ("cp there.txt p:/tmp/there.txt", "= "),
        ("exec p -- cat /tmp/there.txt", "= content\n"),
        ("exec p -- sh -c 'mkdir -p /tmp/d/e && echo deep > /tmp/d/e/f'", "= "),
        ("cp p:/tmp/d back", ""),
        ("create cm c --from-file=back/e", "created"),
        ("get cm c -o jsonpath={.data.f}", "= deep\n"),
        ("cp nope.txt p:/tmp/x", "! doesn't exist in local filesystem"),
    ]),
    ("what a pod said: the end of it, since when, with times, and by its labels", [
        ("create -f -", once("for i in 1 2 3; do echo line $i; done"), "created"),
        ("wait --for=jsonpath={.status.phase}=Succeeded pod/p --timeout=40s", "met"),
        ("logs p", "= line 1\nline 2\nline 3\n"),
        ("logs p --tail=1", "= line 3\n"),
        ("logs p --limit-bytes=4", "= line"),
        ("logs p --timestamps --tail=1", "~ ^20\\d\\d-\\d\\d-\\d\\dT\\S+Z line 3\n$"),
        ("logs p --since=1h", "line 1"),
        ("logs p --since-time=2100-01-01T00:00:00Z", "= "),
        ("logs -l app=p --prefix --tail=2", "= [pod/p/c] line 2\n[pod/p/c] line 3\n"),
        ("logs p --previous", '! previous terminated container "c" in pod "p" not found'),
        ("logs nope", '! pods "nope" not found'),
        ("logs p --since=1h --since-time=2100-01-01T00:00:00Z", "! at most one of `sinceTime` or `sinceSeconds` may be specified"),
    ]),
    ("what a pod says is followed to its end", [
        ("create -f -", once("echo one; sleep 2; echo two"), "created"),
        ("until logs p", "one"),
        ("logs -f p", "= one\ntwo\n"),
        ("get pod p", "~ p +0/1 +Completed +0 "),
    ]),
    ("how pods end is shown", [
        ("create -f -", once("echo reason > /dev/termination-log; exit 7"), "created"),
        ("wait --for=jsonpath={.status.phase}=Failed pod/p --timeout=40s", "met"),
        ("get pod p", "~ p +0/1 +Error +0 "),
        ("describe pod p", ["~ Reason: +Error", "~ Message: +reason", "~ Exit Code: +7"]),
        ("exec p -- true", "! cannot exec into a container in a completed pod; current phase is Failed"),
    ]),
    ("a container that ends comes back, and says what it said before", [
        ("create -f -", once("echo begun; exit 1", "Always"), "created"),
        ("until get pod p -o jsonpath={.status.containerStatuses[0].restartCount}", "~ [1-9]"),
        ("until logs p --previous", "= begun\n"),
        ("until get pod p", "CrashLoopBackOff"),
        ("until events --for pod/p", "BackOff"),
        ("until describe pod p", ["~ Last State: +Terminated", "~ Exit Code: +1"]),
    ]),
    ("an image that is not there is told", [
        ("create -f -", POD.replace("TOOL", "local/none:1"), "created"),
        ("until get pod p", "ErrImageNeverPull"),
        ("logs p", "! is waiting to start: ErrImageNeverPull"),
        ("until events --for pod/p --types=Warning", "ErrImageNeverPull"),
        ("exec p -- true", "! "),
        ("set image pod/p c=TOOL", "updated"),
        ("wait --for=condition=Ready pod/p --timeout=40s", "met"),
    ]),
    ("init containers come first, one after the other", [
        ("create -f -", POD.replace("spec:\n", "spec:\n  initContainers:\n    - {name: one, image: TOOL, imagePullPolicy: Never, command: [sh, -c, \"echo first; sleep 1\"]}\n"
                                   "    - {name: two, image: TOOL, imagePullPolicy: Never, command: [echo, second]}\n", 1), "created"),
        ("until get pod p", "Init:"),
        READY,
        ("logs p -c two", "= second\n"),
        ("get pod p -o jsonpath={.status.initContainerStatuses[*].state.terminated.reason}", "= Completed Completed"),
        ("describe pod p", ["Init Containers:", "Initialized"]),
    ]),
    ("an init container that fails keeps the pod from its work", [
        ("create -f -", once("true").replace("spec:\n", "spec:\n  initContainers: [{name: one, image: TOOL, imagePullPolicy: Never, command: [\"false\"]}]\n", 1), "created"),
        ("wait --for=jsonpath={.status.phase}=Failed pod/p --timeout=40s", "met"),
        ("get pod p", "~ p +0/1 +Init:Error "),
        ("logs p", "! is waiting to start: PodInitializing"),
    ]),
    ("variables and files of config maps and secrets", [
        ("create -f -", config_map("c", key="v"), "created"),
        ("create secret generic s --from-literal=password=hidden", "created"),
        ("create -f -", POD.replace("imagePullPolicy: Never,", "imagePullPolicy: Never, envFrom: [{configMapRef: {name: c}, prefix: CM_}], env: [{name: WHO, valueFrom: "
                                   "{fieldRef: {fieldPath: metadata.name}}}, {name: S, valueFrom: {secretKeyRef: {name: s, key: password}}}], volumeMounts: [{name: v, mountPath: /v}],")
         .replace("spec:\n", "spec:\n  volumes: [{name: v, projected: {sources: [{configMap: {name: c}}, {secret: {name: s}}]}}]\n", 1), "created"),
        READY,
        ("exec p -- sh -c 'echo $CM_key $WHO $S $(cat /v/key) $(cat /v/password)'", "= v p hidden v hidden\n"),
        ("exec p -- sh -c 'echo x > /v/key'", "! "),
        ("create -f -", POD.replace("name: p,", "name: q,").replace("imagePullPolicy: Never,", "imagePullPolicy: Never, envFrom: [{configMapRef: {name: none}}],"), "created"),
        ("until get pod q", "CreateContainerConfigError"),
    ]),
    ("an attached client types and reads", [
        ("create -f -", once("read line; echo got $line").replace("imagePullPolicy: Never,", "imagePullPolicy: Never, stdin: true, stdinOnce: true,"), "created"),
        READY,
        ("attach -i p", "word\n", "got word"),
        ("wait --for=jsonpath={.status.phase}=Succeeded pod/p --timeout=40s", "met"),
        ("attach p", "! cannot attach a container in a completed pod"),
    ]),
    ("a pod of one command, which goes with it", [
        ("run one --image=TOOL --image-pull-policy=Never --restart=Never --rm -i --quiet -- sh -c 'read x; echo got $x'", "word\n", "got word"),
        ("get pod one", '! pods "one" not found'),
        ("run two --image=TOOL --image-pull-policy=Never --restart=Never --rm -i -- sh -c 'exit 4'", "! "),
        ("run three --image=TOOL --image-pull-policy=Never --restart=Never -- echo done", "created"),
        ("wait --for=jsonpath={.status.phase}=Succeeded pod/three --timeout=40s", "met"),
        ("logs three", "= done\n"),
    ]),
    ("ports of a pod are reached from here", [
        ("create -f -", WEB.replace("replicas: 2", "replicas: 1"), "created"),
        ("rollout status deploy/web --timeout=40s", "successfully rolled out"),
        ("watch port-forward deploy/web NODEPORT:8080", "Forwarding from 127.0.0.1:NODEPORT -> 8080"),
        ("bare --server=http://127.0.0.1:NODEPORT get --raw /hostname", "web-"),
        ("watched", "Handling connection for NODEPORT"),
        ("port-forward deploy/web :99999", "! "),
        ("port-forward pod/nope 1:1", '! pods "nope" not found'),
        ("expose deploy web --port=80 --target-port=8080", "exposed"),
        ("watch port-forward svc/web NODEPORT:80", "Forwarding from 127.0.0.1:NODEPORT -> 8080"),
        ("bare --server=http://127.0.0.1:NODEPORT get --raw /hostname", "web-"),
        ("watched", "Handling connection"),
    ]),
    ("a rollout goes to its end, and back", [
        ("create -f -", WEB, "created"),
        ("rollout status deploy/web --timeout=40s", ['deployment "web" successfully rolled out\n']),
        ("get deploy web", "~ web +2/2 +2 +2 "),
        ("set env deploy/web A=1", "updated"),
        ("rollout status deploy/web --timeout=40s", "successfully rolled out"),
        ("until exec deploy/web -- sh -c 'test \"$A\" = 1'", "= "),
        ("rollout undo deploy/web", "rolled back"),
        ("rollout status deploy/web --timeout=40s", "successfully rolled out"),
        ("wait --for=condition=Available deploy/web --timeout=20s", "met"),
        ("until get pods -l app=web --no-headers", "~ ^web-\\S+ +1/1 +Running .*\nweb-\\S+ +1/1 +Running .*\n$"),
        ("until exec deploy/web -- sh -c 'test \"$A\" = 1'", "! command terminated with exit code 1"),
    ]),
    ("a rollout that cannot go on leaves the old pods where they are", [
        ("create -f -", WEB.replace("replicas: 2", "replicas: 1"), "created"),
        ("rollout status deploy/web --timeout=40s", "successfully rolled out"),
        ("set image deploy/web c=local/none:1", "updated"),
        ("until get pods -l app=web", ["ErrImageNeverPull", "~ 1/1 +Running"]),
        ("rollout status deploy/web --timeout=1s", "! timed out waiting for the condition"),
        ("get deploy web", "~ web +1/1 +1 +1 "),
    ]),
    ("a service leads to those that are ready, by its name", [
        ("create -f -", WEB, "created"),
        ("expose deploy web --port=80 --target-port=8080", "exposed"),
        ("rollout status deploy/web --timeout=40s", "successfully rolled out"),
        ("until get endpoints web -o jsonpath={.subsets[0].addresses[*].targetRef.name}", "~ ^web-\\S+ web-\\S+$"),
        ("create -f -", POD, "created"),
        READY,
        ("until exec p -- timeout 5 wget -qO- http://web/hostname", "web-"),
        ("until exec p -- timeout 5 wget -qO- http://web.NS.svc.cluster.local/hostname", "web-"),
        ("scale deploy web --replicas=0", "scaled"),
        ("until get endpointslices -l kubernetes.io/service-name=web -o yaml", ["  endpoints: null\n", "  ports: null\n"]),
        ("until exec p -- timeout 5 wget -qO- http://web/hostname", "! "),
    ]),
    ("who is not ready is taken out, and put back", [
        ("create -f -", POD.replace("imagePullPolicy: Never,", "imagePullPolicy: Never, readinessProbe: {exec: {command: [test, -e, /tmp/ready]}, periodSeconds: 1},"), "created"),
        ("expose pod p --port=80", "exposed"),
        ("until get pod p", "~ p +0/1 +Running "),
        ("exec p -- touch /tmp/ready", "= "),
        READY,
        ("until get endpoints p -o jsonpath={.subsets[0].addresses[*].targetRef.name}", "= p"),
        ("exec p -- rm /tmp/ready", "= "),
        ("until get endpoints p -o jsonpath={.subsets[0].notReadyAddresses[*].targetRef.name}", "= p"),
        ("until events --for pod/p", "Unhealthy"),
    ]),
    ("what does not live is started again", [
        ("create -f -", POD.replace("imagePullPolicy: Never,", "imagePullPolicy: Never, livenessProbe: {exec: {command: [test, \"!\", -e, /tmp/dead]}, periodSeconds: 1, failureThreshold: 1},"), "created"),
        READY,
        ("exec p -- touch /tmp/dead", "= "),
        ("until get pod p -o jsonpath={.status.containerStatuses[0].restartCount}", "= 1"),
        READY,
        ("until events --for pod/p", ["Killing", "failed liveness probe, will be restarted"]),
    ]),
    ("a job is done, and its pod says what it said", [
        ("create -f -", job("echo computed"), "created"),
        ("wait --for=condition=Complete job/j --timeout=40s", "met"),
        ("logs job/j", "= computed\n"),
        ("get job j", "~ j +Complete +1/1 "),
        ("get pods -l job-name=j", "~ j-\\S+ +0/1 +Completed "),
        ("delete job j", "deleted"),
        ("until get pods -o name", "= "),
    ]),
    ("a job fails when its tries are used up", [
        ("create -f -", job("exit 1"), "created"),
        ("wait --for=condition=Failed job/j --timeout=40s", "met"),
        ("get job j -o jsonpath='{.status.conditions[?(@.type==\"Failed\")].reason}/{.status.failed}'", "= BackoffLimitExceeded/1"),
        ("describe job j", "BackoffLimitExceeded"),
    ]),
    ("an indexed job has each index done once", [
        ("create -f -", job("echo index $JOB_COMPLETION_INDEX", "completions: 3\n  parallelism: 3\n  completionMode: Indexed"), "created"),
        ("wait --for=condition=Complete job/j --timeout=60s", "met"),
        ("get job j -o jsonpath={.status.succeeded}/{.status.completedIndexes}", "= 3/0-2"),
        ("logs -l job-name=j --tail=-1", ["index 0", "index 1", "index 2"]),
    ]),
    ("a daemon set runs on the node, and is rolled out there", [
        ("create -f -", WEB.replace("kind: Deployment", "kind: DaemonSet").replace("  replicas: 2\n", ""), "= daemonset.apps/web created\n"),
        ("rollout status ds/web --timeout=40s", 'daemon set "web" successfully rolled out'),
        ("get ds web", "~ web +1 +1 +1 +1 +1 +<none> "),
        ("set env ds/web A=1", "updated"),
        ("rollout status ds/web --timeout=40s", "successfully rolled out"),
        ("until exec ds/web -- sh -c 'test \"$A\" = 1'", "= "),
    ]),
    ("a deleted pod has its time to end, or has not", [
        ("create -f -", POD.replace("echo begun; exec sleep 1000", "trap 'sleep 1; exit' TERM; sleep 1000 & wait").replace("terminationGracePeriodSeconds: 1", "terminationGracePeriodSeconds: 30"), "created"),
        READY,
        ("delete pod p --wait=false", "deleted"),
        ("get pod p", "~ p +1/1 +Terminating "),
        ("wait --for=delete pod/p --timeout=20s", ""),
        ("create -f -", POD, "created"),
        READY,
        ("delete pod p --now", "deleted"),
        ("get pod p", '! pods "p" not found'),
    ]),
    ("a set puts another pod in the place of one that is gone", [
        ("create -f -", WEB.replace("kind: Deployment", "kind: ReplicaSet"), "created"),
        ("wait --for=jsonpath={.status.readyReplicas}=2 rs/web --timeout=40s", "met"),
        ("keep ONE get pods -o jsonpath={.items[0].metadata.name}", "web-"),
        ("delete pod $ONE --wait=false", "deleted"),
        ("until get pods -o name", ["- $ONE", "~ ^pod/web-\\S+\npod/web-\\S+\n$"]),
        ("wait --for=jsonpath={.status.readyReplicas}=2 rs/web --timeout=40s", "met"),
        ("get pods -o wide", ["~ 1/1 +Running +0 +\\S+ +10\\.244\\.0\\.\\d+ "]),
    ]),
    ("a copy of a pod is looked at in its place", [
        ("create -f -", POD, "created"),
        READY,
        ("debug p --copy-to=q --set-image='*=TOOL' --same-node", ""),
        ("wait --for=condition=Ready pod/q --timeout=40s", "met"),
        ("exec q -- echo here", "= here\n"),
        ("debug p --image=TOOL", "! "),
        ("get pod p -o jsonpath={.spec.ephemeralContainers}", "= "),
    ]),
    ("what a pod did stands in its events", [
        ("create -f -", POD, "created"),
        READY,
        ("until events --for pod/p", ["Scheduled", "Pulled", "Created", "Started"]),
        ("describe pod p", ["~ Status: +Running", "~ Ready +True", "~ IP: +10\\.244\\.0\\.", "Successfully assigned NS/p to "]),
        ("get pod p -o jsonpath={.status.hostIP}/{.status.podIP}", "~ ^[0-9.]+/10\\.244\\.0\\.\\d+$"),
        ("get pods --field-selector status.phase=Running -o name", "= pod/p\n"),
    ]),
]

# Of the whole node: nothing else may begin meanwhile.
ALONE = [
    # A node's pods are those of all namespaces: their labels are this one's own.
    ("a node is drained, and what was on it waits until it is open again", [
        ("create -f -", WEB.replace("replicas: 2", "replicas: 1").replace("app: web", "app: web-NS"), "created"),
        ("create -f -", POD.replace("app: p", "app: p-NS"), "created"),
        READY,
        ("rollout status deploy/web --timeout=40s", "successfully rolled out"),
        ("keep NODE get nodes -o jsonpath={.items[0].metadata.name}", ""),
        ("drain $NODE --pod-selector=app=p-NS --timeout=30s", "! declare no controller (use --force to override): NS/p"),
        ("drain $NODE --pod-selector='app in (p-NS,web-NS)' --force --timeout=40s", ["evicted", "node/$NODE drained"]),
        ("get pod p", '! pods "p" not found'),
        ("until get pods -l app=web-NS", "~ web-\\S+ +0/1 +Pending "),
        ("until events", "were unschedulable"),
        ("uncordon $NODE", "uncordoned"),
        ("rollout status deploy/web --timeout=40s", "successfully rolled out"),
    ]),
]
