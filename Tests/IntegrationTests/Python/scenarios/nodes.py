"""Nodes that nobody runs: their state is what the scenarios write. Each has one of its own, named as its namespace."""
from scenarios.documents import DAEMONS, POD

NODE = "apiVersion: v1\nkind: Node\nmetadata: {name: NS, labels: {of: NS}}\n"
# Nothing of other scenarios comes to it.
CLOSED = NODE + "spec: {taints: [{key: only, effect: NoSchedule}]}\n"
READY = ("patch node NS --subresource=status -p '{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"KubeletReady\",\"message\":\"ready\","
         "\"lastHeartbeatTime\":\"2030-01-01T00:00:00Z\",\"lastTransitionTime\":\"2030-01-01T00:00:00Z\"}],\"capacity\":{\"cpu\":\"2\",\"memory\":\"1Gi\",\"pods\":\"10\"},"
         "\"allocatable\":{\"cpu\":\"2\",\"memory\":\"1Gi\",\"pods\":\"10\"},\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"192.0.2.8\"}],"
         "\"nodeInfo\":{\"kubeletVersion\":\"v1.33.0\",\"osImage\":\"some\",\"kernelVersion\":\"6\",\"containerRuntimeVersion\":\"none://1\"}}}'")
SHORT = "patch node NS --subresource=status -p '{\"status\":{\"conditions\":[{\"type\":\"MemoryPressure\",\"status\":\"%s\"}]}}'"
HERE = POD.replace("spec:", "spec:\n  nodeName: NS")
ALONE = "spec:\n  nodeSelector: {of: NS}\n  tolerations: [{key: only, operator: Exists}]"

