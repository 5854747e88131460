"""The rows: each measures one engine once (or a few times) and gives back samples in the row's unit."""

import socket
import subprocess
import threading
import time

from figures.engines import IMAGE
from figures.http_unix import API, Client

PARALLEL = 8
CLIENT_SECONDS = 60
# About a second of pure computing in the shell, no system calls.
COMPUTE = "i=0; while [ $i -lt 1500000 ]; do i=$((i+1)); done"


def milliseconds(action):
    begin = time.perf_counter()
    action()
    return (time.perf_counter() - begin) * 1000


def create(client, command=("true",), host=None):
    body = {"Image": IMAGE, "Cmd": list(command), "HostConfig": host or {}}
    return client.call("POST", "/containers/create", body)["Id"]


def remove(client, container):
    client.call("DELETE", f"/containers/{container}?force=1&v=1")


class Running:
    """A container that sleeps, for rows that need a running one."""

    def __init__(self, client):
        self.client = client

    def __enter__(self):
        self.id = create(self.client, ("sleep", "100000"))
        self.client.call("POST", f"/containers/{self.id}/start")
        return self.id

    def __exit__(self, *_):
        remove(self.client, self.id)


def life_cycle(network):
    """create + start + wait + delete over the API."""

    def measure(engine, count):
        client = engine.client

        def once():
            container = create(client, host={"NetworkMode": network})
            client.call("POST", f"/containers/{container}/start")
            client.call("POST", f"/containers/{container}/wait")
            client.call("DELETE", f"/containers/{container}")

        return [milliseconds(once) for _ in range(count)]

    return measure


def command_line(*options):
    """`docker run --rm` by the CLI."""

    def measure(engine, count):
        command = engine.run_command(*options)
        return [milliseconds(lambda: run_to_end(command)) for _ in range(count)]

    return measure


def run_to_end(command):
    """Runs a program. Waiting with a time-out would poll in steps of up to 50 ms and measure those."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    watchdog = threading.Timer(CLIENT_SECONDS, process.kill)
    watchdog.start()
    try:
        if process.wait() != 0:
            raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    finally:
        watchdog.cancel()


def execute(engine, count):
    """exec `true` in a running container: create, start attached, read to the end, inspect."""
    client = engine.client

    def once(container):
        body = {"Cmd": ["true"], "AttachStdout": True, "AttachStderr": True}
        session = client.call("POST", f"/containers/{container}/exec", body)["Id"]
        start_attached(engine.socket, session)
        if client.call("GET", f"/exec/{session}/json")["ExitCode"] != 0:
            raise RuntimeError("exec did not succeed")

    with Running(client) as container:
        return [milliseconds(lambda: once(container)) for _ in range(count)]


def start_attached(path, session):
    content = b'{"Detach":false,"Tty":false}'
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.settimeout(60)
        stream.connect(path)
        stream.sendall(
            f"POST {API}/exec/{session}/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        while stream.recv(65536):
            pass


def kill(engine, count):
    """POST kill of a running container; it answers when the container is dead."""
    samples = []
    for _ in range(count):
        with Running(engine.client) as container:
            samples.append(milliseconds(lambda: engine.client.call("POST", f"/containers/{container}/kill")))
    return samples


def restart(engine, count):
    """POST restart with no grace."""
    with Running(engine.client) as container:
        return [
            milliseconds(lambda: engine.client.call("POST", f"/containers/{container}/restart?t=0"))
            for _ in range(count)
        ]


def eight_at_a_time(engine, work, items):
    """Calls work(client, item) for each item from eight threads with a connection each; gives back the results."""
    results, failures, lock, queue = [], [], threading.Lock(), list(items)

    def worker():
        client = Client(engine.socket)
        try:
            while True:
                with lock:
                    if not queue or failures:
                        return
                    item = queue.pop()
                result = work(client, item)
                with lock:
                    results.append(result)
        except Exception as failure:  # reported by the caller's thread
            with lock:
                failures.append(failure)
        finally:
            client.close()

    threads = [threading.Thread(target=worker) for _ in range(PARALLEL)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def crowd(engine, containers, seconds):
    """Starts many containers eight at a time, measures memory and requests while they run, removes them."""

    def begin(client, _):
        container = create(client, ("sleep", "100000"))
        client.call("POST", f"/containers/{container}/start")
        return container

    figures, ids = {}, []

    def start_all():
        ids.extend(eight_at_a_time(engine, begin, range(containers)))

    figures["crowd_start"] = milliseconds(start_all)
    figures["pss_crowd"] = engine.pss_mib()
    figures["list_rate"] = rate(engine.client, "/containers/json", seconds)
    figures["inspect_rate"] = rate(engine.client, f"/containers/{ids[0]}/json", seconds)
    figures["crowd_remove"] = milliseconds(lambda: eight_at_a_time(engine, remove, ids))
    return figures


def rate(client, target, seconds):
    """Requests a second on one connection."""
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        client.call("GET", target)
        count += 1
    return count / (time.perf_counter() - begin)


def compute_outside():
    """Seconds of the same computing on the host, with the same busybox."""
    command = ["/bin/busybox", "time", "-f", "%e", "/bin/busybox", "sh", "-c", COMPUTE]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stderr)


def compute_inside(engine):
    """Seconds of the computing, taken inside a container."""
    client = engine.client
    container = create(client, ("time", "-f", "%e", "sh", "-c", COMPUTE), host={"LogConfig": {}})
    try:
        client.call("POST", f"/containers/{container}/start")
        client.call("POST", f"/containers/{container}/wait")
        log = client.call("GET", f"/containers/{container}/logs?stderr=1")
        return float(log[8:].decode().strip())
    finally:
        remove(client, container)
