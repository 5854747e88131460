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
from checks import check, equal, main, until

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
    equal([compose("logs", "--grep", "BUI", *more, "base") for more in ([], ["-i"])], ["", "base-1 | built\n"])


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


@check("without files the project is what its labels say")
def nameless():
    compose("up", "-d", "--wait")
    # Not below the project's folder, where its files would be found.
    place = pathlib.Path(tempfile.mkdtemp(prefix="elsewhere-", dir=os.environ["SCRATCH"]))

    def act(*arguments, **options):
        return compose("-p", PROJECT, *arguments, cwd=place, **options)

    equal([act("ps", "--services").split(), compose("ps", "--services", cwd=place).split()], [["base", "web"]] * 2)
    equal(act("exec", "base", "echo", "in"), "in\n")
    equal(act("logs", "--no-log-prefix", "--tail", "1", "base"), "built\n")
    assert act("port", "web", "80").startswith("127.0.0.1:") and "httpd" in act("top", "web")
    assert f"{PROJECT}-base" in act("images")
    equal([act("volumes", "-q", "base").split(), act("volumes", "-q", "web").split()], [[f"{PROJECT}_data"], []])
    equal(json.loads(act("events", "--json", "--since", "1h", "--until", "0s", "base").splitlines()[0])["service"], "base")
    before = {container.id for container in containers("web")}
    output = act("restart", "-t", "1", "base")
    assert f"Container {PROJECT}-base-1  Started" in output, output
    act("pause", "web")
    equal([c.status for c in containers("web")], ["paused"] * len(before))
    act("unpause", "web")
    act("kill", "-s", "KILL", "web")
    equal(containers("web"), [])
    # What ends by itself is nothing to wait for.
    act("start", "--wait", "base", "web")
    equal({container.id for container in containers("web")}, before)
    output = act("stop", "-t", "1")
    assert output.index("web-1  Stopped") < output.index("base-1  Stopping"), output
    act("rm", "-f", "once")
    assert "no service 'gone'" in act("exec", "gone", "true", status=1)
    for command in [["stop"], ["start"], ["restart"], ["top"], ["port", "web", "80"]]:
        assert "no container of the project" in compose("-p", "nobody", *command, cwd=place, status=1)
    equal(compose("-p", "nobody", "ps", "-q", cwd=place), "")
    assert "nothing of the project" in compose("-p", "nobody", "down", cwd=place)
    act("down", "-t", "1")
    mine = {"label": f"com.docker.compose.project={PROJECT}"}
    equal([client.containers.list(all=True, filters=mine), client.networks.list(filters=mine)], [[], []])
    equal(len(client.volumes.list(filters=mine)), 1)
    assert "no compose file here" in compose("up", "-d", cwd=place, status=1)
    place.rmdir()


@check("attach, stats, export, commit, and the variables of the files")
def containers_of_services():
    place = folder / "single"
    place.mkdir()
    (place / "compose.yaml").write_text(
        "services:\n  ear:\n    image: ${IMAGE:-busybox}\n    command: sh -c 'touch /made; head -n1; exit 7'\n"
        "    stdin_open: true\n    network_mode: none\n")
    environment = ENVIRONMENT | {"COMPOSE_PROJECT_NAME": PROJECT + "s"}
    act = lambda *arguments, **options: compose(*arguments, cwd=place, env=environment, **options)
    try:
        act("up", "-d")
        assert f"{PROJECT}s-ear-1" in act("stats", "--no-stream", "--format", "{{.Name}}")
        act("export", "-o", "ear.tar", "ear")
        assert "made" in subprocess.run(["tar", "-tf", place / "ear.tar"], capture_output=True, text=True, check=True).stdout.split()
        image = act("commit", "-c", "LABEL made=yes", "ear", f"{PROJECT}:kept").strip()
        equal(client.images.get(image).labels["made"], "yes")
        client.images.remove(f"{PROJECT}:kept")
        attached = subprocess.run(
            [os.environ["CLIENT"], "compose", "attach", "ear"], cwd=place, env=environment, text=True, timeout=60,
            input="heard\n", capture_output=True, check=False)
        equal([attached.returncode, attached.stdout], [7, "heard\n"])
        assert "IMAGE" in act("config", "--variables") and "busybox" in act("config", "--variables")
        equal(json.loads(act("config", "--variables", "--format", "json").splitlines()[0])["Default"], "busybox")
        equal([act("ls", "-aq", "--filter", f"name={PROJECT}s").split(), act("ps", "-q", "--filter", "status=running")],
              [[f"{PROJECT}s"], ""])
    finally:
        act("down", "-t", "0")


