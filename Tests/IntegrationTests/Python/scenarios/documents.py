"""Documents that several tables begin with."""

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
DAEMONS = """apiVersion: apps/v1
kind: DaemonSet
metadata: {name: each}
spec:
  selector: {matchLabels: {app: each}}
  template:
    metadata: {labels: {app: each}}
    spec: {containers: [{name: c, image: "busybox:1"}]}
"""
REPLICAS = """apiVersion: v1
kind: ReplicationController
metadata: {name: some}
spec:
  replicas: 2
  selector: {app: some}
  template:
    metadata: {labels: {app: some}}
    spec: {containers: [{name: c, image: "busybox:1"}]}
"""


def config_map(name, more="", **data):
    """Of this name; `more` stands in its metadata."""
    pairs = ", ".join(f'{key}: "{value}"' for key, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}{', ' + more if more else ''}}}\ndata: {{{pairs}}}\n"


def together(*documents):
    return "---\n".join(documents)
