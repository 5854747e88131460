#!/usr/bin/env python3
"""The container runtime interface of an engine, spoken by gRPC's own client: cri.py PATH-OF-BULKHEADD FOLDER"""
import importlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import grpc
from google.protobuf import message_factory
from grpc_tools import protoc

from checks import check, equal, main, until
from service import Engine, free_port

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
SOURCES = pathlib.Path(__file__).resolve().parents[3]
MESSAGES = SOURCES / "Sources/Common/CRIProtocol/Messages"
AGENT = f"{FOLDER}/root/agent"
LOGS = f"{AGENT}/logs"
SUBNET = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"

assert protoc.main(["protoc", f"--proto_path={MESSAGES}", f"--python_out={FOLDER}", "cri.proto"]) == 0
sys.path.insert(0, FOLDER)
cri = importlib.import_module("cri_pb2")


class Client:
    """Calls methods by their names: `client.RunPodSandbox(config=…)`."""

    def __init__(self, path):
        self.channel = grpc.insecure_channel(
            f"unix:{path}", options=[("grpc.max_receive_message_length", 32 << 20), ("grpc.use_local_subchannel_pool", 1)])
        for service in cri.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                make = self.channel.unary_stream if method.server_streaming else self.channel.unary_unary
                answer = message_factory.GetMessageClass(method.output_type)
                call = make(f"/runtime.v1.{service.name}/{method.name}",
                            request_serializer=lambda message: message.SerializeToString(),
                            response_deserializer=answer.FromString)
                request = message_factory.GetMessageClass(method.input_type)
                setattr(self, method.name, self.caller(call, request, method.server_streaming))

    @staticmethod
    def caller(call, request, streams):
        def run(deadline=60, **fields):
            return call(request(**fields), timeout=None if streams else deadline, wait_for_ready=True)
        return run


def refused(code, body, part=""):
    """The error of a call that has to fail with this code."""
    try:
        body()
    except grpc.RpcError as error:
        equal((error.code(), part in error.details()), (code, True))
        return error.details()
    raise AssertionError(f"no {code}")


def sandbox_config(name, **more):
    return dict(metadata=dict(name=name, uid=f"uid-{name}", namespace="tests", attempt=0), hostname=name,
                log_directory=f"{LOGS}/{name}", labels={"app": name}, annotations={"note": "n"}, **more)


def run_sandbox(name, **more):
    os.makedirs(f"{LOGS}/{name}", exist_ok=True)
    return CRI.RunPodSandbox(config=sandbox_config(name, **more)).pod_sandbox_id


def create(sandbox, name, command, linux=None, **more):
    config = dict(metadata=dict(name=name), image=dict(image="busybox:latest"), command=["sh", "-c", command],
                  log_path=f"{name}.log", labels={"part": name}, annotations={"note": name}, linux=linux or {}, **more)
    return CRI.CreateContainer(pod_sandbox_id=sandbox, config=config).container_id


def run(sandbox, name, command, linux=None, **more):
    container = create(sandbox, name, command, linux, **more)
    CRI.StartContainer(container_id=container)
    return container


def status(container):
    return CRI.ContainerStatus(container_id=container).status


def ended(container):
    return until("the end of a container", lambda: (s := status(container)).state == cri.CONTAINER_EXITED and s)


def execute(container, command, timeout=20):
    answer = CRI.ExecSync(container_id=container, cmd=["sh", "-c", command], timeout=timeout)
    return answer.exit_code, answer.stdout.decode(), answer.stderr.decode()


def output(container, command):
    code, out, err = execute(container, command)
    equal((code, err), (0, ""))
    return out.strip()


def logged(name, container):
    """Stream and text of each line of a log, whose form is the interface's."""
    lines = pathlib.Path(f"{LOGS}/{name}/{container}.log").read_text().splitlines()
    parts = [line.split(" ", 3) for line in lines]
    assert all(len(part) == 4 and part[2] in "FP" and "T" in part[0] for part in parts), lines
    return [(part[1], part[3]) for part in parts]


