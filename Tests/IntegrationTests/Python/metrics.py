#!/usr/bin/env python3
"""Engine and server in numbers, read by Prometheus itself: metrics.py PATH-OF-BULKHEADD FOLDER"""
import json
import os
import pathlib
import pwd
import re
import signal
import subprocess
import sys

from checks import check, equal, main, until
from service import PASSWORD, Engine, Local, Server, exchange, free_port

SOURCES = pathlib.Path(__file__).resolve().parents[3]
SERVER = Server(sys.argv[1], sys.argv[2])
ENGINE = Engine(sys.argv[1], sys.argv[2])
SOCKET = ENGINE.run + "/metrics.sock"


def page(path="/metrics", method="GET"):
    return exchange(Local(SOCKET), method, path, None, {})


def samples(text):
    """{name{labels}: value} of a page."""
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def value(text, name, /, **labels):
    """The one sample of a name that has these labels."""
    wanted = [f'{key}="{one}"' for key, one in labels.items()]
    found = [number for key, number in samples(text).items()
             if key.split("{")[0] == name and all(one in key for one in wanted)]
    equal((name, labels, len(found)), (name, labels, 1))
    return found[0]


def container(name, command, **more):
    body = {"Image": "busybox:latest", "Cmd": command, **more}
    status, data, _ = ENGINE.ask("POST", f"/containers/create?name={name}", body)
    equal((status, data[:200] if status != 201 else b""), (201, b""))
    equal(ENGINE.ask("POST", f"/containers/{name}/start")[0], 204)


def prepare():
    rootfs = subprocess.run([SOURCES / "Benchmarks/busybox-rootfs"], check=True, capture_output=True).stdout
    equal(ENGINE.ask("POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", rootfs)[0], 200)
    for name, administrator in [("watch", True), ("guest", False)]:
        equal(SERVER.local("POST", "/api/v1/users", {"name": name, "password": PASSWORD, "isAdministrator": administrator})[0], 201)


