"""`bulkhead compose` against the engine: a project of several services over its whole life, and a load balancer in front."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading

import docker
from checks import check, equal, main

client = docker.from_env(timeout=60)
folder = pathlib.Path(tempfile.mkdtemp(prefix="own-", dir=os.environ["SCRATCH"]))
PROJECT = folder.name.replace("_", "")
ENVIRONMENT = os.environ | {"COMPOSE_PROJECT_NAME": PROJECT, "BULKHEAD_HOST": os.environ["DOCKER_HOST"]}

FILE = """
services:
  base:
    build: {context: ./base, args: {GREETING: built}}
    command: sh -c 'cat /greeting; exec sleep 1000'
    init: true
    healthcheck: {test: [CMD, test, -e, /tmp/ready], interval: 1s, start_period: 30s, start_interval: 100ms}
    post_start: [{command: [touch, /tmp/ready]}]
    volumes: [data:/data, ./shared:/shared:ro]
    secrets: [word, {source: spoken, uid: "7", mode: 0400}]
    configs: [{source: settings, target: /etc/settings}]
    networks: {inner: {aliases: [foundation]}}
    environment: {NAME: "${NAME:-nobody}"}
  once:
    image: busybox
    command: echo prepared
    network_mode: none
  web:
    image: busybox
    command: sh -c 'hostname >/tmp/index.html; trap exit TERM; httpd -f -p 80 -h /tmp & wait'
    depends_on: {base: {condition: service_healthy}, once: {condition: service_completed_successfully}}
    networks: [inner, outer]
    ports: ["127.0.0.1::80"]
    scale: 2
    labels: {part: web}
networks:
  inner: {internal: true}
  outer: {}
volumes:
  data: {labels: {kept: "yes"}}
secrets:
  word: {file: ./word.txt}
  spoken: {environment: SPOKEN}
configs:
  settings: {content: "name=${NAME:-nobody}"}
