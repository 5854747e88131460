"""The `kubernetes` package of PyPI drives the API of server, engine and agent: objects, watches, patches, streams, leases.

    kubernetes_client.py BULKHEADD FOLDER
"""
import logging
import threading

from checks import check, equal, main, until
from cluster import Cluster, IMAGE
from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import portforward, stream

# The election tells each step.
logging.disable(logging.INFO)
CLUSTER = Cluster()
config.load_kube_config(CLUSTER.kubeconfig)
CORE, APPS = client.CoreV1Api(), client.AppsV1Api()
NAMESPACE = "python"


def refused(status, call, *arguments, **named):
    """The message of an answer that refuses a call with this status."""
    try:
        call(*arguments, **named)
    except ApiException as refusal:
        equal((refusal.status, refusal.reason), (status, refusal.reason))
        return refusal.body
    raise AssertionError(f"{call.__name__} was not refused")


def config_map(name, data=None, **labels):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels or None), data=data or {})


def container(*command, **more):
    return client.V1Container(name="c", image=IMAGE, image_pull_policy="Never", command=list(command), **more)


def pod(name, *command, **more):
    return client.V1Pod(
        metadata=client.V1ObjectMeta(name=name, labels={"app": name}),
        spec=client.V1PodSpec(containers=[container(*command)], termination_grace_period_seconds=1, **more))


def deployment(name, replicas):
    labels = {"app": name}
    return client.V1Deployment(
        metadata=client.V1ObjectMeta(name=name),
        spec=client.V1DeploymentSpec(
            replicas=replicas, selector=client.V1LabelSelector(match_labels=labels),
            template=client.V1PodTemplateSpec(
                metadata=client.V1ObjectMeta(labels=labels),
                spec=client.V1PodSpec(containers=[container("sleep", "1000")], termination_grace_period_seconds=1))))


def is_ready(name):
    conditions = CORE.read_namespaced_pod(name, NAMESPACE).status.conditions or []
    return any(item.type == "Ready" and item.status == "True" for item in conditions)


@check("version, groups and the node")
def versions():
    equal(client.VersionApi().get_code().major, "1")
    names = {group.name for group in client.ApisApi().get_api_versions().groups}
    assert {"apps", "batch", "rbac.authorization.k8s.io", "coordination.k8s.io"} <= names, names
    until("the node is ready", lambda: any(
        item.type == "Ready" and item.status == "True" for node in CORE.list_node().items for item in node.status.conditions or []))
    CLUSTER.load_image()
    made = CORE.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
    equal(made.status.phase, "Active")


@check("objects are made, read, replaced, listed and deleted, and errors say why")
def objects():
    made = CORE.create_namespaced_config_map(NAMESPACE, config_map("a", {"k": "1"}, app="x"))
    assert made.metadata.uid and made.metadata.resource_version and made.metadata.creation_timestamp.tzinfo, made
    equal("already exists" in refused(409, CORE.create_namespaced_config_map, NAMESPACE, config_map("a")), True)
    equal("metadata.name: Invalid value" in refused(422, CORE.create_namespaced_config_map, NAMESPACE, config_map("A b")), True)
    equal('\\"nope\\" not found' in refused(404, CORE.read_namespaced_config_map, "nope", NAMESPACE), True)
    made.data = {"k": "2"}
    replaced = CORE.replace_namespaced_config_map("a", NAMESPACE, made)
    equal(replaced.data, {"k": "2"})
    # The version that was read is no longer the one that is there.
    equal("the object has been modified" in refused(409, CORE.replace_namespaced_config_map, "a", NAMESPACE, made), True)
    equal([item.metadata.name for item in CORE.list_namespaced_config_map(NAMESPACE, label_selector="app=x").items], ["a"])
    tried = CORE.create_namespaced_config_map(NAMESPACE, config_map("dry"), dry_run="All")
    equal(tried.metadata.name, "dry")
    refused(404, CORE.read_namespaced_config_map, "dry", NAMESPACE)
    equal(CORE.delete_namespaced_config_map("a", NAMESPACE).status, "Success")