ENGINE = Engine(PROGRAM, FOLDER, f"networks:\n  pods: {SUBNET}.0/24\n")
CRI = Client(f"{ENGINE.run}/cri.sock")
rootfs = subprocess.run([SOURCES / "Benchmarks/busybox-rootfs"], check=True, capture_output=True).stdout
equal(ENGINE.ask("POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", rootfs)[0], 200)
os.makedirs(LOGS)


@check("the sockets are root's alone, and the runtime says what it is")
def runtime():
    for name in ("cri.sock", "cri-streaming.sock"):
        equal(oct(os.stat(f"{ENGINE.run}/{name}").st_mode & 0o777), "0o600")
    version = CRI.Version()
    equal((version.runtime_name, version.runtime_api_version), ("bulkhead", "v1"))
    answer = CRI.Status(verbose=True)
    equal({c.type: c.status for c in answer.status.conditions}, {"RuntimeReady": True, "NetworkReady": True})
    assert "crun" in [handler.name for handler in answer.runtime_handlers], answer
    equal(CRI.RuntimeConfig().linux.cgroup_driver, cri.CGROUPFS)


@check("a sandbox without a process: address, ids, names; found by its labels")
def sandboxes():
    sandbox = run_sandbox("box", dns_config=dict(servers=["10.96.0.10"], searches=["a.test", "b.test"], options=["ndots:5"]))
    answer = CRI.PodSandboxStatus(pod_sandbox_id=sandbox, verbose=True)
    equal(answer.status.state, cri.SANDBOX_READY)
    assert answer.status.network.ip.startswith(SUBNET + "."), answer
    mapping = answer.status.linux.namespaces.options.userns_options.uids[0]
    equal((mapping.container_id, mapping.length), (0, 65536))
    assert mapping.host_id >= 65536, mapping
    equal(json.loads(answer.info["info"])["sandboxID"], sandbox)
    equal([item.id for item in CRI.ListPodSandbox(filter=dict(label_selector={"app": "box"})).items], [sandbox])
    equal(list(CRI.ListPodSandbox(filter=dict(label_selector={"app": "other"})).items), [])
    equal(list(CRI.ListPodSandbox(filter=dict(state=dict(state=cri.SANDBOX_NOTREADY))).items), [])
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: run_sandbox("box"), "exists already")
    container = run(sandbox, "names", "cat /etc/resolv.conf /etc/hosts; hostname; id -u; cat /proc/self/uid_map; ls /sys/class/net")
    equal(ended(container).exit_code, 0)
    text = "\n".join(line for _, line in logged("box", "names"))
    for part in ("nameserver 10.96.0.10", "search a.test b.test", "options ndots:5", f"{answer.status.network.ip}\tbox",
                 f"{mapping.host_id}      65536", "eth0"):
        assert part in text, (part, text)


@check("a container: created, started once, its log in the interface's format, its end")
def containers():
    sandbox = run_sandbox("life")
    container = create(sandbox, "c", "echo out; echo err >&2; exit 3", envs=[dict(key="A", value=b"1")], working_dir="/tmp")
    equal(status(container).state, cri.CONTAINER_CREATED)
    CRI.StartContainer(container_id=container)
    found = ended(container)
    equal((found.exit_code, found.reason, found.metadata.name), (3, "Error", "c"))
    assert found.created_at < found.started_at < found.finished_at, found
    equal(sorted(logged("life", "c")), [("stderr", "err"), ("stdout", "out")])
    equal(found.log_path, f"{LOGS}/life/c.log")
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: CRI.StartContainer(container_id=container), "starts once")
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: execute(container, "true"))
    equal([(c.id, dict(c.labels)) for c in CRI.ListContainers(filter=dict(pod_sandbox_id=sandbox)).containers],
          [(container, {"part": "c"})])
    equal(list(CRI.ListContainers(filter=dict(pod_sandbox_id=sandbox, state=dict(state=cri.CONTAINER_RUNNING))).containers), [])
    absent = create(sandbox, "absent", "true")
    CRI.RemoveContainer(container_id=absent)
    CRI.RemoveContainer(container_id=absent)
    refused(grpc.StatusCode.NOT_FOUND, lambda: status(absent))
    missing = CRI.CreateContainer(pod_sandbox_id=sandbox, config=dict(
        metadata=dict(name="missing"), image=dict(image="busybox:latest"), command=["/no/such/program"])).container_id
    try:
        CRI.StartContainer(container_id=missing)
        raise AssertionError("a program that is not there was started")
    except grpc.RpcError as error:
        assert "/no/such/program" in error.details(), error
    equal((status(missing).state, status(missing).reason), (cri.CONTAINER_EXITED, "StartError"))


