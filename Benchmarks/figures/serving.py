"""Rows of a registry under requests: wrk reading, blobs written over one connection, memory during large pushes."""

import hashlib
import json
import os
import re
import subprocess
import threading
import time

from figures import materials
from figures.registries import PROJECT, PeakMemory

REPOSITORY = f"{PROJECT}/serving"
CONNECTIONS = 64
SMALL_BYTES = 4096
LARGE_BYTES = 20 * 1000 * 1000
GIGABYTE = 1 << 30
PIECE = 1 << 20
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Pusher:
    """Writes blobs and manifests over one connection, as clients do: POST, then PUT."""

    def __init__(self, registry):
        self.registry = registry
        self.connection = registry.connect()

    def exchange(self, method, target, body=None, headers=None, accept=(201, 202)):
        self.connection.request(method, target, body=body, headers={**self.registry.headers(), **(headers or {})})
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status not in accept:
            raise RuntimeError(f"{method} {target[:80]}: {answer.status} {content[:200]!r}")
        return answer

    def blob(self, content, name, size=None):
        """`content`: bytes, or an iterable of bytes of `size` together."""
        location = self.exchange("POST", f"/v2/{REPOSITORY}/blobs/uploads/", b"").headers["Location"]
        target = re.sub(r"^https?://[^/]+", "", location)
        target += ("&" if "?" in target else "?") + "digest=" + name
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size or len(content))}
        self.exchange("PUT", target, content, headers, accept=(201,))

    def manifest(self, config, layer, tag):
        body = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(layer), "size": len(layer)}],
        }).encode()
        self.exchange("PUT", f"/v2/{REPOSITORY}/manifests/{tag}", body, {"Content-Type": MANIFEST_TYPE}, accept=(201,))

    def close(self):
        self.connection.close()


def fill(registry):
    """What is read by wrk: a manifest, a small and a large blob. Gives their paths."""
    config = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    small, large = os.urandom(SMALL_BYTES), os.urandom(LARGE_BYTES)
    with registry.reachable():
        pusher = Pusher(registry)
    for content in (config, small, large):
        pusher.blob(content, digest(content))
    pusher.manifest(config, small, "1")
    pusher.close()
    return {"manifest": f"/v2/{REPOSITORY}/manifests/1", "small": f"/v2/{REPOSITORY}/blobs/{digest(small)}",
            "large": f"/v2/{REPOSITORY}/blobs/{digest(large)}"}


def wrk(registry, path, connections, run_seconds):
    """(requests/s, bytes/s, milliseconds that 99 of 100 requests take at most)."""
    program, environment = materials.program("wrk")
    command = [*registry.enter, program, "-t", "2" if connections > 1 else "1", "-c", str(connections), "-d",
               f"{run_seconds}s", "--latency", "-H", f"Accept: {MANIFEST_TYPE}"]
    for name, value in registry.headers().items():
        command += ["-H", f"{name}: {value}"]
    output = subprocess.run([*command, f"{registry.scheme}://{registry.address}{path}"], env=environment, check=True,
                            capture_output=True, text=True, timeout=run_seconds + 30).stdout
    if "Non-2xx" in output:
        raise RuntimeError(f"{path}: {output[output.index('Non-2xx'):].strip()}")
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])
    amount, unit = re.search(r"Transfer/sec:\s+([\d.]+)([KMG]?)B", output).groups()
    late, scale = re.search(r"99%\s+([\d.]+)(us|ms|s|m)\b", output).groups()
    return (rate, float(amount) * {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}[unit],
            float(late) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[scale])


def read_rates(registry, paths, run_seconds):
    """Samples of the reading rows."""
    manifest, small = wrk(registry, paths["manifest"], CONNECTIONS, run_seconds), wrk(registry, paths["small"], CONNECTIONS, run_seconds)
    return {
        "manifest_rate": manifest[0], "manifest_late": manifest[2], "small_rate": small[0], "small_late": small[2],
        "manifest_rate_one": wrk(registry, paths["manifest"], 1, run_seconds)[0],
        "small_rate_one": wrk(registry, paths["small"], 1, run_seconds)[0],
        "large_read": wrk(registry, paths["large"], 8, run_seconds)[1] / 1e6,
    }


def write_rates(registry, small_count, large_count):
    """Blobs/s of 4 KB and MB/s of 20 MB over one connection; each is new to the registry."""
    with registry.reachable():
        pusher = Pusher(registry)
    small = [os.urandom(SMALL_BYTES) for _ in range(small_count)]
    names = [digest(content) for content in small]
    begin = time.perf_counter()
    for content, name in zip(small, names):
        pusher.blob(content, name)
    small_rate = small_count / (time.perf_counter() - begin)
    large = [os.urandom(LARGE_BYTES) for _ in range(large_count)]
    names = [digest(content) for content in large]
    begin = time.perf_counter()
    for content, name in zip(large, names):
        pusher.blob(content, name)
    large_rate = large_count * LARGE_BYTES / 1e6 / (time.perf_counter() - begin)
    pusher.close()
    return {"small_write": small_rate, "large_write": large_rate}


def _gigabyte_names(piece, count, size):
    """Digests of `count` blobs that share all but their last eight bytes: hashed once together."""
    shared = hashlib.sha256()
    for _ in range(size // PIECE - 1):
        shared.update(piece)
    shared.update(piece[:-8])
    names = []
    for number in range(count):
        own = shared.copy()
        own.update(number.to_bytes(8, "big"))
        names.append("sha256:" + own.hexdigest())
    return names


def memory(registry, count=8, size=GIGABYTE):
    """(PSS idle, peak of PSS during `count` pushes of `size` bytes at once, seconds of these) in MiB and seconds."""
    piece = os.urandom(PIECE)
    names = _gigabyte_names(piece, count, size)
    time.sleep(1)
    idle = registry.pss_mib()
    failures = []

    def pieces(number):
        for _ in range(size // PIECE - 1):
            yield piece
        yield piece[:-8] + number.to_bytes(8, "big")

    def push(number):
        try:
            with registry.reachable():
                pusher = Pusher(registry)
            pusher.blob(pieces(number), names[number], size)
            pusher.close()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(count)]
    begin = time.perf_counter()
    with PeakMemory(registry) as watched:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
    return {"pss_server": idle, "pss_pushes": watched.peak, "pushes_seconds": time.perf_counter() - begin}