COPIED = """
services:
  box:
    image: busybox
    command: sleep 1000
    init: true
    network_mode: none
    scale: 2
"""


@check("cp in both directions: files, folders, contents, links, archives, single containers")
def copies():
    place = folder / "copied"
    (place / "tree" / "deep").mkdir(parents=True)
    (place / "tree" / "deep" / "leaf").write_text("leaf\n")
    (place / "tree" / "link").symlink_to("deep/leaf")
    (place / "compose.yaml").write_text(COPIED)
    environment = {"COMPOSE_PROJECT_NAME": PROJECT + "c"}
    act = lambda *arguments, **options: compose(*arguments, cwd=place, env=environment, **options)
    inside = lambda script, index="1", **options: act("exec", "--index", index, "box", "sh", "-c", script, **options)
    try:
        act("up", "-d")
        act("cp", "tree/deep/leaf", "box:/tmp/new")
        equal([inside("cat /tmp/new", index) for index in "12"], ["leaf\n"] * 2)
        act("cp", "--index", "2", "tree", "box:/tmp")
        equal([inside("cd /tmp; find tree | sort", "2"), inside("ls /tmp")],
              ["tree\ntree/deep\ntree/deep/leaf\ntree/link\n", "new\n"])
        act("cp", "tree/.", "box:/srv/fresh", status=1)
        inside("mkdir /srv; ln -s /srv /to")
        act("cp", "--index", "1", "tree/.", "box:/srv")
        act("cp", "--index", "1", "-L", "tree/link", "box:/to/followed")
        equal(inside("cat /srv/deep/leaf; readlink /srv/link; cat /srv/followed"), "leaf\ndeep/leaf\nleaf\n")
        act("cp", "box:/srv", "out")
        equal([(place / "out/deep/leaf").read_text(), os.readlink(place / "out/link")], ["leaf\n", "deep/leaf"])
        act("cp", "box:/srv/deep/leaf", "renamed")
        act("cp", "-L", "box:/srv/link", "out/real")
        act("cp", "box:/srv/.", ".")
        equal([(place / name).read_text() for name in ["renamed", "out/real", "deep/leaf"]], ["leaf\n"] * 3)
        archive = subprocess.run([os.environ["CLIENT"], "compose", "cp", "box:/srv/deep", "-"], cwd=place,
                                 env=ENVIRONMENT | environment, capture_output=True, check=True).stdout
        sent = subprocess.run([os.environ["CLIENT"], "compose", "cp", "--index", "2", "-", "box:/var"], cwd=place, input=archive,
                              env=ENVIRONMENT | environment, capture_output=True, check=False)
        equal([sent.returncode, inside("cat /var/deep/leaf", "2")], [0, "leaf\n"])
        assert "there is no '/gone'" in act("cp", "box:/gone", ".", status=1)
        assert "which is a file" in act("cp", "box:/srv", "renamed", status=1)
        assert "no service 'gone'" in act("cp", "gone:/x", ".", status=1)
        assert "cannot copy 'missing'" in act("cp", "missing", "box:/", status=1)
        act("cp", "box:/a", "box:/b", status=64)
    finally:
        act("down", "-t", "0")