@check("containers of a pod share network, names, memory and ids, and not their processes or files")
def sharing():
    sandbox = run_sandbox("pair")
    one = run(sandbox, "one", "mkdir /www; echo hello >/www/index.html; echo mine >/only; exec httpd -f -p 127.0.0.1:80 -h /www")
    two = run(sandbox, "two", "echo shared >/dev/shm/word; exec sleep 1000")
    equal(until("a server", lambda: execute(two, "wget -qO- http://127.0.0.1/")[1].strip()), "hello")
    equal(output(one, "cat /dev/shm/word"), "shared")
    equal(output(one, "hostname"), "pair")
    equal(output(one, "cat /proc/self/uid_map"), output(two, "cat /proc/self/uid_map"))
    for kind, same in (("net", True), ("ipc", True), ("uts", True), ("user", True), ("pid", False), ("mnt", False)):
        equal((kind, output(one, f"readlink /proc/self/ns/{kind}") == output(two, f"readlink /proc/self/ns/{kind}")), (kind, same))
    equal(execute(two, "cat /only")[0], 1)
    # One that looks into another's processes, as `kubectl debug --target` asks for.
    debug = run(sandbox, "debug", "exec sleep 1000", dict(security_context=dict(
        namespace_options=dict(pid=cri.TARGET, target_id=one))))
    assert "httpd" in output(debug, "ps"), output(debug, "ps")
    CRI.StopContainer(container_id=two, timeout=0)
    equal(ended(two).exit_code, 137)
    CRI.StopContainer(container_id=two, timeout=0)
    CRI.StopPodSandbox(pod_sandbox_id=sandbox)
    CRI.StopPodSandbox(pod_sandbox_id=sandbox)
    equal(CRI.PodSandboxStatus(pod_sandbox_id=sandbox).status.state, cri.SANDBOX_NOTREADY)
    equal(status(one).state, cri.CONTAINER_EXITED)
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: create(sandbox, "late", "true"), "stopped")
    CRI.RemovePodSandbox(pod_sandbox_id=sandbox)
    CRI.RemovePodSandbox(pod_sandbox_id=sandbox)
    refused(grpc.StatusCode.NOT_FOUND, lambda: CRI.PodSandboxStatus(pod_sandbox_id=sandbox))
    refused(grpc.StatusCode.NOT_FOUND, lambda: status(one))
    equal(os.path.exists(f"{ENGINE.run}/p/{sandbox}"), False)


@check("mounts: the agent's folders with ids that fit, others by the policy, links nowhere")
def mounts():
    own = f"{AGENT}/pods/uid-mounts"
    volume, secret = f"{own}/volume", f"{own}/secret"
    os.makedirs(volume)
    os.makedirs(secret)
    pathlib.Path(f"{secret}/key").write_text("word")
    sandbox = run_sandbox("mounts")
    bound = [dict(container_path="/v", host_path=volume), dict(container_path="/s", host_path=secret, readonly=True)]
    container = run(sandbox, "c", "exec sleep 1000", mounts=bound)
    equal(output(container, "id -u >/v/made; stat -c %u:%g /v/made /s/key; cat /s/key"), "0:0\n0:0\nword")
    equal((os.stat(f"{volume}/made").st_uid, pathlib.Path(f"{volume}/made").read_text()), (0, "0\n"))
    assert "Read-only" in execute(container, "echo x >/s/key")[2]
    refused(grpc.StatusCode.PERMISSION_DENIED,
            lambda: create(sandbox, "etc", "true", mounts=[dict(container_path="/e", host_path="/etc")]), "hostPaths")
    # What the agent has for other pods is nobody's, and neither are paths that the policy does not name, there or not.
    os.makedirs(f"{AGENT}/pods/uid-other/volume")
    for path in (AGENT, f"{AGENT}/pods", f"{AGENT}/pods/uid-other/volume", f"{own}/../uid-other/volume", own,
                 "/home", "/tmp", "/etc/shadow", "/etc/missing", "/missing"):
        refused(grpc.StatusCode.PERMISSION_DENIED,
                lambda: create(sandbox, "other", "true", mounts=[dict(container_path="/e", host_path=path)]))
    os.symlink("/etc", f"{volume}/link")
    refused(grpc.StatusCode.PERMISSION_DENIED,
            lambda: create(sandbox, "link", "true", mounts=[dict(container_path="/e", host_path=f"{volume}/link")]), "link")
    refused(grpc.StatusCode.PERMISSION_DENIED, lambda: CRI.RunPodSandbox(config=dict(
        sandbox_config("logs"), log_directory="/etc")), "logs of pods")


