"""The `docker` package of PyPI against the engine: containers, images, exec, logs, stats, events, volumes, networks."""

import io
import tarfile
import threading
import time
import uuid

import docker
from checks import check, equal, main, until

client = docker.from_env(timeout=60)
MARK = "sdk" + uuid.uuid4().hex[:8]


def name(suffix):
    return f"{MARK}-{suffix}"


class Sleeper:
    """A running container for the length of a block."""

    def __init__(self, **options):
        self.options = {"name": name(uuid.uuid4().hex[:6]), **options}

    def __enter__(self):
        command = self.options.pop("command", ["sleep", "1000"])
        self.container = client.containers.run("busybox", command, detach=True, **self.options)
        return self.container

    def __exit__(self, *_):
        self.container.remove(force=True, v=True)


@check("version, ping, info, df")
def system():
    equal(client.ping(), True)
    assert client.version()["ApiVersion"] >= "1.41"
    equal(client.info()["OSType"], "linux")
    assert set(client.df()) >= {"Images", "Containers", "Volumes"}


@check("run: output, error and status")
def run():
    equal(client.containers.run("busybox", ["echo", "hello"], remove=True), b"hello\n")
    equal(client.containers.run("busybox", "sh -c 'echo e >&2'", remove=True, stderr=True, stdout=False), b"e\n")
    try:
        client.containers.run("busybox", ["sh", "-c", "exit 3"], remove=True)
        raise AssertionError("no error")
    except docker.errors.ContainerError as error:
        equal(error.exit_status, 3)


@check("run: options arrive")
def options():
    with Sleeper(environment={"A": "1"}, labels={"l": "v"}, working_dir="/tmp", user="1000", hostname="named", mem_limit="64m",
                 cap_drop=["ALL"], tmpfs={"/t": "size=1m"}, ulimits=[docker.types.Ulimit(name="nofile", soft=99, hard=99)],
                 extra_hosts={"other": "192.0.2.3"}, read_only=True) as container:
        script = "echo $A; pwd; id -u; hostname; ulimit -n; grep -c 192.0.2.3 /etc/hosts; touch /t/x && echo wrote"
        equal(container.exec_run(["sh", "-c", script]).output.decode().split(),
              ["1", "/tmp", "1000", "named", "99", "1", "wrote"])
        equal(container.attrs["HostConfig"]["Memory"], 64 << 20)
        equal(container.labels, {"l": "v"})


@check("life cycle: create, start, stop, restart, kill, pause, rename, update, remove")
def life_cycle():
    container = client.containers.create("busybox", ["sleep", "1000"], name=name("life"))
    equal(container.status, "created")
    container.start()
    container.reload()
    equal(container.status, "running")
    container.pause()
    container.reload()
    equal(container.status, "paused")
    container.unpause()
    container.restart(timeout=0)
    container.rename(name("renamed"))
    container.update(mem_limit="96m", memswap_limit="96m")
    container.reload()
    equal((container.name, container.attrs["HostConfig"]["Memory"]), (name("renamed"), 96 << 20))
    container.kill()
    equal(container.wait()["StatusCode"], 137)
    container.start()
    container.stop(timeout=0)
    container.remove()
    try:
        client.containers.get(container.id)
        raise AssertionError("still there")
    except docker.errors.NotFound:
        pass


@check("list with filters")
def listing():
    with Sleeper(labels={"mark": MARK}) as container:
        equal([c.id for c in client.containers.list(filters={"label": f"mark={MARK}", "status": "running"})], [container.id])
        equal(client.containers.list(filters={"label": f"mark={MARK}", "status": "exited"}), [])


@check("exec: output apart, streams, status, environment")
def execution():
    with Sleeper() as container:
        result = container.exec_run(["sh", "-c", "echo o; echo e >&2; exit 4"], demux=True)
        equal((result.exit_code, result.output), (4, (b"o\n", b"e\n")))
        equal(b"".join(container.exec_run(["seq", "1", "3"], stream=True).output), b"1\n2\n3\n")
        equal(container.exec_run(["sh", "-c", "echo $X; id -u; pwd"], environment=["X=y"], user="5", workdir="/var").output,
              b"y\n5\n/var\n")
        equal(container.exec_run("tty", tty=True).output.strip()[:9], b"/dev/pts/")