@check("cp takes nothing from a hostile container but files in the folder: links that lead out, rights, devices")
def hostile_copies():
    place = folder / "hostile"
    place.mkdir()
    (place / "compose.yaml").write_text(COPIED)
    environment = {"COMPOSE_PROJECT_NAME": PROJECT + "h"}
    act = lambda *arguments, **options: compose(*arguments, cwd=place, env=environment, **options)
    inside = lambda script: act("exec", "box", "sh", "-c", script)
    secret = place / "secret"
    secret.write_text("untouched\n")
    try:
        act("up", "-d", "--scale", "box=1")
        inside(f"mkdir -p /evil/sub; ln -s {place} /evil/out; cp /bin/busybox /evil/root; chmod 6755 /evil/root; mkfifo /evil/pipe")
        act("cp", "box:/evil", "got")
        equal([os.readlink(place / "got/out"), oct((place / "got/root").stat().st_mode & 0o7777)], [str(place), "0o755"])
        # The link of before is in the place where the next copy writes.
        inside("rm /evil/out; mkdir /evil/out; echo changed >/evil/out/secret")
        outcome = act("cp", "box:/evil", "got", status=0)
        equal([secret.read_text(), (place / "got/evil/out/secret").read_text()], ["untouched\n", "changed\n"])
        act("cp", "box:/evil/.", "got", status=1)
        equal(secret.read_text(), "untouched\n")
    finally:
        act("down", "-t", "0")


WATCHED = """
services:
  web:
    build: .
    init: true
    command: sh -c 'date +%s%N >/started; exec sleep 1000'
    network_mode: none
    develop:
      watch:
        - {action: sync, path: ./src, target: /app, ignore: ["*.log", cache/], initial_sync: true}
        - {action: sync+restart, path: ./config, target: /config}
        - {action: sync+exec, path: ./data, target: /data, exec: {command: sh -c 'cat /data/* >/all'}}
        - {action: rebuild, path: ./version}
"""


