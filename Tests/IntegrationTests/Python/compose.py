"""Debian's docker-compose (1.29, in Python) against the engine: a project of several services over its whole life."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import docker
from checks import check, equal, main

client = docker.from_env(timeout=60)
folder = pathlib.Path(tempfile.mkdtemp(prefix="compose-", dir=os.environ["SCRATCH"]))
PROJECT = folder.name.replace("_", "")
ENVIRONMENT = os.environ | {"COMPOSE_PROJECT_NAME": PROJECT, "DOCKER_BUILDKIT": "0", "COMPOSE_DOCKER_CLI_BUILD": "0"}

FILE = """
services:
  base:
    build:
      context: ./base
      args: {GREETING: built}
    image: ${COMPOSE_PROJECT_NAME}-base
    command: sh -c 'cat /greeting; exec sleep 1000'
    init: true
    healthcheck: {test: [CMD, test, -e, /greeting], interval: 1s, retries: 3}
    volumes: [data:/data, ./shared:/shared:ro]
    secrets: [word]
    networks:
      inner: {aliases: [foundation]}
    environment:
      NAME: ${NAME:-nobody}
  once:
    image: busybox
    command: sh -c 'echo prepared'
    network_mode: none
  web:
    image: busybox
    command: sh -c 'hostname >/tmp/index.html; trap exit TERM; httpd -f -p 80 -h /tmp & wait'
    depends_on:
      base: {condition: service_healthy}
      once: {condition: service_completed_successfully}
    networks: [inner, outer]
    ports: ["127.0.0.1::80"]
    deploy: {replicas: 2}
    stop_grace_period: 2s
    labels: {part: web}
networks:
  inner: {internal: true}
  outer:
    ipam: {config: [{subnet: 172.31.211.0/24}]}
volumes:
  data: {labels: {kept: "yes"}}
secrets:
  word: {file: ./word.txt}