"""


def compose(*arguments, status=0, **options):
    """Runs `bulkhead compose` in the project's folder and returns its output, with the errors behind it."""
    outcome = subprocess.run(
        [os.environ["CLIENT"], "compose", *arguments], cwd=options.get("cwd", folder), text=True, timeout=180,
        env=ENVIRONMENT | {"SPOKEN": "aloud"} | options.get("env", {}), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if outcome.returncode != status:
        raise AssertionError(f"{arguments} ended with {outcome.returncode}: {outcome.stdout[-300:]}{outcome.stderr[-600:]}")
    return outcome.stdout + outcome.stderr


def containers(service, project=PROJECT, **options):
    labels = [f"com.docker.compose.project={project}", f"com.docker.compose.service={service}"]
    return client.containers.list(filters={"label": labels}, **options)


def ids():
    return {container.id for service in ("base", "web") for container in containers(service)}


@check("up --wait builds, waits for health and completion, runs hooks")
def up():
    (folder / "base").mkdir()
    (folder / "shared").mkdir()
    (folder / "word.txt").write_text("open sesame\n")
    (folder / "base" / "Dockerfile").write_text(
        "FROM busybox\nARG GREETING\nRUN echo $GREETING >/greeting && mkdir /data && chown 7:8 /data\nVOLUME /data\n")
    (folder / "compose.yaml").write_text(FILE)
    output = compose("up", "-d", "--wait")
    assert f"Container {PROJECT}-web-2  Started" in output, output
    equal([c.attrs["State"]["Health"]["Status"] for c in containers("base")], ["healthy"])
    equal(sorted(c.name for c in containers("web")), [f"{PROJECT}-web-1", f"{PROJECT}-web-2"])
    equal(containers("once", all=True)[0].attrs["State"]["ExitCode"], 0)
    labels = containers("web")[0].labels
    equal([labels["part"], labels["com.docker.compose.project.working_dir"], labels["com.docker.compose.oneoff"]],
          ["web", str(folder), "False"])


@check("up again changes nothing; a changed service alone is made anew")
def idempotent():
    before = ids()
    output = compose("up", "-d")
    equal([ids(), "Created" in output or "Recreate" in output], [before, False])
    (folder / ".env").write_text("NAME=somebody\n")
    compose("up", "-d", "--wait")
    equal(len(ids() & before), 2)
    equal(compose("exec", "base", "sh", "-c", "echo $NAME"), "somebody\n")


@check("secrets, configs and volumes are there, with their owners")
def files():
    script = "cat /run/secrets/word; cat /run/secrets/spoken /etc/settings; stat -c %u:%a /run/secrets/spoken; stat -c %u:%g /data"
    equal(compose("exec", "base", "sh", "-c", script), "open sesame\naloudname=somebody7:400\n7:8\n")
    compose("exec", "base", "touch", "/shared/new", status=1)


@check("ps, images, port, top and ls, as tables and as JSON")
def views():
    rows = [json.loads(line) for line in compose("ps", "--format", "json").splitlines()]
    equal([row["Service"] for row in rows], ["base", "web", "web"])
    equal([rows[0]["Health"], rows[1]["Publishers"][0]["TargetPort"]], ["healthy", 80])
    equal(compose("ps", "--services").split(), ["base", "web"])
    assert "once" in compose("ps", "-a", "--services")
    assert compose("port", "--index", "2", "web", "80").startswith("127.0.0.1:")
    assert "httpd" in compose("top", "web")
    assert PROJECT in compose("ls", "-q").split()
    equal({json.loads(line)["Repository"] for line in compose("images", "--format", "json").splitlines()},
          {f"{PROJECT}-base", "busybox"})


@check("logs under the containers' names, a number of lines, from a time on")
def logs():
    equal(compose("logs", "base"), "base-1 | built\n")
    equal(compose("logs", "--no-log-prefix", "--tail", "1", "base"), "built\n")
    equal(compose("logs", "--until", "2020-01-01", "base"), "")


@check("scale up and down")
def scale():
    compose("up", "-d", "--scale", "web=4")
    equal(len(containers("web")), 4)
    compose("scale", "web=1")
    equal([c.name for c in containers("web")], [f"{PROJECT}-web-1"])


@check("exec and run end with the code of what they run, and run leaves nothing")
def codes():
    equal(compose("exec", "base", "sh", "-c", "echo in; exit 5", status=5), "in\n")
    equal(compose("run", "--rm", "--no-deps", "base", "sh", "-c", "cat /greeting; exit 6", status=6), "built\n")
    compose("exec", "gone", "true", status=1)
    equal(len(client.containers.list(all=True, filters={"label": [
        f"com.docker.compose.project={PROJECT}", "com.docker.compose.oneoff=True"]})), 0)


@check("pause, unpause, restart, kill, start, stop, rm")
def acts():
    compose("pause", "web")
    equal([c.status for c in containers("web", all=True)], ["paused"])
    compose("unpause", "web")
    compose("restart", "-t", "1", "web")
    compose("kill", "web")
    equal(len(containers("web")), 0)
    compose("start", "--wait", "web")
    compose("stop", "-t", "1", "web")
    compose("rm", "-f", "web")
    equal(containers("web", all=True), [])


@check("what cannot become healthy is told, and what needs it is not started")
def unhealthy():
    (folder / "compose.yaml").write_text(FILE.replace("/tmp/ready], interval", "/never], interval").replace(
        "start_period: 30s", "start_period: 1s, retries: 1").replace("post_start: [{command: [touch, /tmp/ready]}]", ""))
    output = compose("up", "-d", status=1)
    assert f"container {PROJECT}-base-1 is unhealthy" in output, output
    equal(containers("web"), [])
    (folder / "compose.yaml").write_text(FILE)


@check("--abort-on-container-exit stops all with the code of the one that ended")
def abort():
    (folder / "compose.yaml").write_text(FILE.replace("command: echo prepared", "command: sh -c 'echo prepared; exit 9'"))
    output = compose("up", "--no-deps", "--abort-on-container-exit", "once", "base", status=9)
    assert "once-1 | prepared" in output and "exited with code 9" in output, output
    equal(containers("base"), [])
    (folder / "compose.yaml").write_text(FILE)


@check("down leaves volumes, and takes them and orphans when asked to")
def down():
    compose("up", "-d")
    (folder / "compose.yaml").write_text(FILE.replace("  once:", "  other:").replace(", once: {cond", ", other: {cond"))
    compose("down", "-t", "1", "--remove-orphans")
    mine = {"label": f"com.docker.compose.project={PROJECT}"}
    equal([client.containers.list(all=True, filters=mine), client.networks.list(filters=mine)], [[], []])
    equal(len(client.volumes.list(filters=mine)), 1)
    compose("down", "-v", "--rmi", "local")
    equal([client.volumes.list(filters=mine), client.images.list(name=f"{PROJECT}-base")], [[], []])


BALANCED = """
services:
  web:
    image: busybox
    init: true
    command: sh -c 'hostname >/tmp/index.html; exec httpd -f -p 8000 -h /tmp'
    environment: {VERSION: "${VERSION:-1}"}
    healthcheck: {test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8000/"], start_period: 30s, start_interval: 100ms}
    scale: 3
    stop_grace_period: 5s
    x-bulkhead: {expose: {port: "${PORT}", address: 127.0.0.1, target: 8000, check: /}}
"""


class Load:
    """Requests through the balancer until `number` were made and the block has ended."""

    def __init__(self, port, number):
        self.port, self.number = port, number
        self.begun, self.failures, self.names = 0, [], set()
        self.lock, self.ending = threading.Lock(), threading.Event()

    def work(self):
        while True:
            with self.lock:
                if self.begun >= self.number and self.ending.is_set():
                    return
                self.begun += 1
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", "/")
                answer = connection.getresponse()
                name = answer.read().decode().strip()
                connection.close()
                assert answer.status == 200 and re.fullmatch("[0-9a-f]{12}", name), f"{answer.status} {name[:80]}"
                with self.lock:
                    self.names.add(name)
            except Exception as failure:
                with self.lock:
                    self.failures.append(repr(failure))

    def __enter__(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(8)
        self.futures = [self.pool.submit(self.work) for _ in range(8)]
        return self

    def __exit__(self, *_):
        self.ending.set()
        for future in self.futures:
            future.result()
        self.pool.shutdown()


@check("10,000 requests during a rolling update, a scale up, a scale down and a killed replica: none fails")
def rolling():
    place = folder / "balanced"
    place.mkdir()
    (place / "compose.yaml").write_text(BALANCED)
    project = PROJECT + "b"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {"COMPOSE_PROJECT_NAME": project, "PORT": str(port)}

    def act(*arguments, **more):
        return compose(*arguments, cwd=place, env=environment | more)

    try:
        act("up", "-d", "--wait")
        before = {c.id for c in containers("web", project)}
        with Load(port, 10_000) as load:
            act("up", "-d", "--wait", VERSION="2")
            equal(before & {c.id for c in containers("web", project)}, set())
            act("up", "-d", "--wait", "--scale", "web=5", VERSION="2")
            containers("web", project)[0].kill()
            act("up", "-d", "--wait", "--scale", "web=2", VERSION="2")
            equal(len(containers("web", project)), 2)
        print(f"# {load.begun} requests, {len(load.names)} containers, {len(load.failures)} failures", flush=True)
        equal([load.failures[:3], load.begun >= 10_000, len(load.names) >= 6], [[], True, True])
    finally:
        act("down", "-v", "-t", "0")


try:
    main()
finally:
    subprocess.run(
        [os.environ["CLIENT"], "compose", "down", "-v", "-t", "0", "--remove-orphans"], cwd=folder, env=ENVIRONMENT,
        capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)