@check("lists come in pages that show one state")
def pages():
    for number in range(5):
        CORE.create_namespaced_config_map(NAMESPACE, config_map(f"page{number}", page="yes"))
    names, token = [], None
    while True:
        page = CORE.list_namespaced_config_map(NAMESPACE, label_selector="page", limit=2, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if len(names) == 2:
            CORE.delete_namespaced_config_map("page4", NAMESPACE)
        if not token:
            break
    equal(names, [f"page{number}" for number in range(5)])
    CORE.delete_collection_namespaced_config_map(NAMESPACE, label_selector="page")
    equal(CORE.list_namespaced_config_map(NAMESPACE, label_selector="page").items, [])


@check("a watch tells of each change once, in order, and goes on where it ended")
def watching():
    start = CORE.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    CORE.create_namespaced_config_map(NAMESPACE, config_map("w", {"k": "0"}))
    for number in range(1, 4):
        CORE.patch_namespaced_config_map("w", NAMESPACE, {"data": {"k": str(number)}})
    CORE.delete_namespaced_config_map("w", NAMESPACE)
    seen, place = [], None
    for event in watch.Watch().stream(CORE.list_namespaced_config_map, NAMESPACE, resource_version=start, timeout_seconds=20):
        seen.append((event["type"], event["object"].data["k"]))
        if len(seen) == 2:
            place = event["object"].metadata.resource_version
        if event["type"] == "DELETED":
            break
    equal(seen, [("ADDED", "0"), ("MODIFIED", "1"), ("MODIFIED", "2"), ("MODIFIED", "3"), ("DELETED", "3")])
    again = watch.Watch()
    rest = []
    for event in again.stream(CORE.list_namespaced_config_map, NAMESPACE, resource_version=place, timeout_seconds=20):
        rest.append(event["type"])
        if len(rest) == 3:
            again.stop()
    equal(rest, ["MODIFIED", "MODIFIED", "DELETED"])


@check("every form of a patch")
def patches():
    APPS.create_namespaced_deployment(NAMESPACE, deployment("patched", 0))
    # Of a list the package makes a JSON patch, of anything else a strategic one.
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "s"}]}}}}
    changed = APPS.patch_namespaced_deployment("patched", NAMESPACE, side)
    equal([item.name for item in changed.spec.template.spec.containers], ["side", "c"])
    removed = APPS.patch_namespaced_deployment("patched", NAMESPACE, [{"op": "remove", "path": "/spec/template/spec/containers/0"}])
    equal([item.name for item in removed.spec.template.spec.containers], ["c"])
    equal("is invalid" in refused(422, APPS.patch_namespaced_deployment, "patched", NAMESPACE, {"spec": {"replicas": -1}}), True)
    scale = APPS.patch_namespaced_deployment_scale("patched", NAMESPACE, {"spec": {"replicas": 0}})
    equal((scale.kind, scale.status.selector), ("Scale", "app=patched"))
    APPS.delete_namespaced_deployment("patched", NAMESPACE, propagation_policy="Foreground")


@check("a deployment becomes ready, is scaled, and is gone with its pods")
def deployments():
    APPS.create_namespaced_deployment(NAMESPACE, deployment("web", 2))
    until("two are ready", lambda: APPS.read_namespaced_deployment("web", NAMESPACE).status.ready_replicas == 2)
    APPS.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 1}})
    until("one is left", lambda: len(CORE.list_namespaced_pod(NAMESPACE, label_selector="app=web").items) == 1)
    APPS.delete_namespaced_deployment("web", NAMESPACE)
    until("none is left", lambda: not CORE.list_namespaced_pod(NAMESPACE, label_selector="app=web").items)


@check("commands run in a pod, with input, output, errors and their code")
def executing():
    CORE.create_namespaced_pod(NAMESPACE, pod("one", "sh", "-c", "echo begun; exec sleep 1000"))
    until("it is ready", lambda: is_ready("one"))
    said = stream(CORE.connect_get_namespaced_pod_exec, "one", NAMESPACE, command=["echo", "said"], stdout=True, stderr=True, stdin=False, tty=False)
    equal(said, "said\n")
    session = stream(
        CORE.connect_get_namespaced_pod_exec, "one", NAMESPACE, command=["sh", "-c", "read x; echo got $x; echo wrong >&2; exit 3"], stdout=True,
        stderr=True, stdin=True, tty=False, _preload_content=False)
    session.write_stdin("word\n")
    session.run_forever(timeout=20)
    equal((session.read_stdout(), session.read_stderr(), session.returncode), ("got word\n", "wrong\n", 3))
    session.close()