SCENARIOS = [
    ("a node is shown with its roles and its state", [
        ("create -f -", NODE, "= node/NS created\n"),
        ("get node NS", "~ NAME +STATUS +ROLES +AGE +VERSION\nNS +(Unknown|NotReady) +<none> "),
        ("label node NS node-role.kubernetes.io/worker=", "= node/NS labeled\n"),
        (READY, "= node/NS patched\n"),
        ("get node NS", "~ NS +Ready +worker +\\S+ +v1.33.0\n"),
        ("get node NS -o wide", ["~ INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME\n", "~ 192.0.2.8 +<none> +some +6 +none://1\n"]),
        ("describe node NS", ["Name:               NS", "Roles:              worker", "KubeletReady", "Non-terminated Pods:"]),
        ("get nodes -l of=NS -o name", "= node/NS\n"),
    ]),
    ("taints are set, overwritten and removed", [
        ("create -f -", NODE, "created"),
        ("taint node NS k=v:NoSchedule", "= node/NS tainted\n"),
        ("taint node NS k=w:NoSchedule", "! node NS already has k taint(s) with same effect(s) and --overwrite is false"),
        ("taint node NS k=w:NoSchedule --overwrite", "= node/NS modified\n"),
        ("taint node NS k=w:NoExecute", "= node/NS tainted\n"),
        ("get node NS -o jsonpath='{.spec.taints[?(@.key==\"k\")].effect}'", ["NoSchedule", "NoExecute"]),
        ("taint node NS k:NoExecute-", "= node/NS untainted\n"),
        ("taint node NS k-", "= node/NS untainted\n"),
        ("taint node NS z-", '! taint "z" not found'),
        ("taint node NS k=v:Sometimes", "! invalid taint effect: Sometimes"),
        ("taint node NS-none k=v:NoSchedule", '! nodes "NS-none" not found'),
    ]),
    ("what a node must be", [
        ("create -f -", NODE + "spec: {taints: [{key: k, effect: NoSchedule}, {key: k, effect: NoSchedule}]}\n", "! taints must be unique by key and effect pair"),
        ("create -f -", NODE + "spec: {taints: [{key: k, effect: Nope}]}\n", '! Unsupported value: "Nope"'),
        ("create -f -", NODE.replace("name: NS", "name: NS_x"), '! metadata.name: Invalid value: "NS_x"'),
        ("create -f -", NODE + "spec: {podCIDR: 10.244.7.0/24}\n", "created"),
        ("patch node NS --type=merge -p '{\"spec\":{\"podCIDR\":\"10.244.8.0/24\",\"podCIDRs\":[\"10.244.8.0/24\"]}}'", "! node updates may not change"),
    ]),
    ("a node takes nothing new while it is cordoned", [
        ("create -f -", NODE, "created"),
        ("cordon NS --dry-run=client", "= node/NS cordoned (dry run)\n"),
        ("cordon NS", "= node/NS cordoned\n"),
        ("cordon NS", "= node/NS already cordoned\n"),
        ("get node NS", "SchedulingDisabled"),
        ("until get node NS -o jsonpath={.spec.taints[*].key}", "node.kubernetes.io/unschedulable"),
        ("uncordon -l of=NS", "= node/NS uncordoned\n"),
        ("until get node NS -o jsonpath={.spec.taints[*].key}", "- unschedulable"),
        ("uncordon NS-none", '! nodes "NS-none" not found'),
    ]),
    ("a node that runs short of memory takes what asks for some, and the rest later", [
        ("create -f -", CLOSED, "created"),
        (READY, "patched"),
        (SHORT % "True", "patched"),
        ("until get node NS -o jsonpath={.spec.taints[*].key}", "= only node.kubernetes.io/memory-pressure"),
        ("create -f -", POD.replace("spec:", ALONE), "created"),
        ("until describe pod p", "had untolerated taint {node.kubernetes.io/memory-pressure: }"),
        ("create -f -", POD.replace("spec:", ALONE).replace("name: p,", "name: q,").replace("image: busybox", "image: busybox, resources: {requests: {memory: 1Mi}}"), "created"),
        ("until get pod q -o jsonpath={.spec.nodeName}", "= NS"),
        (SHORT % "False", "patched"),
        ("until get node NS -o jsonpath={.spec.taints[*].key}", "= only"),
        ("until get pod p -o jsonpath={.spec.nodeName}", "= NS"),
        ("delete pods --all --force --grace-period=0", "force deleted"),
    ]),
    ("a drain asks before it takes what does not come back", [
        ("create -f -", CLOSED, "created"),
        ("create -f -", HERE, "created"),
        ("drain NS", ["! node/NS cordoned", "! declare no controller (use --force to override): NS/p"]),
        ("get pod p -o name", "= pod/p\n"),
        ("drain NS --force --grace-period=0 --timeout=20s --ignore-daemonsets", ["node/NS already cordoned", "pod/p evicted", "node/NS drained"]),
        ("get pod p", '! pods "p" not found'),
    ]),
    ("an evicted pod says why it ends", [
        ("create -f -", NODE, "created"),
        ("create -f -", HERE, "created"),
        ("create --raw /api/v1/namespaces/NS/pods/p/eviction?dryRun=All -f -", '{"metadata":{"name":"p"}}', '"status":"Success"'),
        ("get pod p -o jsonpath='{.status.conditions[?(@.type==\"DisruptionTarget\")].reason}'", "= "),
        ("create --raw /api/v1/namespaces/NS/pods/p/eviction -f -", '{"metadata":{"name":"p"},"deleteOptions":{"preconditions":{"uid":"other"}}}', "! the UID in the precondition"),
        ("create --raw /api/v1/namespaces/NS/pods/p/eviction -f -", '{"metadata":{"name":"p"}}', '"status":"Success"'),
        ("get pod p -o jsonpath='{.status.conditions[?(@.type==\"DisruptionTarget\")].reason}{.metadata.deletionGracePeriodSeconds}'", "= EvictionByEvictionAPI30"),
        ("delete pod p --force --grace-period=0", "force deleted"),
    ]),
    ("a drain spares local data and daemons, unless it is told", [
        ("create -f -", CLOSED, "created"),
        ("create -f -", HERE.replace("spec:", "spec:\n  volumes: [{name: v, emptyDir: {}}]"), "created"),
        ("drain NS --force", "! cannot delete Pods with local storage (use --delete-emptydir-data to override): NS/p"),
        ("drain NS --force --delete-emptydir-data --dry-run=client --ignore-daemonsets", "node/NS drained (dry run)"),
        ("get pod p -o name", "= pod/p\n"),
        ("drain NS --force --delete-emptydir-data --disable-eviction --grace-period=0 --timeout=20s --ignore-daemonsets", ["pod/p deleted", "node/NS drained"]),
        ("drain NS --pod-selector=none=here --ignore-daemonsets", "node/NS drained"),
    ]),
    ("an eviction is a deletion that may be asked for by itself", [
        ("create -f -", NODE, "created"),
        ("create -f -", HERE, "created"),
        ("create --raw /api/v1/namespaces/NS/pods/p/eviction -f -", '{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"p"},"deleteOptions":{"dryRun":["All"]}}',
         '"status":"Success"'),
        ("get pod p -o jsonpath={.metadata.deletionTimestamp}", "= "),
        ("create --raw /api/v1/namespaces/NS/pods/p/eviction -f -", '{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"p"}}', '"status":"Success"'),
        ("get pod p -o jsonpath={.metadata.deletionTimestamp}", "T"),
        ("get pod p", "~ p +0/1 +Terminating "),
        ("create --raw /api/v1/namespaces/NS/pods/nope/eviction -f -", '{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"nope"}}', '! pods "nope" not found'),
        ("delete pod p --force --grace-period=0", "force deleted"),
    ]),
    ("pods go where they select, tolerate and fit", [
        ("create -f -", CLOSED, "created"),
        (READY, "patched"),
        ("until get node NS -o jsonpath={.spec.taints[*].key}", "= only"),
        ("create -f -", POD.replace("spec:", ALONE), "created"),
        ("until get pod p -o jsonpath={.spec.nodeName}", "= NS"),
        ("until events --for pod/p", ["Scheduled", "Successfully assigned NS/p to NS"]),
        ("create -f -", POD.replace("spec:", "spec:\n  nodeSelector: {of: NS}").replace("name: p,", "name: q,"), "created"),
        ("until describe pod q", "had untolerated taint"),
        ("create -f -", POD.replace("spec:", ALONE).replace("name: p,", "name: r,").replace("image: busybox", "image: busybox, resources: {requests: {cpu: 3}}"), "created"),
        ("until describe pod r", "Insufficient cpu"),
        ("describe node NS", "~ NS +p +0 "),
        ("delete pods --all --force --grace-period=0", "force deleted"),
    ]),
    ("a daemon set has a pod on each node that it selects", [
        ("create -f -", CLOSED, "created"),
        (READY, "patched"),
        ("create -f -", DAEMONS.replace("spec: {containers", "spec: {nodeSelector: {of: NS}, tolerations: [{key: only, operator: Exists}], containers"), "created"),
        ("until get ds each", "~ each +1 +1 +0 +1 +0 +of=NS "),
        ("until get pods -o jsonpath={.items[*].spec.nodeName}", "= NS"),
        ("rollout status ds/each --watch=false", 'Waiting for daemon set "each" rollout to finish: 0 of 1 updated pods are available...'),
        ("get pods -o jsonpath='{.items[0].spec.tolerations[?(@.key==\"node.kubernetes.io/unreachable\")]}'", ["NoExecute", "- tolerationSeconds"]),
        ("drain NS --timeout=5s", "! cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"),
        ("label node NS of-", "unlabeled"),
        ("until get ds each", "~ each +0 +"),
        ("delete pods --all --force --grace-period=0", ""),
    ]),
    ("a node goes, and nobody is on it any more", [
        ("create -f -", NODE, "created"),
        ("create -f -", HERE, "created"),
        ("get pods -A --field-selector spec.nodeName=NS", "~ NAMESPACE +NAME .*\nNS +p "),
        ("describe node NS", ["~ NS +p +0 ", "Allocated resources:"]),
        ("delete node NS", '= node "NS" deleted\n'),
        ("get node NS", '! nodes "NS" not found'),
        ("delete pod p --force --grace-period=0", "force deleted"),
    ]),
]
for _, steps in SCENARIOS:
    steps.append(("delete node NS --ignore-not-found", ""))
