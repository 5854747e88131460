"""Rows of the network benchmark: throughput, requests, names, connecting; on two engines in their own host's namespace."""

import io
import json
import os
import pathlib
import re
import subprocess
import tarfile
import tempfile
import time

from figures import materials
from figures.engines import Bulkhead, Docker

IMAGE = "bench/network:1"
HERE = pathlib.Path(__file__).resolve().parent
CONNECTIONS = 32
NAME_SOCKETS = 4
NETWORK, OTHER = "bench-front", "bench-back"
# The peer's namespace has no address but loopback's: it gets one on a pair of devices.
PEER_ADDRESS = "198.51.100.1"
NGINX = """user root wheel; daemon off; worker_processes 2; pid /tmp/nginx.pid; error_log stderr;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000;
  client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;
  server { listen PORT; location / { root /www; } }
}
"""


def _libraries(path):
    """Shared libraries of a peer's program: {path inside: path outside}."""
    _, environment = materials.program("")
    output = subprocess.run(["ldd", path], check=True, capture_output=True, text=True, env=environment).stdout
    found = re.findall(r"(?:\S+ => )?(/\S+) \(0x", output)
    return {"lib64/" + os.path.basename(one) if "ld-linux" in one else "usr/lib/x86_64-linux-gnu/" + os.path.basename(one): one
            for one in found}


def image(rootfs):
    """A root file system as tar: busybox, nginx, iperf3, dnsload."""
    root = materials.HOME / "root"
    programs = {"usr/sbin/nginx": root / "usr/sbin/nginx", "usr/bin/iperf3": root / "usr/bin/iperf3"}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["cc", "-O2", "-static", "-o", f"{folder}/dnsload", HERE / "dnsload.c"], check=True)
        files = dict(programs, **{"usr/bin/dnsload": pathlib.Path(folder, "dnsload")})
        for program in programs.values():
            files.update(_libraries(program))
        output = io.BytesIO()
        with tarfile.open(fileobj=output, mode="w") as archive:
            with tarfile.open(fileobj=io.BytesIO(rootfs)) as base:
                for member in base:
                    archive.addfile(member, base.extractfile(member) if member.isreg() else None)
            for name, path in sorted(files.items()):
                _add(archive, name, pathlib.Path(os.path.realpath(path)).read_bytes(), 0o755)
            for port in (80, 8099):
                _add(archive, f"etc/nginx-{port}.conf", NGINX.replace("PORT", str(port)).encode(), 0o644)
            _add(archive, "www/index.html", b"x" * 1024, 0o644)
            for folder_name in ("var/log/nginx", "var/lib/nginx"):
                info = tarfile.TarInfo(folder_name)
                info.type, info.mode = tarfile.DIRTYPE, 0o777
                archive.addfile(info)
        return output.getvalue()


def _add(archive, name, content, mode):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    archive.addfile(info, io.BytesIO(content))