@check("the engine's page has containers, networks and volumes, and Prometheus's own check finds nothing wrong with it")
def engine_page():
    equal(ENGINE.ask("POST", "/networks/create", {"Name": "front"})[0], 201)
    labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": 'we"b\n'}
    container(
        "busy", ["sh", "-c", "dd if=/dev/zero of=/data/f bs=1M count=3; while :; do :; done"], Labels=labels,
        HostConfig={"Memory": 64 << 20, "NetworkMode": "front", "Binds": ["kept:/data"], "PidsLimit": 50})
    container("over", ["sh", "-c", "exit 3"])
    until("both ran", lambda: value(page()[1], "bulkhead_containers", state="exited") == 1)
    status, text, headers = page()
    equal((status, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
    outcome = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    equal((outcome.returncode, outcome.stderr, outcome.stdout), (0, b"", b""))
    equal(value(text, "bulkhead_containers", state="running"), 1)
    equal(value(text, "bulkhead_container_exit_code", name="over"), 3)
    equal(value(text, "bulkhead_network_endpoints", network="front"), 1)
    equal(value(text, "container_spec_memory_limit_bytes", name="busy"), 64 << 20)
    equal(value(text, "container_threads_max", name="busy"), 50)
    key = next(key for key in samples(text) if key.startswith("container_cpu_usage_seconds_total"))
    equal('container_label_com_docker_compose_service="we\\"b\\n"' in key, True)
    first = value(text, "container_cpu_usage_seconds_total", name="busy")
    until("time passes", lambda: value(page()[1], "container_cpu_usage_seconds_total", name="busy") > first)
    until("the volume is walked", lambda: b"bulkhead_volume_size_bytes" in page()[1])


@check("the dashboard for Grafana draws what there is")
def dashboard():
    board = json.loads((SOURCES / "examples/grafana/bulkhead-engine.json").read_text())
    asked = {name for panel in board["panels"] for target in panel["targets"]
             for name in re.findall(r"\b(?:bulkhead|container)_[a-z_]+", target["expr"])}
    # What only is there with limits of ports and volumes, with backups by the clock, or where the kernel counts it.
    code = "".join(path.read_text() for path in (SOURCES / "Sources/Platform/Observability").glob("*.swift"))
    given = {key.split("{")[0] for key in samples(page()[1])} | set(re.findall(r'"((?:bulkhead|container)_[a-z_]+)"', code))
    equal((len(asked) > 10, asked - given), (True, set()))


@check("the socket gives nothing but the page")
def nothing_else():
    for method, path, status in [
        ("GET", "/containers/json", 404), ("GET", "/_ping", 404), ("POST", "/metrics", 405), ("GET", "/v1.41/info", 404),
        ("POST", "/containers/busy/stop", 404),
    ]:
        equal((path, page(path, method)[0]), (path, status))
    account = pwd.getpwnam("bulkhead")
    enter = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups", "--bounding-set=-all",
             "--inh-caps=-all", "--no-new-privs", "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    asked = subprocess.run([*enter, "--unix-socket", SOCKET, "http://engine/metrics"], capture_output=True, text=True)
    equal(asked.stdout, "200")
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *enter[4:]]
    asked = subprocess.run([*nobody, "--unix-socket", SOCKET, "http://engine/metrics"], capture_output=True, text=True)
    equal(asked.stdout, "000")


@check("the server gives both pages to administrators alone")
def rights():
    for path in ["/api/v1/metrics", "/api/v1/metrics/engine"]:
        equal((path, SERVER.remote("GET", path)[0]), (path, 401))
        equal((path, SERVER.remote("GET", path, "guest")[0]), (path, 403))
        equal((path, SERVER.remote("GET", path, "watch")[0]), (path, 200))
    equal(SERVER.local("POST", "/api/v1/projects", {"name": "shop", "quotaBytes": 5000})[0], 201)
    text = SERVER.remote("GET", "/api/v1/metrics", "watch")[1]
    equal(value(text, "bulkhead_registry_project_quota_bytes", project="shop"), 5000)
    equal(value(text, "bulkhead_registry_project_used_bytes", project="shop"), 0)
    equal(subprocess.run(["promtool", "check", "metrics"], input=text).returncode, 0)


@check("Prometheus reads both over HTTPS")
def prometheus():
    folder, port = sys.argv[2] + "/prometheus", free_port()
    os.mkdir(folder)
    job = f"""
    scheme: https
    scrape_interval: 1s
    scrape_timeout: 1s
    basic_auth: {{username: watch, password: '{PASSWORD}'}}
    tls_config: {{ca_file: {SERVER.authority}}}
    static_configs: [{{targets: ['{SERVER.host}']}}]"""
    with open(folder + "/prometheus.yml", "w") as file:
        file.write(
            f"scrape_configs:\n  - job_name: server\n    metrics_path: /api/v1/metrics{job}\n"
            f"  - job_name: engine\n    metrics_path: /api/v1/metrics/engine{job}\n")
    with open(folder + "/log", "w") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        def ask(query):
            command = ["promtool", "query", "instant", f"http://127.0.0.1:{port}", query]
            return subprocess.run(command, capture_output=True, text=True).stdout
        until("both are up", lambda: "=> 2 @" in ask("sum(up)"), 60)
        until("the container is known", lambda: 'name="busy"' in ask('rate(container_cpu_usage_seconds_total{name="busy"}[1m]) > 0'), 60)
    finally:
        process.terminate()
        process.wait(30)


@check("a server whose engine is away says so")
def away():
    for name in ["busy", "over"]:
        equal(ENGINE.ask("DELETE", f"/containers/{name}?force=1")[0], 204)
    equal(ENGINE.ask("DELETE", "/networks/front")[0], 204)
    equal(ENGINE.end(signal.SIGTERM), 0)
    status, data, _ = SERVER.remote("GET", "/api/v1/metrics/engine", "watch")
    equal((status, "does not answer" in json.loads(data)["detail"]), (503, True))
    equal(SERVER.remote("GET", "/api/v1/metrics", "watch")[0], 200)


try:
    prepare()
    main()
finally:
    SERVER.stop()
    ENGINE.stop()
