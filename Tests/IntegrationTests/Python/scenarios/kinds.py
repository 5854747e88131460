"""Each kind: what is completed in it, what is refused in it with the field's path, and how it is shown."""
from scenarios.documents import CM, DAEMONS, JOB, POD, REPLICAS, SERVICE, WEB, config_map

LEASE = "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: l}\nspec: {holderIdentity: me, leaseDurationSeconds: 15}\n"
SLICE = """apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: e, labels: {kubernetes.io/service-name: s}}
addressType: IPv4
ports: [{name: http, port: 80}]
endpoints: [{addresses: [192.0.2.1]}]
"""
EVENT = """apiVersion: v1
kind: Event
metadata: {name: NAME}
involvedObject: {kind: ConfigMap, name: a, namespace: NS, apiVersion: v1}
reason: Told
message: something happened
type: Warning
count: 3
firstTimestamp: "2026-01-01T00:00:00Z"
lastTimestamp: "2026-01-01T00:01:00Z"
source: {component: me}
"""


def pod(before, after):
    """The document of a pod, named q, with a change."""
    assert before in POD, before
    return POD.replace(before, after).replace("name: p,", "name: q,")


def container(more):
    """The same, with more in its container."""
    return pod("image: busybox,", f"image: busybox, {more},")


def web(before, after):
    assert before in WEB, before
    return WEB.replace(before, after)