"""


def compose(*arguments, status=0, text=None):
    """Runs docker-compose in the project's folder and returns what it printed, errors included."""
    outcome = subprocess.run(
        ["docker-compose", "--ansi", "never", *arguments], cwd=folder, env=ENVIRONMENT, input=text, text=True, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if outcome.returncode != status:
        raise AssertionError(f"docker-compose {arguments} ended with {outcome.returncode}: {outcome.stdout[-600:]}")
    return outcome.stdout


def containers(service, **options):
    return client.containers.list(
        filters={"label": [f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}"]}, **options)


def ids():
    return sorted(container.id for service in ("base", "web") for container in containers(service))


@check("a project is validated and built")
def build():
    (folder / "base").mkdir()
    (folder / "shared").mkdir()
    (folder / "shared" / "file").write_text("from outside\n")
    (folder / "word.txt").write_text("open sesame\n")
    (folder / "base" / "Dockerfile").write_text(
        "FROM busybox\nARG GREETING\nRUN echo $GREETING >/greeting && mkdir /data && chown 7:8 /data\nVOLUME /data\n")
    (folder / "docker-compose.yml").write_text(FILE)
    equal(sorted(compose("config", "--services").split()), ["base", "once", "web"])
    assert f"Successfully tagged {PROJECT}-base:latest" in compose("build")


@check("up waits for health and for completion")
def up():
    compose("up", "-d")
    equal([len(containers("base")), len(containers("web"))], [1, 2])
    equal(containers("base")[0].attrs["State"]["Health"]["Status"], "healthy")
    once = containers("once", all=True)[0]
    equal([once.attrs["State"]["ExitCode"], once.logs()], [0, b"prepared\n"])


@check("up again changes nothing; another environment makes one container anew")
def idempotent():
    before = ids()
    assert "is up-to-date" in compose("up", "-d")
    equal(ids(), before)
    (folder / ".env").write_text("NAME=somebody\n")
    output = compose("up", "-d")
    assert "Recreating" in output, output
    equal(len(set(ids()) & set(before)), 2)
    equal(compose("exec", "-T", "base", "sh", "-c", "echo $NAME"), "somebody\n")


@check("volumes keep the image's owner, binds are read-only, secrets are files")
def files():
    equal(compose("exec", "-T", "base", "stat", "-c", "%u:%g", "/data"), "7:8\n")
    equal(compose("exec", "-T", "base", "cat", "/shared/file", "/run/secrets/word"), "from outside\nopen sesame\n")
    compose("exec", "-T", "base", "touch", "/shared/new", status=1)
    volume = client.volumes.get(f"{PROJECT}_data")
    equal([volume.attrs["Labels"]["kept"], volume.attrs["Labels"]["com.docker.compose.volume"]], ["yes", "data"])


@check("names: services, aliases, all replicas; nothing of other networks")
def names():
    web = containers("web")[0]
    addresses = web.exec_run("nslookup web").output.decode()
    equal(len({line for line in addresses.splitlines() if "172.31.211." in line}), 2)
    equal(web.exec_run("ping -c 1 -W 2 foundation").exit_code, 0)
    equal(containers("base")[0].exec_run("ping -c 1 -W 2 172.31.211.1").exit_code, 1)


@check("scale up and down, port, ps, images, top")
def scale():
    compose("up", "-d", "--scale", "web=4")
    equal(sorted(c.name.rsplit("_", 1)[1] for c in containers("web")), ["1", "2", "3", "4"])
    ports = {compose("port", "--index", str(index), "web", "80").strip() for index in range(1, 5)}
    equal([len(ports), all(port.startswith("127.0.0.1:") for port in ports)], [4, True])
    compose("up", "-d", "--scale", "web=1")
    equal([c.name for c in containers("web")], [f"{PROJECT}_web_1"])
    compose("up", "-d")
    assert "(healthy)" in compose("ps", "base")
    assert "busybox" in compose("images")
    assert "httpd" in compose("top", "web")


@check("exec and run end with the code of what they run")
def codes():
    equal(compose("exec", "-T", "web", "sh", "-c", "echo in; exit 5", status=5), "in\n")
    output = compose("run", "--rm", "--no-deps", "-T", "base", "sh", "-c", "cat /greeting; exit 6", status=6)
    assert "built\n" in output, output
    labels = [f"com.docker.compose.project={PROJECT}", "com.docker.compose.oneoff=True"]
    equal(client.containers.list(all=True, filters={"label": labels}), [])


@check("logs, pause, kill, restart, stop, start, rm, events")
def acts():
    assert "built" in compose("logs", "--tail", "5", "base")
    events = subprocess.Popen(
        ["docker-compose", "events", "--json"], cwd=folder, env=ENVIRONMENT, text=True, stdout=subprocess.PIPE)
    try:
        # The health check makes events all the time: the first line proves that somebody listens.
        equal(json.loads(events.stdout.readline())["service"], "base")
        compose("pause", "base")
        while json.loads(events.stdout.readline())["action"] != "pause":
            pass
        compose("unpause", "base")
    finally:
        events.kill()
        events.wait()
    compose("restart", "-t", "1", "base")
    compose("kill", "-s", "KILL", "web")
    equal(len(containers("web")), 0)
    compose("start", "web")
    equal(len(containers("web")), 2)
    compose("stop", "-t", "1", "web")
    compose("rm", "-f", "web")
    equal(len(containers("web", all=True)), 0)
    compose("up", "-d")


@check("--exit-code-from gives the code of a service and stops the others")
def exit_code():
    (folder / "docker-compose.yml").write_text(FILE.replace("echo prepared", "sleep 1; exit 9"))
    compose("up", "--no-deps", "--exit-code-from", "once", "once", "base", status=9)
    equal(len(containers("base")), 0)
    (folder / "docker-compose.yml").write_text(FILE)


@check("down removes all, volumes and orphans on request")
def down():
    compose("up", "-d")
    (folder / "docker-compose.yml").write_text(FILE.replace("  once:", "  other:").replace("once: {cond", "other: {cond"))
    compose("down", "-t", "1", "--remove-orphans")
    mine = {"label": f"com.docker.compose.project={PROJECT}"}
    equal([client.containers.list(all=True, filters=mine), client.networks.list(filters=mine)], [[], []])
    equal(len(client.volumes.list(filters=mine)), 1)
    compose("down", "-v", "--rmi", "local")
    equal(len(client.volumes.list(filters=mine)), 0)


try:
    main()
finally:
    subprocess.run(
        ["docker-compose", "down", "-v", "-t", "0", "--remove-orphans"], cwd=folder, env=ENVIRONMENT, capture_output=True,
        check=False)
    subprocess.run(["docker", "rmi", f"{PROJECT}-base"], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)