@check("users, groups, capabilities, read-only roots, filters; privileges by the policy")
def security():
    sandbox = run_sandbox("security", linux=dict(sysctls={"net.ipv4.ip_local_port_range": "40000 41000"}))
    container = run(sandbox, "c", "exec sleep 1000", dict(security_context=dict(
        run_as_user=dict(value=1000), run_as_group=dict(value=2000), supplemental_groups=[3000], readonly_rootfs=True,
        no_new_privs=True, capabilities=dict(drop_capabilities=["ALL"]))))
    equal(output(container, "id -u; id -g; id -G; cat /proc/sys/net/ipv4/ip_local_port_range"),
          "1000\n2000\n2000 3000\n40000\t41000")
    facts = dict(line.split(":\t", 1) for line in output(container, "cat /proc/self/status").splitlines() if ":\t" in line)
    equal({key: facts[key] for key in ("NoNewPrivs", "Seccomp", "CapBnd")},
          {"NoNewPrivs": "1", "Seccomp": "2", "CapBnd": "0000000000000000"})
    assert "Read-only" in execute(container, "echo x >/file")[2]
    equal(status(container).user.linux.uid, 1000)
    refused(grpc.StatusCode.PERMISSION_DENIED, lambda: CRI.RunPodSandbox(config=sandbox_config(
        "privileged", linux=dict(security_context=dict(privileged=True)))))
    refused(grpc.StatusCode.PERMISSION_DENIED, lambda: CRI.RunPodSandbox(config=sandbox_config(
        "sysctl", linux=dict(sysctls={"kernel.panic": "1"}))), "sysctls.allowed")
    refused(grpc.StatusCode.UNIMPLEMENTED, lambda: create(sandbox, "cdi", "true", CDI_devices=[dict(name="x")]), "CDI_devices")
    host = run_sandbox("host", linux=dict(security_context=dict(namespace_options=dict(network=cri.NODE))))
    inside = run(host, "c", "exec sleep 1000")
    equal(output(inside, "readlink /proc/self/ns/net"), os.readlink("/proc/self/ns/net"))
    assert output(inside, "readlink /proc/self/ns/user") != os.readlink("/proc/self/ns/user")


@check("limits hold, change while a container runs, and who breaks them is told so; figures")
def resources():
    sandbox = run_sandbox("limits")
    limits = dict(memory_limit_in_bytes=32 << 20, cpu_quota=50000, cpu_period=100000, cpu_shares=512, oom_score_adj=900)
    container = run(sandbox, "c", "exec sleep 1000", dict(resources=limits))
    found = status(container).resources.linux
    equal((found.memory_limit_in_bytes, found.cpu_quota, found.oom_score_adj), (32 << 20, 50000, 900))
    equal(output(container, "cat /proc/1/oom_score_adj"), "900")
    CRI.UpdateContainerResources(container_id=container, linux=dict(memory_limit_in_bytes=64 << 20))
    equal(status(container).resources.linux.memory_limit_in_bytes, 64 << 20)
    stats = CRI.ContainerStats(container_id=container).stats
    assert 0 < stats.memory.working_set_bytes.value < 32 << 20, stats
    assert stats.cpu.usage_core_nano_seconds.value > 0 and stats.memory.available_bytes.value > 32 << 20, stats
    equal([s.attributes.metadata.name for s in CRI.ListContainerStats(filter=dict(pod_sandbox_id=sandbox)).stats], ["c"])
    pod = CRI.PodSandboxStats(pod_sandbox_id=sandbox).stats.linux
    equal((pod.network.default_interface.name, pod.process.process_count.value), ("eth0", 1))
    equal(pod.memory.working_set_bytes.value > 0, True)
    assert sandbox in [s.attributes.id for s in CRI.ListPodSandboxStats().stats]
    killed = run(sandbox, "oom", "exec tail /dev/zero", dict(resources=dict(memory_limit_in_bytes=16 << 20)))
    equal((ended(killed).reason, status(killed).exit_code), ("OOMKilled", 137))