SCENARIOS = [
    ("pods: names, images, ports and variables of containers", [
        ("create -f -", container("ports: [{containerPort: 0}]"), "! spec.containers[0].ports[0].containerPort: Required value"),
        ("create -f -", container("ports: [{containerPort: 80, name: UPPER}]"), '! spec.containers[0].ports[0].name: Invalid value: "UPPER"'),
        ("create -f -", container("ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]"), '! spec.containers[0].ports[1].name: Duplicate value: "a"'),
        ("create -f -", container("env: [{name: 'a=b', value: x}]"), '! spec.containers[0].env[0].name: Invalid value: "a=b"'),
        ("create -f -", container("env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"), "! spec.containers[0].env[0].valueFrom"),
        ("create -f -", container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: spec.nonsuch}}}]"), "! spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"spec.nonsuch\": error converting fieldPath: field label not supported: spec.nonsuch"),
        ("create -f -", pod("[{name: c, image: busybox,", "[{name: c, image: a}, {name: c, image: busybox,"), '! spec.containers[1].name: Duplicate value: "c"'),
        ("create -f -", pod("name: c,", "name: C,"), '! spec.containers[0].name: Invalid value: "C"'),
    ]),
    ("pods: volumes and where they are mounted", [
        ("create -f -", container("volumeMounts: [{name: v, mountPath: /v}]"), '! spec.containers[0].volumeMounts[0].name: Not found: "v"'),
        ("create -f -", pod("spec:", "spec:\n  volumes: [{name: v, emptyDir: {}}, {name: v, emptyDir: {}}]"), '! spec.volumes[1].name: Duplicate value: "v"'),
        ("create -f -", pod("spec:", "spec:\n  volumes: [{name: v, emptyDir: {}, hostPath: {path: /}}]"), "! spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"),
        ("create -f -", pod("spec:", "spec:\n  volumes: [{name: v, configMap: {name: a, items: [{key: k, path: ../k}]}}]"), "! spec.volumes[0].configMap.items[0].path: Invalid value: \"../k\": must not contain '..'"),
        ("create -f -", pod("spec:", "spec:\n  volumes: [{name: v}]"), "created"),
        ("get pod q -o jsonpath={.spec.volumes[0]}", '= {"emptyDir":{},"name":"v"}'),
    ]),
    ("pods: bounds of resources", [
        ("create -f -", container("resources: {limits: {cpu: 100m}, requests: {cpu: 200m}}"), '! spec.containers[0].resources.requests: Invalid value: "200m": must be less than or equal to cpu limit of 100m'),
        ("create -f -", container("resources: {limits: {cpu: -1}}"), '! spec.containers[0].resources.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0'),
        ("create -f -", container("resources: {limits: {cpu: lots}}"), "! quantities must match the regular expression"),
        ("create -f -", container("resources: {limits: {nonsuch: 1}}"), '! spec.containers[0].resources.limits[nonsuch]: Invalid value: "nonsuch": must be a standard resource'),
        ("create -f -", container("resources: {limits: {cpu: 100m, memory: 64Mi}}"), "created"),
        ("get pod q -o jsonpath={.status.qosClass}/{.spec.containers[0].resources.requests}", '= Guaranteed/{"cpu":"100m","memory":"64Mi"}'),
    ]),
    ("pods: probes and hooks", [
        ("create -f -", container("livenessProbe: {}"), "! spec.containers[0].livenessProbe: Required value: must specify a handler type"),
        ("create -f -", container("livenessProbe: {exec: {command: []}}"), "! spec.containers[0].livenessProbe.exec.command: Required value"),
        ("create -f -", container("livenessProbe: {tcpSocket: {port: 80}, httpGet: {port: 80}}"), "! may not specify more than 1 handler type"),
        ("create -f -", container("livenessProbe: {tcpSocket: {port: 80}, successThreshold: 2}"), "! spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1"),
        ("create -f -", container("readinessProbe: {httpGet: {port: 80}}"), "created"),
        ("get pod q -o jsonpath={.spec.containers[0].readinessProbe}",
         '= {"failureThreshold":3,"httpGet":{"path":"/","port":80,"scheme":"HTTP"},"periodSeconds":10,"successThreshold":1,"timeoutSeconds":1}'),
    ]),
    ("pods: rights and places", [
        ("create -f -", container("securityContext: {runAsUser: -1}"), "! spec.containers[0].securityContext.runAsUser: Invalid value: -1"),
        ("create -f -", container("securityContext: {privileged: true, allowPrivilegeEscalation: false}"), "! cannot set `allowPrivilegeEscalation` to false and `privileged` to true"),
        ("create -f -", pod("spec:", "spec:\n  tolerations: [{operator: Exists, value: x}]"), "! value must be empty when `operator` is 'Exists'"),
        ("create -f -", pod("spec:", "spec:\n  nodeSelector: {a/b/c: d}"), "! spec.nodeSelector: Invalid value: \"a/b/c\""),
        ("create -f -", pod("spec:", "spec:\n  restartPolicy: Sometimes"), '! spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'),
        ("create -f -", pod("spec:", "spec:\n  terminationGracePeriodSeconds: -5"), "! spec.terminationGracePeriodSeconds: Invalid value: -5: must be greater than or equal to 0"),
        ("create -f -", pod("spec:", "spec:\n  activeDeadlineSeconds: 0"), "! spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647"),
        ("create -f -", pod("spec:", "spec:\n  hostNetwork: true\n  dnsPolicy: Nope"), '! spec.dnsPolicy: Unsupported value: "Nope"'),
    ]),
    ("pods: what may still change", [
        ("create -f -", POD, "created"),
        ("set image pod/p c=busybox:2", "= pod/p image updated\n"),
        ("patch pod p -p '{\"spec\":{\"activeDeadlineSeconds\":100}}'", "patched"),
        ("patch pod p --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/activeDeadlineSeconds\"}]'", "! spec.activeDeadlineSeconds: Invalid value"),
        ("patch pod p -p '{\"spec\":{\"tolerations\":[{\"key\":\"k\",\"operator\":\"Exists\"}]}}'", "patched"),
        ("patch pod p -p '{\"spec\":{\"containers\":[{\"name\":\"c\",\"command\":[\"other\"]}]}}'", "! spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"),
        ("patch pod p -p '{\"spec\":{\"nodeName\":\"somewhere\"}}'", "! spec: Forbidden: pod updates may not change fields"),
        ("label pod p new=1", "labeled"),
    ]),
    ("pods are bound at an address of their own, once", [
        ("create -f -", POD.replace("spec:", "spec:\n  schedulerName: nobody"), "created"),
        ("create --raw /api/v1/namespaces/NS/pods/p/binding -f -", '{"metadata":{"name":"p"},"target":{"kind":"Node","name":"far-away"}}', '"status":"Success"'),
        ("get pod p -o jsonpath={.spec.nodeName}", "= far-away"),
        ("get pods --field-selector spec.nodeName=far-away -o name", "= pod/p\n"),
        ("create --raw /api/v1/namespaces/NS/pods/p/binding -f -", '{"metadata":{"name":"p"},"target":{"kind":"Node","name":"other"}}',
         '! Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "far-away"'),
        ("delete pod p --grace-period=0 --force", "deleted"),
    ]),
    ("deployments: selector, template and strategy", [
        ("create -f -", web("  selector: {matchLabels: {app: web}}\n", ""), "! spec.selector: Required value"),
        ("create -f -", web("labels: {app: web}}\n    spec", "labels: {app: other}}\n    spec"), "! spec.template.metadata.labels: Invalid value: {\"app\":\"other\"}: `selector` does not match template `labels`"),
        ("create -f -", web("replicas: 3", "replicas: 3\n  strategy: {type: Sometimes}"), '! spec.strategy.type: Unsupported value: "Sometimes": supported values: "Recreate", "RollingUpdate"'),
        ("create -f -", web("replicas: 3", "replicas: 3\n  strategy: {rollingUpdate: {maxSurge: 10}, type: Recreate}"), "! spec.strategy.rollingUpdate: Forbidden"),
        ("create -f -", web("replicas: 3", "replicas: 3\n  minReadySeconds: 600"), "! spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds"),
        ("create -f -", web("    spec:", "    spec:\n      restartPolicy: Never"), '! spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"'),
        ("create -f -", WEB, "created"),
        ("patch deploy web --type=merge -p '{\"spec\":{\"selector\":{\"matchLabels\":{\"app\":\"x\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"x\"}}}}}'", "! spec.selector: Invalid value"),
    ]),
    ("replica sets and replication controllers: selectors", [
        ("create -f -", REPLICAS.replace("{app: some}\n  template", "{app: other}\n  template"), "! `selector` does not match template `labels`"),
        ("create -f -", REPLICAS.replace("  selector: {app: some}\n", ""), "created"),
        ("get rc some -o jsonpath={.spec.selector}/{.metadata.labels}", '= {"app":"some"}/{"app":"some"}'),
        ("create -f -", web("kind: Deployment", "kind: ReplicaSet").replace("replicas: 3", "replicas: -1"), "! spec.replicas: Invalid value: -1: must be greater than or equal to 0"),
        ("create -f -", web("kind: Deployment", "kind: ReplicaSet"), "created"),
        ("patch rs web --type=merge -p '{\"spec\":{\"selector\":{\"matchLabels\":{\"tier\":\"x\"}}}}'", "! spec.selector: Invalid value"),
        ("describe rc some", "Selector:     app=some"),
    ]),
    ("daemon sets: update strategy and selector", [
        ("create -f -", DAEMONS.replace("spec:\n  selector", "spec:\n  updateStrategy: {type: Sometimes}\n  selector", 1), "! spec.updateStrategy.type"),
        ("create -f -", DAEMONS.replace("spec:\n  selector", "spec:\n  updateStrategy: {rollingUpdate: {maxUnavailable: 0}}\n  selector", 1), "! spec.updateStrategy.rollingUpdate"),
        ("create -f -", DAEMONS, "created"),
        ("get ds each -o jsonpath={.spec.updateStrategy}/{.spec.revisionHistoryLimit}", '= {"rollingUpdate":{"maxSurge":0,"maxUnavailable":1},"type":"RollingUpdate"}/10'),
        ("patch ds each --type=merge -p '{\"spec\":{\"selector\":{\"matchLabels\":{\"x\":\"y\"}}}}'", "! spec.selector: Invalid value"),
        ("describe ds each", ["Selector:       app=each", "Desired Number of Nodes Scheduled: 0"]),
    ]),
    ("jobs: numbers, policies and what is kept", [
        ("create -f -", JOB.replace("spec:\n  template", "spec:\n  parallelism: -1\n  template", 1), "! spec.parallelism: Invalid value: -1: must be greater than or equal to 0"),
        ("create -f -", JOB.replace("spec:\n  template", "spec:\n  parallelism: 2\n  completionMode: Indexed\n  template", 1), "! spec.completions: Required value: when completion mode is Indexed"),
        ("create -f -", JOB.replace("restartPolicy: Never", "restartPolicy: Always"),
         '! spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"'),
        ("create -f -", JOB.replace("spec:\n  template", "spec:\n  backoffLimit: -1\n  template", 1), "! spec.backoffLimit: Invalid value: -1"),
        ("create -f -", JOB.replace("spec:\n  template", "spec:\n  ttlSecondsAfterFinished: 100\n  template", 1), "created"),
        ("get job once -o jsonpath={.spec.completions}/{.spec.ttlSecondsAfterFinished}/{.spec.podReplacementPolicy}", "= 1/100/TerminatingOrFailed"),
        ("describe job once", ["~ Parallelism: +1\n", "~ Completions: +1\n", "~ Completion Mode: +NonIndexed\n"]),
    ]),
    ("services: ports, types and what contradicts itself", [
        ("create -f -", SERVICE.replace("port: 80,", "port: 80000,"), "! spec.ports[0].port: Invalid value: 80000: must be between 1 and 65535"),
        ("create -f -", SERVICE.replace("ports: [", "ports: [{port: 81}, "), "! spec.ports[0].name: Required value"),
        ("create -f -", SERVICE.replace("ports: [", "ports: [{name: http, port: 81}, "), '! spec.ports[1].name: Duplicate value: "http"'),
        ("create -f -", SERVICE.replace("spec:", "spec:\n  type: Nope"), '! spec.type: Unsupported value: "Nope": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'),
        ("create -f -", SERVICE.replace("spec:", "spec:\n  type: NodePort\n  clusterIP: None"), "! may not be set to 'None' for NodePort services"),
        ("create -f -", SERVICE.replace("spec:", "spec:\n  type: ExternalName"), "! spec.externalName: Required value"),
        ("create -f -", SERVICE.replace("spec:", "spec:\n  sessionAffinity: Sometimes"), '! spec.sessionAffinity: Unsupported value: "Sometimes": supported values: "ClientIP", "None"'),
        ("create -f -", SERVICE.replace("name: web", "name: a.b"), '! metadata.name: Invalid value: "a.b"'),
        ("create -f -", "apiVersion: v1\nkind: Service\nmetadata: {name: none}\nspec: {selector: {a: b}}\n", "! spec.ports: Required value"),
    ]),
    ("services: how they are told", [
        ("create -f -", SERVICE.replace("spec:", "spec:\n  type: NodePort\n  externalTrafficPolicy: Local\n  sessionAffinity: ClientIP"), "created"),
        ("describe svc web", ["~ Type: +NodePort\n", "~ Port: +http +80/TCP\n", "~ TargetPort: +8080/TCP\n", "~ Session Affinity: +ClientIP\n"]),
        ("get svc web -o wide", ["SELECTOR", "app=web"]),
        ("get svc web -o jsonpath={.spec.externalTrafficPolicy}", "= Local"),
        ("get svc --field-selector spec.type=NodePort -o name", "= service/web\n"),
    ]),
    ("endpoints and slices that somebody writes", [
        ("create -f -", "apiVersion: v1\nkind: Endpoints\nmetadata: {name: e}\nsubsets: [{addresses: [{ip: 127.0.0.1}], ports: [{port: 80}]}]\n", "! may not be in the loopback range (127.0.0.0/8, ::1/128)"),
        ("create -f -", "apiVersion: v1\nkind: Endpoints\nmetadata: {name: e}\nsubsets: [{addresses: [{ip: 192.0.2.1}, {ip: 192.0.2.2}], ports: [{port: 80}]}]\n", "created"),
        ("get ep e", "~ e +192.0.2.1:80,192.0.2.2:80 "),
        ("describe ep e", ["Addresses:          192.0.2.1,192.0.2.2", "80    TCP"]),
        ("create -f -", SLICE.replace("192.0.2.1", "nonsense"), "! endpoints[0].addresses[0]: Invalid value: \"nonsense\""),
        ("create -f -", SLICE.replace("addressType: IPv4\n", ""), "! addressType: Required value"),
        ("create -f -", SLICE.replace("e, labels", "f, labels"), "created"),
        ("get endpointslices f", "~ f +IPv4 +80 +192.0.2.1 "),
        ("patch endpointslice f --type=merge -p '{\"addressType\":\"IPv6\"}'", "! addressType: Invalid value: \"IPv6\": field is immutable"),
    ]),
    ("config maps and secrets: keys, and what may not change any more", [
        ("create -f -", CM.replace("x: \"1\"", '"a/b": "1"'), "! data[a/b]: Invalid value: \"a/b\": a valid config key must consist of"),
        ("create -f -", CM.replace("\ndata:", "\nimmutable: true\ndata:"), "created"),
        ("patch cm a -p '{\"immutable\":false}'", "! immutable: Forbidden: field is immutable when `immutable` is set"),
        ("patch cm a -p '{\"metadata\":{\"labels\":{\"new\":\"1\"}}}'", "patched"),
        ("create -f -", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nimmutable: true\nstringData: {k: v}\n", "created"),
        ("patch secret s -p '{\"stringData\":{\"k\":\"w\"}}'", "! data: Forbidden: field is immutable when `immutable` is set"),
        ("create -f -", "apiVersion: v1\nkind: Secret\nmetadata: {name: t}\ndata: {k: '%%%'}\n", "! illegal base64 data at input byte 0"),
        ("create -f -", "apiVersion: v1\nkind: Secret\nmetadata: {name: t}\ntype: kubernetes.io/basic-auth\n", "! data[username]"),
    ]),
    ("what is too large is not kept", [
        ("create -f -", config_map("big", k="x" * 1_048_577), "! Too long"),
        ("apply -f -", config_map("big", k="x" * 262_145), "! metadata.annotations: Too long"),
        ("apply --server-side -f -", config_map("big", k="x" * 262_145), "= configmap/big serverside-applied\n"),
        ("get cm big", "~ big +1 "),
    ]),
    ("roles and bindings: rules, subjects and references", [
        ("create -f -", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: [{apiGroups: [''], resources: [pods]}]\n",
         "! rules[0].verbs: Required value: verbs must contain at least one value"),
        ("create -f -", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: [{nonResourceURLs: [/x], verbs: [get]}]\n",
         "! rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced rules cannot apply to non-resource URLs"),
        ("create -f -", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nroleRef: {kind: Nope, name: r, apiGroup: rbac.authorization.k8s.io}\n",
         '! roleRef.kind: Unsupported value: "Nope": supported values: "ClusterRole", "Role"'),
        ("create -f -", "apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b}\nroleRef: {kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}\n"
         "subjects: [{kind: User}]\n", "! subjects[0].name: Required value"),
        ("create -f -", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: NS-b}\nroleRef: {kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}\n",
         '! roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'),
    ]),
    ("leases, runtime classes and templates of pods", [
        ("create -f -", LEASE.replace("15", "0"), "! spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"),
        ("create -f -", LEASE, "= lease.coordination.k8s.io/l created\n"),
        ("get leases", "~ NAME +HOLDER +AGE\nl +me "),
        ("create -f -", "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: NS-class}\nhandler: crun\n", "= runtimeclass.node.k8s.io/NS-class created\n"),
        ("get runtimeclass NS-class", "~ NAME +HANDLER +AGE\nNS-class +crun "),
        ("patch runtimeclass NS-class --type=merge -p '{\"handler\":\"other\"}'", "! handler: Invalid value: \"other\": field is immutable"),
        ("delete runtimeclass NS-class", "deleted"),
        ("create -f -", "apiVersion: v1\nkind: PodTemplate\nmetadata: {name: t}\ntemplate: {spec: {containers: [{name: c, image: x}]}}\n", "= podtemplate/t created\n"),
        ("get podtemplates", "~ NAME +CONTAINERS +IMAGES +POD LABELS\nt +c +x +<none>\n"),
    ]),
    ("events that somebody writes", [
        ("create -f -", EVENT.replace("NAME", "one"), "= event/one created\n"),
        ("get events", "~ LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\\S+ +Warning +Told +configmap/a +something happened\n"),
        ("events --for cm/a", "~ LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n.*\\(x3 over .*\\) +Warning +Told +ConfigMap/a +something happened\n"),
        ("get events --field-selector reason=Told,involvedObject.kind=ConfigMap -o name", "= event/one\n"),
        ("create -f -", EVENT.replace("NAME", "two").replace("namespace: NS", "namespace: default"), "! involvedObject.namespace: Invalid value: \"default\": does not match event.namespace"),
        ("create -f -", CM, "created"),
        ("keep UID get cm a -o jsonpath={.metadata.uid}", "-"),
        ("create -f -", EVENT.replace("NAME", "three").replace("namespace: NS,", "namespace: NS, uid: $UID,"), "created"),
        ("describe cm a", ["Warning", "Told", "something happened"]),
    ]),
    ("owners, names and other metadata are checked", [
        ("create -f -", config_map("a", "ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: b}]"), "! uid: Invalid value: \"\": must not be empty"),
        ("create -f -", config_map("a", "ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: b, uid: x, controller: true}, {apiVersion: v1, kind: ConfigMap, name: c, uid: w, controller: true}]"),
         "! Only one reference can have Controller set to true"),
        ("create -f -", config_map("x" * 254), "! metadata.name: Invalid value"),
        ("create -f -", config_map("a", "annotations: {'a b': c}"), "! metadata.annotations: Invalid value: \"a b\""),
        ("create -f -", config_map("a", "generation: 9, creationTimestamp: '2001-01-01T00:00:00Z', selfLink: x"), "created"),
        ("get cm a -o jsonpath={.metadata.generation}/{.metadata.creationTimestamp}/{.metadata.selfLink}", ["- 2001", "- x"]),
    ]),
    ("an unknown field is refused, told, or passed over", [
        ("create -f -", web("replicas: 3", "replicas: 3\n  repliccas: 4"), ['! strict decoding error: unknown field "spec.repliccas"', "! (BadRequest)"]),
        ("create --validate=warn -f -", web("replicas: 3", "replicas: 3\n  repliccas: 4"), '^ Warning: unknown field "spec.repliccas"'),
        ("delete deploy web", "deleted"),
        ("create --validate=ignore -f -", web("replicas: 3", "replicas: 3\n  repliccas: 4"), "created"),
        ("get deploy web -o yaml", "- repliccas"),
        ("create --validate=nonsense -f -", CM, '! invalid - must be "strict|warn|ignore'[:9]),
    ]),
    ("a field that is there twice, or of another type", [
        ("create --raw /api/v1/namespaces/NS/configmaps?fieldValidation=Strict -f -", '{"metadata":{"name":"a"},"data":{"k":"1","k":"2"}}', "! (BadRequest)"),
        ("create -f -", web("replicas: 3", "replicas: three"), "! cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"),
        ("create -f -", CM.replace('x: "1"', "x: 1"), "! cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        ("create -f -", "apiVersion: v1\nkind: Nonsuch\nmetadata: {name: a}\n", '! no matches for kind "Nonsuch" in version "v1"'),
        ("create -f -", "apiVersion: apps/v7\nkind: Deployment\nmetadata: {name: a}\n", "! apps/v7"),
        ("create -f -", "kind: ConfigMap\nmetadata: {name: a}\n", "! apiVersion not set"),
        ("create -f -", "apiVersion: v1\nmetadata: {name: a}\n", "! kind not set"),
        ("create -f -", "not a document", "! "),
    ]),
]