@check("watch brings changes in, removes what is gone, restarts, runs and builds anew; up --watch too")
def watches():
    place = folder / "watched"
    for name in ["src", "config", "data"]:
        (place / name).mkdir(parents=True)
    (place / "version").write_text("1\n")
    (place / "Dockerfile").write_text("FROM busybox\nCOPY version /version\nRUN mkdir /app /config /data\n")
    (place / "src" / "first").write_text("first\n")
    (place / "compose.yaml").write_text(WATCHED)
    environment = {"COMPOSE_PROJECT_NAME": PROJECT + "w"}
    project = PROJECT + "w"

    def read(*command):
        for container in containers("web", project):
            try:
                code, output = container.exec_run(list(command))
            except docker.errors.APIError:
                return None
            return output.decode() if code == 0 else None
        return None

    for command in [["watch"], ["up", "--build", "--watch"]]:
        (place / "version").write_text("1\n")
        with open(place / "log", "w") as log:
            watching = subprocess.Popen([os.environ["CLIENT"], "compose", *command], cwd=place, env=ENVIRONMENT | environment,
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            until("the watch", lambda: "Watch enabled" in (place / "log").read_text() or watching.poll() is not None)
            equal([watching.poll(), read("cat", "/app/first")], [None, "first\n"])
            (place / "src" / "deep").mkdir(exist_ok=True)
            (place / "src" / "deep" / "new").write_text("new\n")
            (place / "src" / "left.log").write_text("out\n")
            until("a new file in a new folder", lambda: read("cat", "/app/deep/new") == "new\n")
            equal(read("ls", "/app").split(), ["deep", "first"])
            (place / "src" / "deep" / "new").unlink()
            until("the removal of a file", lambda: read("ls", "/app/deep") == "")
            before = read("cat", "/started")
            (place / "config" / "settings").write_text(command[0])
            until("the restart", lambda: read("cat", "/started") not in (None, "", before))
            equal(read("cat", "/config/settings"), command[0])
            (place / "data" / "one").write_text(command[0])
            until("the command", lambda: read("cat", "/all") == command[0])
            old = containers("web", project)[0].id
            (place / "version").write_text("2\n")
            until("the new image", lambda: read("cat", "/version") == "2\n", 60)
            assert containers("web", project)[0].id != old
            watching.terminate()
            equal([watching.wait(30), containers("web", project) == []], [0, command[0] == "up"])
        except AssertionError as failure:
            raise AssertionError(f"{command}: {failure}: {(place / 'log').read_text()[-1500:]}") from None
        finally:
            watching.kill()
            watching.wait()
            compose("down", "-t", "0", "--rmi", "local", cwd=place, env=environment)
            shutil.rmtree(place / "src" / "deep", ignore_errors=True)
    (place / "compose.yaml").write_text("services: {web: {image: busybox}}\n")
    assert "develop.watch" in compose("watch", cwd=place, env=environment, status=1)


@check("what cannot become healthy is told, and what needs it is not started")
def unhealthy():
    (folder / "compose.yaml").write_text(FILE.replace("/tmp/ready], interval", "/never], interval").replace(
        "start_period: 30s", "start_period: 1s, retries: 1").replace("post_start: [{command: [touch, /tmp/ready]}]", ""))
    output = compose("up", "-d", status=1)
    assert f"container {PROJECT}-base-1 is unhealthy: its last check ended with 1" in output, output
    equal(containers("web"), [])
    (folder / "compose.yaml").write_text(FILE)


@check("run needs the healthchecks that its service waits for; top passes over what has no processes")
def waiting():
    place = folder / "waiting"
    place.mkdir()
    (place / "compose.yaml").write_text("""
services:
  web: {image: busybox, command: sleep 1d, stop_grace_period: 0s}
  again: {image: busybox, command: "false", restart: always}
  job: {image: busybox, command: "true", profiles: [job], depends_on: {web: {condition: service_healthy}}}
""")
    project = f"{PROJECT}-waiting"

    def act(*arguments, **options):
        return compose("-p", project, *arguments, cwd=place, env={"COMPOSE_PROJECT_NAME": project}, **options)

    try:
        output = act("run", "--rm", "job", status=1)
        assert "services.job.depends_on.web: 'web' can never be healthy: it has no healthcheck configured" in output, output
        equal(containers("web", project, all=True), [])
        act("up", "-d")
        output = until("between two runs", lambda: next(
            (text for text in [act("top")] if f"container {project}-again-1 has no processes" in text), None))
        assert "sleep 1d" in output, output
    finally:
        act("down", "-t", "0")


REFUSED = """
services:
  web: {image: busybox, command: sleep 1d, stop_grace_period: 0s, ports: ["127.0.0.1:${PORT}:80"], labels: {version: "${VERSION}"}}
  other: {image: busybox, command: sleep 1d, stop_grace_period: 0s, labels: {version: "${VERSION}"}, cap_add: ["${CAPABILITY}"]}
"""


@check("what the engine refuses of a new version leaves the one that runs, at its making and at its start")
def refused():
    place = folder / "refused"
    place.mkdir()
    (place / "compose.yaml").write_text(REFUSED)
    project = f"{PROJECT}-refused"
    with socket.socket() as busy, socket.socket() as free:
        for one in (busy, free):
            one.bind(("127.0.0.1", 0))
        busy.listen()
        taken, port = busy.getsockname()[1], free.getsockname()[1]
        free.close()

        def act(*arguments, version="1", capability="CHOWN", port=port, **options):
            values = {"COMPOSE_PROJECT_NAME": project, "VERSION": version, "CAPABILITY": capability, "PORT": str(port)}
            return compose("-p", project, *arguments, cwd=place, env=values, **options)

        def state():
            found = client.containers.list(all=True, filters={"label": f"com.docker.compose.project={project}"})
            return {one.id: (one.name, one.status, one.labels["version"]) for one in found}

        try:
            act("up", "-d")
            before = state()
            equal(sorted(before.values()), [(f"{project}-{name}-1", "running", "1") for name in ("other", "web")])
            started = {id: client.containers.get(id).attrs["State"]["StartedAt"] for id in before}
            # The engine refuses `other`: `web`, whose new version is fine, is not even stopped.
            output = act("up", "-d", version="2", capability="SYS_MODULE", status=1)
            assert "services.other.cap_add" in output, output
            equal(state(), before)
            equal({id: client.containers.get(id).attrs["State"]["StartedAt"] for id in before}, started)
            # Whether a port is free is known at the start: the old one comes back, and the new one is gone.
            output = act("up", "-d", version="3", port=taken, status=1)
            assert f"address already in use by python3 (pid {os.getpid()})" in output, output
            assert f"Container {project}-web-1  Running as before" in output, output
            after = state()
            equal(len(after), 2)
            equal({after[id][:2] for id in after}, {before[id][:2] for id in before})
            web = next(id for id in before if "web" in before[id][0])
            equal(after[web], before[web])
            act("up", "-d", version="4")
            equal(sorted(state().values()), [(f"{project}-{name}-1", "running", "4") for name in ("other", "web")])
        finally:
            act("down", "-t", "0")


@check("--abort-on-container-exit stops all with the code of the one that ended")
def abort():
    (folder / "compose.yaml").write_text(FILE.replace("command: echo prepared", "command: sh -c 'echo prepared; exit 9'"))
    output = compose("up", "--no-deps", "--abort-on-container-exit", "once", "base", status=9)
    assert "once-1 | prepared" in output and "exited with code 9" in output, output
    equal(containers("base"), [])
    (folder / "compose.yaml").write_text(FILE)


LIMITED = """
services:
  web:
    image: busybox
    command: sh -c 'mkdir /page; echo page >/page/index.html; exec httpd -f -p 80 -h /page'
    networks: [front]
    ports: [{target: 80, x-bulkhead: {rate-per-source: "${RATE}"}}]
    # Connections that are refused count, too.
    healthcheck: {test: wget -q -O /dev/null http://127.0.0.1/, interval: 200ms}
    stop_grace_period: 0s
  asker: {image: busybox, command: sleep 1d, networks: [other], stop_grace_period: 0s}
networks: {front: {}, other: {}}
"""


@check("limits of a published port hold; other limits make its container anew, and it alone")
def limits():
    place = folder / "limited"
    place.mkdir()
    (place / "compose.yaml").write_text(LIMITED)
    project = f"{PROJECT}-limited"

    def act(*arguments, rate="5/hour", **options):
        return compose("-p", project, *arguments, cwd=place, env={"COMPOSE_PROJECT_NAME": project, "RATE": rate}, **options)

    def answers():
        """How many of eight connections of another container are answered."""
        port = act("port", "web", "80").rpartition(":")[2].strip()
        ask = f"timeout 1 wget -q -O - http://host.docker.internal:{port}/ || true"
        return act("exec", "-T", "asker", "sh", "-c", f"for i in 1 2 3 4 5 6 7 8; do {ask}; done").count("page")

    try:
        act("up", "-d", "--wait")
        before = {one.id for service in ("web", "asker") for one in containers(service, project)}
        equal(containers("web", project)[0].labels["bulkhead.publish.80/tcp.rate-per-source"], "5/hour")
        equal(answers(), 5)
        act("up", "-d", "--wait", rate="1000/second")
        equal([len(before & {one.id for one in containers(service, project)}) for service in ("web", "asker")], [0, 1])
        equal(answers(), 8)
        output = act("up", "-d", rate="5/day", status=1)
        assert "compose.yaml:7:" in output and "services.web.ports[0].x-bulkhead.rate-per-source: '5/day'" in output, output
    finally:
        act("down", "-t", "0")


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