@check("a command is run to its end: outputs, code, deadline, bound")
def exec_sync():
    container = run(run_sandbox("exec"), "c", "exec sleep 1000")
    equal(execute(container, "echo out; echo err >&2; exit 7"), (7, "out\n", "err\n"))
    refused(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: execute(container, "exec sleep 333", timeout=1), "killed")
    until("the end of a command whose time was over", lambda: "sleep 333" not in output(container, "ps"))
    answer = CRI.ExecSync(container_id=container, cmd=["sh", "-c", "yes | head -c 20000000"])
    equal((answer.exit_code, len(answer.stdout)), (0, 1 << 20))
    call = threading.Thread(target=lambda: refused(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: CRI.ExecSync(
        deadline=0.3, container_id=container, cmd=["sleep", "444"])))
    call.start()
    call.join()
    until("the end of a command that its caller gave up", lambda: "sleep 444" not in output(container, "ps"))


@check("events come in their order, with what the pod is then")
def events():
    sandbox = run_sandbox("events")
    stream = CRI.GetContainerEvents()
    stream.initial_metadata()
    container = run(sandbox, "c", "true")
    ended(container)
    CRI.RemoveContainer(container_id=container)

    def next_of(identity):
        return next(event for event in stream if event.container_id == identity)

    seen = [next_of(container) for _ in range(4)]
    equal([event.container_event_type for event in seen], list(range(4)))
    equal({event.pod_sandbox_status.metadata.name for event in seen}, {"events"})
    CRI.RemovePodSandbox(pod_sandbox_id=sandbox)
    equal([next_of(sandbox).container_event_type for _ in range(2)],
          [cri.CONTAINER_STOPPED_EVENT, cri.CONTAINER_DELETED_EVENT])
    stream.cancel()