@check("logs of a pod, whole, in part and followed")
def logs():
    equal(CORE.read_namespaced_pod_log("one", NAMESPACE), "begun\n")
    CORE.create_namespaced_pod(NAMESPACE, pod("talks", "sh", "-c", "echo one; sleep 1; echo two", restart_policy="Never"))
    until("it has begun", lambda: CORE.read_namespaced_pod_log("talks", NAMESPACE), ignoring=(ApiException,))
    equal(list(watch.Watch().stream(CORE.read_namespaced_pod_log, "talks", NAMESPACE)), ["one", "two"])
    equal(CORE.read_namespaced_pod_log("talks", NAMESPACE, tail_lines=1), "two\n")


@check("forwarding of ports in the older form of WebSockets is refused, with the form that is served")
def ports():
    CORE.create_namespaced_pod(NAMESPACE, pod("serves", "busybox", "httpd", "-f", "-p", "8080", "-h", "/etc"))
    until("it is ready", lambda: is_ready("serves"))
    try:
        portforward(CORE.connect_get_namespaced_pod_portforward, "serves", NAMESPACE, ports="8080")
        raise AssertionError("it was not refused: docs/kubernetes.md says that it is")
    except ApiException as refusal:
        assert "client supports [v4.channel.k8s.io], server accepts [SPDY/3.1+portforward.k8s.io]" in str(refusal), refusal


@check("an eviction ends a pod")
def evictions():
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name="serves", namespace=NAMESPACE))
    CORE.create_namespaced_pod_eviction("serves", NAMESPACE, body)
    until("it is gone", lambda: "serves" not in [item.metadata.name for item in CORE.list_namespaced_pod(NAMESPACE).items])
    refused(404, CORE.create_namespaced_pod_eviction, "serves", NAMESPACE, body)


@check("the dynamic client finds kinds by discovery, applies, watches and deletes")
def dynamics():
    kinds = dynamic.DynamicClient(client.ApiClient())
    maps = kinds.resources.get(api_version="v1", kind="ConfigMap")
    document = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"k": "1"}}
    made = maps.server_side_apply(namespace=NAMESPACE, name="applied", body=document, field_manager="one")
    equal((made.data.k, made.metadata.managedFields[0].operation), ("1", "Apply"))
    other = {**document, "data": {"k": "2"}}
    try:
        maps.server_side_apply(namespace=NAMESPACE, name="applied", body=other, field_manager="two")
        raise AssertionError("a conflict was not told")
    except dynamic.exceptions.ConflictError as conflict:
        assert 'conflict with \\"one\\": .data.k' in conflict.body.decode(), conflict.body
    forced = maps.server_side_apply(namespace=NAMESPACE, name="applied", body=other, field_manager="two", force_conflicts=True)
    equal(forced.data.k, "2")
    merged = maps.patch(namespace=NAMESPACE, body={"metadata": {"name": "applied"}, "data": {"k": None, "l": "3"}}, content_type="application/merge-patch+json")
    equal(merged.data.to_dict(), {"l": "3"})
    for event in maps.watch(namespace=NAMESPACE, timeout=20, name="applied"):
        equal((event["type"], event["object"].metadata.name), ("ADDED", "applied"))
        break
    maps.delete(name="applied", namespace=NAMESPACE)
    try:
        maps.get(name="applied", namespace=NAMESPACE)
        raise AssertionError("it is still there")
    except dynamic.exceptions.NotFoundError:
        pass