@check("exec: both ways over a socket, half-closed")
def exec_socket():
    with Sleeper() as container:
        session = client.api.exec_create(container.id, ["cat"], stdin=True)["Id"]
        sock = client.api.exec_start(session, socket=True)
        raw = sock._sock
        raw.settimeout(10)
        raw.sendall(b"through")
        equal(read_frames(raw, 7), b"through")
        raw.shutdown(1)
        equal(raw.recv(10), b"")
        sock.close()
        until("the command ends", lambda: client.api.exec_inspect(session)["Running"] is False)
        equal(client.api.exec_inspect(session)["ExitCode"], 0)


def read_frames(raw, size):
    """Reads frames of the multiplexed stream until so many bytes of content came."""
    content, rest = b"", b""
    while len(content) < size:
        rest += raw.recv(65536)
        while len(rest) >= 8:
            length = int.from_bytes(rest[4:8], "big")
            if len(rest) < 8 + length:
                break
            content += rest[8:8 + length]
            rest = rest[8 + length:]
    return content


@check("attach: input, output, half-close")
def attaching():
    container = client.containers.create("busybox", ["sh", "-c", "cat; echo end >&2"], stdin_open=True, name=name("attach"))
    try:
        sock = client.api.attach_socket(container.id, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        raw = sock._sock
        raw.settimeout(10)
        container.start()
        raw.sendall(b"first\n")
        equal(read_frames(raw, 6), b"first\n")
        raw.sendall(b"second\n")
        raw.shutdown(1)
        equal(read_frames(raw, 11), b"second\nend\n")
        equal(raw.recv(10), b"")
        sock.close()
    finally:
        container.remove(force=True)


@check("three clients attached see the same")
def attach_many():
    with Sleeper(command=["sh", "-c", "until [ -e /go ]; do sleep 0.02; done; echo seen; sleep 1000"]) as container:
        seen = []

        def listen():
            stream = docker.from_env().containers.get(container.id).attach(stream=True)
            seen.append(next(iter(stream)))

        def heard():
            told = client.events(since=start, until=int(time.time()) + 1, decode=True,
                                 filters={"container": container.id, "event": "attach"})
            return len(list(told))

        start = int(time.time())
        threads = [threading.Thread(target=listen) for _ in range(3)]
        for thread in threads:
            thread.start()
        until("all three hear", lambda: heard() == 3)
        container.exec_run(["touch", "/go"])
        for thread in threads:
            thread.join(10)
        equal(seen, [b"seen\n"] * 3)


@check("logs: tail, since, timestamps, streams, follow")
def logs():
    with Sleeper(command=["sh", "-c", "echo 1; echo 2; echo e >&2; until [ -e /go ]; do sleep 0.02; done; echo 3"]) as container:
        until("the lines are there", lambda: container.logs(stdout=True, stderr=False) == b"1\n2\n" and container.logs(stdout=False) == b"e\n")
        equal(len(container.logs(tail=2).splitlines()), 2)
        assert container.logs(timestamps=True, tail=1).startswith(b"20")
        follow = container.logs(stream=True, follow=True, stderr=False)
        container.exec_run(["touch", "/go"])
        equal(b"".join(follow), b"1\n2\n3\n")


@check("stats: once and as a stream")
def stats():
    with Sleeper() as container:
        once = container.stats(stream=False)
        assert once["memory_stats"]["usage"] > 0 and once["cpu_stats"]["cpu_usage"]["total_usage"] > 0
        assert once["precpu_stats"].get("system_cpu_usage", 0) > 0
        stream = container.stats(stream=True, decode=True)
        equal(len([next(stream), next(stream)]), 2)
        stream.close()


@check("top, diff, wait")
def look():
    with Sleeper() as container:
        table = container.top()
        equal(table["Processes"][0][table["Titles"].index("CMD")], "sleep 1000")
        container.exec_run(["touch", "/new"])
        assert {"Path": "/new", "Kind": 1} in container.diff()
        threading.Timer(0.2, container.kill).start()
        equal(container.wait()["StatusCode"], 137)


@check("archives both ways")
def archives():
    with Sleeper() as container:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo("folder/file")
            info.size, info.mode = 5, 0o640
            tar.addfile(info, io.BytesIO(b"hello"))
        equal(container.put_archive("/tmp", buffer.getvalue()), True)
        stream, stat = container.get_archive("/tmp/folder/file")
        equal((stat["name"], stat["size"]), ("file", 5))
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            equal(tar.extractfile("file").read(), b"hello")
        exported = b"".join(container.export())
        with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
            assert "tmp/folder/file" in tar.getnames()


@check("resize of a terminal")
def resize():
    with Sleeper(command=["sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.02; done"], tty=True) as container:
        until("it is ready", lambda: b"ready" in container.logs())
        container.resize(33, 77)
        until("the terminal has the size", lambda: b"33 77" in container.logs())


@check("images: tag, list, history, save, load, remove")
def images():
    image = client.images.get("busybox")
    tag = name("image")
    image.tag(tag, "one")
    assert f"{tag}:one" in client.images.get(f"{tag}:one").tags
    equal([i.id for i in client.images.list(tag)], [image.id])
    assert client.images.get(tag + ":one").history()[0]["Id"]
    saved = b"".join(client.images.get(f"{tag}:one").save(named=f"{tag}:one"))
    client.images.remove(f"{tag}:one")
    equal([i.tags for i in client.images.load(saved)][0].count(f"{tag}:one"), 1)
    client.images.remove(f"{tag}:one")
    try:
        client.images.get(f"{tag}:one")
        raise AssertionError("still there")
    except docker.errors.ImageNotFound:
        pass


@check("images: import and commit")
def images_made():
    with Sleeper() as container:
        container.exec_run(["sh", "-c", "echo c >/committed"])
        image = container.commit(name("commit"), "x", message="why", author="me", conf={"Env": ["E=1"]})
        try:
            equal(client.containers.run(image.id, ["cat", "/committed"], remove=True), b"c\n")
            equal(image.attrs["Author"], "me")
        finally:
            client.images.remove(name("commit") + ":x")


@check("volumes")
def volumes():
    volume = client.volumes.create(name("volume"), labels={"mark": MARK})
    try:
        client.containers.run("busybox", "sh -c 'echo kept >/v/f'", volumes={volume.name: {"bind": "/v"}}, remove=True)
        equal(client.containers.run("busybox", "cat /v/f", volumes={volume.name: {"bind": "/v", "mode": "ro"}}, remove=True),
              b"kept\n")
        equal([v.name for v in client.volumes.list(filters={"label": f"mark={MARK}"})], [volume.name])
    finally:
        volume.remove()
    try:
        client.volumes.get(name("volume"))
        raise AssertionError("still there")
    except docker.errors.NotFound:
        pass


@check("networks: names, aliases, connect, disconnect")
def networks():
    network = client.networks.create(name("net"), labels={"mark": MARK})
    try:
        with Sleeper(name=name("server"), network=network.name), Sleeper() as other:
            network.connect(other, aliases=["other-alias"])
            equal(other.exec_run(["ping", "-c", "1", "-W", "2", name("server")]).exit_code, 0)
            network.reload()
            equal(len(network.containers), 2)
            network.disconnect(other)
            network.reload()
            equal(len(network.containers), 1)
        equal([n.name for n in client.networks.list(filters={"label": f"mark={MARK}"})], [network.name])
    finally:
        network.remove()


@check("networks: own subnet and static address")
def network_addresses():
    pool = docker.types.IPAMPool(subnet="10.231.40.0/24", gateway="10.231.40.254")
    network = client.networks.create(name("ipam"), ipam=docker.types.IPAMConfig(pool_configs=[pool]))
    container = client.containers.create("busybox", ["sleep", "1000"], name=name("static"))
    try:
        network.connect(container, ipv4_address="10.231.40.9")
        client.networks.get("bridge").disconnect(container)
        container.start()
        equal(container.exec_run(["hostname", "-i"]).output.strip(), b"10.231.40.9")
        assert b"default via 10.231.40.254" in container.exec_run(["ip", "route"]).output
    finally:
        container.remove(force=True)
        network.remove()


@check("events: history and while they happen")
def events():
    start = time.time()
    listener = client.events(decode=True, filters={"label": f"mark={MARK}-e"})
    client.containers.run("busybox", "true", labels={"mark": MARK + "-e"}, remove=True)
    seen = []
    for event in listener:
        if event["Action"] != "attach":
            seen.append(event["Action"])
        if event["Action"] == "destroy":
            break
    listener.close()
    equal(seen, ["create", "start", "die", "destroy"])
    history = client.events(since=int(start) - 1, until=int(time.time()) + 1, decode=True,
                            filters={"label": f"mark={MARK}-e", "event": "die"})
    equal([e["Actor"]["Attributes"]["exitCode"] for e in history], ["0"])


@check("published port is told")
def ports():
    with Sleeper(ports={"80/tcp": ("127.0.0.1", None), "53/udp": None}) as container:
        container.reload()
        equal(container.ports["80/tcp"][0]["HostIp"], "127.0.0.1")
        assert int(container.ports["53/udp"][0]["HostPort"]) > 0


@check("health and restart policy")
def health():
    check_command = docker.types.Healthcheck(test=["CMD", "true"], interval=100_000_000)
    with Sleeper(healthcheck=check_command, restart_policy={"Name": "on-failure", "MaximumRetryCount": 2}) as container:
        until("it is healthy", lambda: client.api.inspect_container(container.id)["State"]["Health"]["Status"] == "healthy")
        equal(container.attrs["HostConfig"]["RestartPolicy"], {"Name": "on-failure", "MaximumRetryCount": 2})


@check("commit with a configuration")
def commit():
    with Sleeper(environment={"KEPT": "1"}) as container:
        image = container.commit(name("commit"), conf={
            "Cmd": ["echo", "changed"], "Labels": {"a": "b"}, "Env": ["ADDED=x \"y\""], "ExposedPorts": {"81/udp": {}},
            "User": "33", "WorkingDir": "/tmp", "Volumes": {"/data": {}}, "StopSignal": "SIGUSR1",
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 2_000_000_000}, "OnBuild": ["RUN true"],
        })
    config = image.attrs["Config"]
    equal([config[key] for key in ("Cmd", "User", "WorkingDir", "StopSignal", "OnBuild")],
          [["echo", "changed"], "33", "/tmp", "SIGUSR1", ["RUN true"]])
    equal([config["Labels"], config["ExposedPorts"], config["Volumes"]], [{"a": "b"}, {"81/udp": {}}, {"/data": {}}])
    equal([config["Healthcheck"]["Test"], config["Healthcheck"]["Interval"]], [["CMD", "true"], 2_000_000_000])
    assert {"KEPT=1", "ADDED=x \"y\""} <= set(config["Env"]), config["Env"]
    equal(client.containers.run(image.id, remove=True), b"changed\n")
    client.images.remove(image.id, force=True)


@check("prune")
def prune():
    client.containers.create("busybox", labels={"mark": MARK + "-p"})
    client.volumes.create(name("prune"), labels={"mark": MARK + "-p"})
    client.networks.create(name("prune"), labels={"mark": MARK + "-p"})
    filters = {"label": f"mark={MARK}-p"}
    equal(len(client.containers.prune(filters)["ContainersDeleted"]), 1)
    equal(client.networks.prune(filters)["NetworksDeleted"], [name("prune")])
    client.volumes.get(name("prune")).remove()


@check("errors have their type and text")
def errors():
    for action, kind in [
        (lambda: client.containers.get("nosuch"), docker.errors.NotFound),
        (lambda: client.images.get("nosuch:1"), docker.errors.ImageNotFound),
        (lambda: client.containers.create("busybox", name="-x"), docker.errors.APIError),
    ]:
        try:
            action()
            raise AssertionError("no error")
        except kind as error:
            assert error.explanation


main()