def open_stream(url, query=""):
    """A stream behind an address that the interface gave."""
    assert url.startswith("http+unix://"), url
    path, word, ticket = url[len("http+unix://"):].split("/")
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(30)
    link.connect(path.replace("%2F", "/"))
    link.sendall(f"POST /{word}/{ticket}{query} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        piece = link.recv(1)
        if not piece:
            break
        head += piece
    return head.split(b"\r\n")[0].split(b" ")[1].decode(), link


def frame(channel, content):
    return bytes([channel]) + len(content).to_bytes(4, "big") + content


def frames(link):
    """Output of each channel until the end."""
    file, found = link.makefile("rb"), {}
    while head := file.read(5):
        found[head[0]] = found.get(head[0], b"") + file.read(int.from_bytes(head[1:], "big"))
    return found


@check("streams: exec with input, a terminal, attach, ports of the pod")
def streams():
    host = free_port()
    sandbox = run_sandbox("streams", port_mappings=[dict(container_port=8080, host_port=host)])
    container = run(sandbox, "c", "cat; exec sleep 1000", stdin=True, stdin_once=True)
    url = CRI.Exec(container_id=container, cmd=["sh", "-c", "cat; echo err >&2; exit 4"], stdin=True, stdout=True, stderr=True).url
    code, link = open_stream(url)
    equal(code, "101")
    link.sendall(frame(0, b"in ") + frame(0, b"put") + frame(0, b""))
    equal(frames(link), {1: b"in put", 2: b"err\n", 3: b'{"exitCode":4}'})
    equal(open_stream(url)[0], "404")
    url = CRI.Exec(container_id=container, cmd=["sh", "-c", "read x; stty size"], stdin=True, stdout=True, tty=True).url
    code, link = open_stream(url)
    link.sendall(frame(4, b"100 40") + frame(0, b"x\n"))
    found = frames(link)
    assert b"40 100" in found[1] and found[3] == b'{"exitCode":0}', found
    code, link = open_stream(CRI.Exec(container_id=container, cmd=["/none"], stdout=True).url)
    assert b"error" in frames(link)[3]
    code, link = open_stream(CRI.Attach(container_id=container, stdin=True, stdout=True).url)
    link.sendall(frame(0, b"typed\n"))
    head = link.makefile("rb").read(11)
    equal(head, frame(1, b"typed\n"))
    link.close()
    run(sandbox, "web", "mkdir /www; echo page >/www/index.html; exec httpd -f -p 8080 -h /www")
    for _ in range(2):
        def answered():
            code, link = open_stream(CRI.PortForward(pod_sandbox_id=sandbox, port=[8080]).url, "?port=8080")
            if code != "101":
                return None
            link.sendall(b"GET /index.html HTTP/1.0\r\n\r\n")
            return link.makefile("rb").read()
        assert until("a page", answered).endswith(b"page\n")
    equal(urllib.request.urlopen(f"http://127.0.0.1:{host}/index.html", timeout=20).read(), b"page\n")
    url = CRI.PortForward(pod_sandbox_id=sandbox, port=[8080]).url
    equal(open_stream(url, "?port=22")[0], "400")
    equal(open_stream(url, "?port=8080")[0], "404")
    url = CRI.PortForward(pod_sandbox_id=sandbox, port=[9]).url
    equal(open_stream(url, "?port=9")[0], "503")


@check("a log that was renamed is opened anew")
def logs():
    container = run(run_sandbox("rotate"), "c", "while :; do echo tick; sleep 0.05; done")
    path = f"{LOGS}/rotate/c.log"
    until("a line", lambda: os.path.exists(path) and os.path.getsize(path))
    os.rename(path, path + ".1")
    CRI.ReopenContainerLog(container_id=container)
    until("a line of the new log", lambda: os.path.exists(path) and ("stdout", "tick") in logged("rotate", "c"))


@check("images: listed, looked at, not there, in use; a pull that cannot be says why")
def images():
    found = CRI.ImageStatus(image=dict(image="busybox:latest")).image
    equal(list(found.repo_tags), ["docker.io/library/busybox:latest"])
    equal(CRI.ImageStatus(image=dict(image=found.id)).image.id, found.id)
    equal([image.id for image in CRI.ListImages().images], [found.id])
    equal(list(CRI.ListImages(filter=dict(image=dict(image="other"))).images), [])
    equal(CRI.ImageStatus(image=dict(image="no/such:1")).HasField("image"), False)
    refused(grpc.StatusCode.FAILED_PRECONDITION, lambda: CRI.RemoveImage(image=dict(image=found.id)), "used by a container")
    CRI.RemoveImage(image=dict(image="no/such:1"))
    assert CRI.ImageFsInfo().image_filesystems[0].used_bytes.value > 100_000
    refused(grpc.StatusCode.UNAVAILABLE, lambda: CRI.PullImage(image=dict(image="127.0.0.1:9/x:1")), "127.0.0.1:9")
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: CRI.PullImage(image=dict(image="UPPER CASE")))


@check("what is not there is told by its name; what is wrong, with the reason")
def errors():
    call = CRI.channel.unary_unary("/runtime.v1.RuntimeService/CheckpointContainer")
    refused(grpc.StatusCode.UNIMPLEMENTED, lambda: call(b"", timeout=30), "CheckpointContainer")
    # Whole ids: "ab" may be how the id of a container of an earlier check begins.
    for name, fields in (("StartContainer", dict(container_id="ab" * 32)), ("PodSandboxStatus", dict(pod_sandbox_id="zz")),
                         ("ContainerStats", dict(container_id="")), ("Exec", dict(container_id="x", cmd=["a"]))):
        refused(grpc.StatusCode.NOT_FOUND, lambda: getattr(CRI, name)(**fields), "no such")
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: CRI.RunPodSandbox(config=dict()), "name")
    refused(grpc.StatusCode.INVALID_ARGUMENT, lambda: CRI.RunPodSandbox(
        config=sandbox_config("handler"), runtime_handler="none"), "none")
    sandbox = run_sandbox("errors")
    refused(grpc.StatusCode.NOT_FOUND, lambda: CRI.CreateContainer(pod_sandbox_id=sandbox, config=dict(
        metadata=dict(name="c"), image=dict(image="no/such:1"))))
    # docker's containers are none of this interface's.
    body = {"Image": "busybox:latest", "Cmd": ["true"]}
    equal(ENGINE.ask("POST", "/containers/create?name=dockers", body)[0], 201)
    refused(grpc.StatusCode.NOT_FOUND, lambda: status("dockers"), "no such")