@check("documents of a file become objects, and the second time say that they are there")
def files():
    path = CLUSTER.folder + "/objects.yaml"
    with open(path, "w") as file:
        file.write("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: from-list}}\n---\n"
                   "apiVersion: v1\nkind: Service\nmetadata: {name: from-file}\nspec: {ports: [{port: 80}], selector: {app: web}}\n")
    api = client.ApiClient()
    utils.create_from_yaml(api, path, namespace=NAMESPACE)
    equal(CORE.read_namespaced_service("from-file", NAMESPACE).spec.type, "ClusterIP")
    equal(CORE.read_namespaced_config_map("from-list", NAMESPACE).metadata.name, "from-list")
    try:
        utils.create_from_yaml(api, path, namespace=NAMESPACE)
        raise AssertionError("they were made twice")
    except utils.FailToCreateError as failure:
        equal([refusal.status for refusal in failure.api_exceptions], [409, 409])


@check("a lease has one holder, whoever asks at the same time")
def leases():
    coordination = client.CoordinationV1Api()
    body = client.V1Lease(metadata=client.V1ObjectMeta(name="leader"), spec=client.V1LeaseSpec(lease_duration_seconds=15))
    coordination.create_namespaced_lease(NAMESPACE, body)
    held = coordination.read_namespaced_lease("leader", NAMESPACE)
    won, lost = [], []

    def ask(name):
        wish = coordination.api_client.sanitize_for_serialization(held)
        wish["spec"]["holderIdentity"] = name
        try:
            won.append(coordination.replace_namespaced_lease("leader", NAMESPACE, wish).spec.holder_identity)
        except ApiException as refusal:
            lost.append(refusal.status)

    askers = [threading.Thread(target=ask, args=(f"asker{number}",)) for number in range(8)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    equal((len(won), lost), (1, [409] * 7))
    equal(coordination.read_namespaced_lease("leader", NAMESPACE).spec.holder_identity, won[0])


@check("of two that want to lead one does, by the lock of the package")
def elections():
    led = []

    def run(name):
        # Ends with the script: the package has no other end.
        settings = electionconfig.Config(
            ConfigMapLock("election", NAMESPACE, name), lease_duration=5, renew_deadline=4, retry_period=1, onstarted_leading=lambda: led.append(name),
            onstopped_leading=None)
        threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()

    run("first")
    until("the first leads", lambda: led == ["first"])
    run("second")
    before = record()
    until("the lock is renewed", lambda: record() != before)
    assert '"holderIdentity": "first"' in record(), record()
    equal(led, ["first"])


def record():
    """Who leads, as the lock says."""
    return CORE.read_namespaced_config_map("election", NAMESPACE).metadata.annotations["control-plane.alpha.kubernetes.io/leader"]


@check("rights of an account are asked for, and a token of it has them")
def accounts():
    CORE.create_namespaced_service_account(NAMESPACE, client.V1ServiceAccount(metadata=client.V1ObjectMeta(name="robot")))
    client.RbacAuthorizationV1Api().create_namespaced_role_binding(NAMESPACE, client.V1RoleBinding(
        metadata=client.V1ObjectMeta(name="robot"), role_ref=client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="view"),
        subjects=[client.RbacV1Subject(kind="ServiceAccount", name="robot", namespace=NAMESPACE)]))
    request = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=600))
    token = CORE.create_namespaced_service_account_token("robot", NAMESPACE, request).status.token
    settings = client.Configuration(host=client.Configuration.get_default_copy().host)
    settings.ssl_ca_cert, settings.api_key = CLUSTER.server.authority, {"authorization": "Bearer " + token}
    robot = client.CoreV1Api(client.ApiClient(settings))
    equal([item.metadata.name for item in robot.list_namespaced_config_map(NAMESPACE).items if item.metadata.name == "from-list"], ["from-list"])
    refused(403, robot.list_namespaced_secret, NAMESPACE)
    review = client.AuthorizationV1Api(client.ApiClient(settings)).create_self_subject_access_review(client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(namespace=NAMESPACE, verb="get", resource="pods"))))
    equal(review.status.allowed, True)


@check("a namespace goes, with all that is in it")
def end():
    CORE.delete_namespace(NAMESPACE)
    until("it is gone", lambda: NAMESPACE not in [item.metadata.name for item in CORE.list_namespace().items], seconds=60)


try:
    main()
finally:
    CLUSTER.stop()