class Site:
    """An engine with the containers that traffic runs between."""

    def __init__(self, engine):
        self.engine, self.name = engine, engine.name
        self.peer = isinstance(engine, Docker)
        self.enter = ["nsenter", "--net=/run/netns/bulkhead-peer-docker"] if self.peer else []

    def start(self, tar):
        self.engine.start()
        self.engine.prepare(tar)
        if self.peer:
            subprocess.run([*self.enter, "ip", "link", "add", "bench0", "type", "veth", "peer", "name", "bench1"], check=True)
            subprocess.run([*self.enter, "ip", "address", "add", f"{PEER_ADDRESS}/24", "dev", "bench0"], check=True)
            for device in ("bench0", "bench1"):
                subprocess.run([*self.enter, "ip", "link", "set", device, "up"], check=True)
            self.address = PEER_ADDRESS
        else:
            routes = json.loads(subprocess.run(["ip", "-json", "route", "get", "203.0.113.1"], check=True, capture_output=True).stdout)
            self.address = routes[0]["prefsrc"]
        call = self.engine.client.call
        for network in (NETWORK, OTHER):
            call("POST", "/networks/create", {"Name": network, "CheckDuplicate": True})
        self.run("server", ["iperf3", "-s"], ports=["5201/tcp"])
        self.run("web", ["nginx", "-c", "/etc/nginx-80.conf"], ports=["80/tcp"])
        self.run("bare", ["nginx", "-c", "/etc/nginx-8099.conf"], network="host")
        self.run("client", ["sleep", "100000"])
        time.sleep(0.5)

    def run(self, name, command, ports=(), network=NETWORK):
        host = {"NetworkMode": network, "PortBindings": {port: [{"HostIp": "", "HostPort": ""}] for port in ports}}
        body = {"Image": "busybox:latest", "Cmd": command, "ExposedPorts": {port: {} for port in ports}, "HostConfig": host}
        made = self.engine.client.call("POST", f"/containers/create?name={name}", body)
        self.engine.client.call("POST", f"/containers/{made['Id']}/start")

    def inspect(self, name):
        return self.engine.client.call("GET", f"/containers/{name}/json")["NetworkSettings"]

    def inner(self, name):
        return self.inspect(name)["Networks"][NETWORK]["IPAddress"]

    def port(self, name, inside):
        return self.inspect(name)["Ports"][inside][0]["HostPort"]

    def execute(self, *command):
        """Runs a command in the client's container and gives what it printed."""
        outcome = subprocess.run(["docker", "-H", f"unix://{self.engine.socket}", "exec", "client", *command],
                                 capture_output=True, text=True, timeout=120)
        if outcome.returncode != 0:
            raise RuntimeError(f"{command[0]}: {outcome.stdout[-200:]} {outcome.stderr[-200:]}")
        return outcome.stdout

    def outside(self, name, *arguments):
        """Runs a peer's program beside the engine, in its host's namespace."""
        path, environment = materials.program(name)
        return subprocess.run([*self.enter, path, *arguments], check=True, capture_output=True, text=True, env=environment,
                              timeout=120).stdout

    def stop(self):
        self.engine.stop()


def _gigabits(output):
    return json.loads(output)["end"]["sum_received"]["bits_per_second"] / 1e9


def _requests(site, url, seconds, *more):
    output = site.outside("wrk", "-t", "2", "-c", str(CONNECTIONS), "-d", f"{seconds}s", *more, url)
    if "Non-2xx" in output:
        raise RuntimeError(f"{url}: {output[output.index('Non-2xx'):].strip()}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


def throughput(site, seconds):
    port = site.port("server", "5201/tcp")
    return {
        "inside": _gigabits(site.execute("iperf3", "-c", site.inner("server"), "-t", str(seconds), "-J")),
        "published": _gigabits(site.outside("iperf3", "-c", site.address, "-p", port, "-t", str(seconds), "-J")),
        "published_loopback": _gigabits(site.outside("iperf3", "-c", "127.0.0.1", "-p", port, "-t", str(seconds), "-J")),
    }


def requests(site, seconds):
    port = site.port("web", "80/tcp")
    host = _requests(site, f"http://{site.address}:8099/", seconds)
    published = _requests(site, f"http://{site.address}:{port}/", seconds)
    return {
        "http_host": host, "http_published": published, "http_share": published / host,
        "http_loopback": _requests(site, f"http://127.0.0.1:{port}/", seconds),
        "http_inside": _requests(site, f"http://{site.inner('web')}/", seconds),
        "connections": _requests(site, f"http://127.0.0.1:{port}/", seconds, "-H", "Connection: close"),
    }


def names(site, seconds):
    rate, late = site.execute("dnsload", "127.0.0.11", "web", str(NAME_SOCKETS), str(seconds)).split()
    return {"names": float(rate), "names_late": int(late) / 1000}


def connect(site, count):
    """Milliseconds of connecting a running container to a network and disconnecting it."""
    samples = []
    for _ in range(count):
        begin = time.perf_counter()
        site.engine.client.call("POST", f"/networks/{OTHER}/connect", {"Container": "client"})
        site.engine.client.call("POST", f"/networks/{OTHER}/disconnect", {"Container": "client"})
        samples.append((time.perf_counter() - begin) * 1000)
    return samples


def sites(programs):
    return [Site(Bulkhead(f"{programs}/bulkheadd")), Site(Docker())]