def known():
    """Sandboxes by their ids, from everywhere where something of them is."""
    folder = f"{ENGINE.run}/p"
    return sorted(item.id for item in CRI.ListPodSandbox().items if item.state == cri.SANDBOX_READY), sorted(os.listdir(folder))


def routes():
    """The addresses of pods that the kernel has links for."""
    text = subprocess.run(["ip", "-j", "-4", "route"], check=True, capture_output=True).stdout
    found = [route["dst"] for route in json.loads(text or b"[]") if route["dst"].startswith(SUBNET + ".")]
    return sorted(address for address in found if "/" not in address)


@check("pods outlive the engine, ended or killed, and what ended meanwhile is known")
def restarts():
    sandbox = run_sandbox("stays")
    container = run(sandbox, "c", "exec sleep 1000")
    for number in (signal.SIGTERM, signal.SIGKILL):
        short = run(sandbox, f"short{number}", "sleep 2; exit 5")
        address = CRI.PodSandboxStatus(pod_sandbox_id=sandbox).status.network.ip
        ENGINE.end(number)
        until("the end of a container without an engine", lambda: os.path.exists(
            f"{ENGINE.run}/exits/{short}"))
        ENGINE.start()
        answer = CRI.PodSandboxStatus(pod_sandbox_id=sandbox)
        equal((answer.status.state, answer.status.network.ip), (cri.SANDBOX_READY, address))
        equal(ended(short).exit_code, 5)
        equal(status(container).state, cri.CONTAINER_RUNNING)
        equal(output(container, "ip -4 -o addr show eth0 | grep -c " + address), "1")
        run(sandbox, f"after{number}", "true")


@check("an engine killed while it makes pods leaves nothing that is not accounted for")
def killed():
    for round in range(3):
        stop = threading.Event()

        def churn(number):
            for step in range(100):
                if stop.is_set():
                    return
                try:
                    name = f"churn-{round}-{number}-{step}"
                    os.makedirs(f"{LOGS}/{name}", exist_ok=True)
                    sandbox = CRI.RunPodSandbox(config=sandbox_config(name), deadline=20).pod_sandbox_id
                    run(sandbox, "c", "exec sleep 1000")
                    if step % 2:
                        CRI.RemovePodSandbox(pod_sandbox_id=sandbox)
                except grpc.RpcError:
                    return

        threads = [threading.Thread(target=churn, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.3 + 0.17 * round)
        ENGINE.end(signal.SIGKILL)
        stop.set()
        ENGINE.start()
        for thread in threads:
            thread.join()
        ready, folders = known()
        equal(ready, folders)
        addresses = sorted(CRI.PodSandboxStatus(pod_sandbox_id=sandbox).status.network.ip for sandbox in ready)
        until("a route for each pod with an address, and no other", lambda: routes() == [a for a in addresses if a])
        for item in CRI.ListPodSandbox().items:
            if item.metadata.name.startswith("churn"):
                CRI.RemovePodSandbox(pod_sandbox_id=item.id)


@check("when all pods are gone nothing of them is left")
def removal():
    for item in CRI.ListPodSandbox().items:
        CRI.RemovePodSandbox(pod_sandbox_id=item.id)
    equal(list(CRI.ListContainers().containers), [])
    equal(known(), ([], []))
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    equal([line for line in mounts.splitlines() if f" {ENGINE.run}/p/" in line], [])
    equal(ENGINE.ask("DELETE", "/networks/pods")[0], 204)


try:
    main()
finally:
    ENGINE.stop()
