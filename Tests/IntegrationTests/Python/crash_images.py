#!/usr/bin/env python3
"""kill -9 of server and engine at random moments of pushes, pulls, builds and garbage collections:
crash_images.py PATH-OF-BULKHEADD FOLDER ROUNDS SEED

After each: what was acknowledged is there with its digest, the registry's check finds nothing, nothing is left half.
"""
import base64
import http.client
import io
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tarfile
import threading
import time

from checks import check, equal, main
from service import MANIFEST, PASSWORD, Engine, Server, digest_of, manifest_of

PROGRAM, FOLDER, ROUNDS, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
SOURCES = os.path.dirname(os.path.abspath(__file__)) + "/../../.."
CERTIFICATES = FOLDER + "/certs.d"
GRACE, EXPIRY = 1, 60
SERVER = Server(PROGRAM, FOLDER, f"limits:\n  uploadExpirySeconds: {EXPIRY}\n  garbageGraceSeconds: {GRACE}\n")
REGISTRY = SERVER.root + "/server/registry"
os.makedirs(f"{CERTIFICATES}/{SERVER.host}")
os.symlink(SERVER.authority, f"{CERTIFICATES}/{SERVER.host}/ca.crt")
ENGINE = Engine(PROGRAM, FOLDER, f"registries:\n  certificateFolders:\n    - {CERTIFICATES}\n")
LOGIN = base64.urlsafe_b64encode(json.dumps({"username": "ada", "password": PASSWORD}).encode()).decode()
# Either end may be gone at any moment of an exchange.
GONE = (OSError, http.client.HTTPException)


class Session:
    """Requests on a kept connection over TLS."""

    def __init__(self):
        self.link = SERVER.connection()
        self.login = {"Authorization": "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()}

    def ask(self, method, path, body=None, **headers):
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.link.request(method, path.removeprefix(f"https://{SERVER.host}"), body, {**self.login, **named})
        answer = self.link.getresponse()
        return answer.status, answer.read(), answer.headers


class Acknowledged:
    """What the clients were told."""

    def __init__(self):
        self.lock = threading.Lock()
        self.manifests = {}  # (repository, digest): (manifest, layers)
        self.deleted = set()
        self.tags = {}  # (repository, tag): digest
        self.unsure = set()  # tags whose last change was not answered
        self.uploads = {}  # location: (repository, bytes that are there, whole content)
        self.images = {}  # name: (id, the file in it)
        self.pushed = {}  # images of the engine, as `tags`
        self.counts = {}

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1


TOLD = Acknowledged()
STOP = threading.Event()


def content_of(generator, most):
    return generator.randbytes(generator.randrange(1, most))


def push_blob(session, generator, repository, content):
    """In one request, or in pieces; some are left unfinished. True where the blob was acknowledged."""
    if generator.random() < 0.5:
        path = f"/v2/{repository}/blobs/uploads/?digest={digest_of(content)}"
        return session.ask("POST", path, content)[0] == 201
    status, _, headers = session.ask("POST", f"/v2/{repository}/blobs/uploads/", b"")
    if status != 202:
        return False
    location, sent = headers["Location"], 0
    while sent < len(content):
        piece = content[sent:sent + max(1, len(content) // 3)]
        status, _, headers = session.ask(
            "PATCH", location, piece, Content_Range=f"{sent}-{sent + len(piece) - 1}", Content_Type="application/octet-stream")
        if status != 202:
            return False
        sent, location = sent + len(piece), headers["Location"]
        with TOLD.lock:
            TOLD.uploads[location] = (repository, sent, content)
        if generator.random() < 0.1:
            return False
    with TOLD.lock:
        del TOLD.uploads[location]
    return finish(session, location, content)


def finish(session, location, content):
    mark = "&" if "?" in location else "?"
    return session.ask("PUT", f"{location}{mark}digest={digest_of(content)}", b"")[0] == 201


def push_manifest(session, repository, tag, layers):
    manifest = manifest_of(layers)
    with TOLD.lock:
        TOLD.unsure.add((repository, tag))
    status, _, headers = session.ask("PUT", f"/v2/{repository}/manifests/{tag}", manifest, Content_Type=MANIFEST)
    if status == 201:
        equal(headers["Docker-Content-Digest"], digest_of(manifest))
        with TOLD.lock:
            TOLD.manifests[repository, digest_of(manifest)] = (manifest, layers)
            TOLD.tags[repository, tag] = digest_of(manifest)
            TOLD.unsure.discard((repository, tag))
        TOLD.count("manifests pushed")


def delete(session, generator):
    with TOLD.lock:
        mine = sorted(key for key in TOLD.manifests if key[0] == f"team/{threading.current_thread().name}")
        if len(mine) < 4:
            return
        repository, digest = generator.choice(mine)
        del TOLD.manifests[repository, digest]
        tags = [key for key, value in TOLD.tags.items() if key[0] == repository and value == digest]
        for key in tags:
            del TOLD.tags[key]
    if session.ask("DELETE", f"/v2/{repository}/manifests/{digest}")[0] == 202:
        with TOLD.lock:
            TOLD.deleted.add((repository, digest))
        TOLD.count("manifests deleted")


def pusher(generator):
    session, repository, number = Session(), f"team/{threading.current_thread().name}", 0
    while not STOP.is_set():
        number += 1
        if generator.random() < 0.15:
            delete(session, generator)
            continue
        layers = [content_of(generator, 300_000 if generator.random() < 0.5 else 3_000) for _ in range(2)]
        if all([push_blob(session, generator, repository, layer) for layer in layers]):
            push_manifest(session, repository, f"t{number % 5}", layers)


def mounter(generator):
    session = Session()
    while not STOP.is_set():
        with TOLD.lock:
            known = list(TOLD.manifests.items())[-40:]
        if not known:
            time.sleep(0.02)
            continue
        (origin, _), (_, layers) = generator.choice(known)
        statuses = [session.ask("POST", f"/v2/team/mounter/blobs/uploads/?mount={digest_of(layer)}&from={origin}", b"")
                    for layer in layers]
        for status, _, headers in statuses:
            if status == 202:
                session.ask("DELETE", headers["Location"])
        if all(status == 201 for status, *_ in statuses):
            push_manifest(session, "team/mounter", f"m{generator.randrange(9)}", layers)
            TOLD.count("mounts")


def puller(generator):
    session = Session()
    while not STOP.is_set():
        with TOLD.lock:
            known = list(TOLD.manifests.items())
        if not known:
            time.sleep(0.02)
            continue
        (repository, digest), (manifest, layers) = generator.choice(known)
        status, data, _ = session.ask("GET", f"/v2/{repository}/manifests/{digest}", Accept=MANIFEST)
        layer = generator.choice(layers)
        _, content, _ = session.ask("GET", f"/v2/{repository}/blobs/{digest_of(layer)}")
        with TOLD.lock:
            if (repository, digest) not in TOLD.manifests:
                continue
        equal((status, data == manifest, content == layer), (200, True, True))
        TOLD.count("pulls")


def collector(generator):
    while not STOP.is_set():
        status, data, _ = SERVER.local("POST", "/api/v1/registry/gc")
        equal((status, json.loads(data)["removedBlobs"] >= 0), (200, True))
        TOLD.count("collections")
        time.sleep(generator.random() * 0.2)


def context(text, content):
    with io.BytesIO() as memory:
        with tarfile.open(fileobj=memory, mode="w") as archive:
            for name, data in [("Dockerfile", text.encode()), ("file", content)]:
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return memory.getvalue()


def last_line(data, key):
    found = [line[key] for line in map(json.loads, data.decode().splitlines()) if key in line]
    return found[-1] if found else None


def builder(generator):
    """Builds, pushes what was built, removes it here, pulls it again."""
    number = 0
    while not STOP.is_set():
        content = content_of(generator, 100_000)
        name = f"{SERVER.host}/team/{threading.current_thread().name}"
        tag = f"{generator.getrandbits(40):x}"
        text = "FROM base\nCOPY file /file\nRUN cp /file /copy && rm /file\n"
        status, data, _ = ENGINE.ask(
            "POST", f"/build?t={name}:{tag}", context(text, content), {"Content-Type": "application/x-tar"})
        built = last_line(data, "aux")
        if status != 200 or last_line(data, "error") or not built:
            raise AssertionError(f"the build ended with {status}: {data[-300:]}")
        TOLD.images[f"{name}:{tag}"] = (built["ID"], content)
        TOLD.count("builds")
        status, data, _ = ENGINE.ask("POST", f"/images/{name}/push?tag={tag}", b"", {"X-Registry-Auth": LOGIN})
        if not last_line(data, "aux"):
            continue
        digest = last_line(data, "aux")["Digest"]
        manifest = SERVER.local("GET", f"/v2/team/{threading.current_thread().name}/manifests/{tag}")[1]
        if digest_of(manifest) == digest:
            TOLD.pushed[f"team/{threading.current_thread().name}", tag] = digest
            TOLD.count("images pushed")
        number += 1
        if number % 2 == 0:
            del TOLD.images[f"{name}:{tag}"]
            if ENGINE.ask("DELETE", f"/images/{name}:{tag}?force=1")[0] == 200:
                status, data, _ = ENGINE.ask(
                    "POST", f"/images/create?fromImage={name}&tag={tag}", b"", {"X-Registry-Auth": LOGIN})
                if status == 200 and not last_line(data, "error"):
                    TOLD.images[f"{name}:{tag}"] = (built["ID"], content)
                    TOLD.count("images pulled")


def pruner(generator):
    while not STOP.is_set():
        time.sleep(generator.random() * 0.3)
        for path in ["/images/prune", "/build/prune"]:
            equal(ENGINE.ask("POST", path, b"")[0], 200)
        TOLD.count("prunes")


FAULTS = []
WORKERS = {"one": pusher, "two": pusher, "three": pusher, "mount": mounter, "pull": puller, "collect": collector,
           "build": builder, "prune": pruner}


def work(worker, seed):
    # Who loses his program begins anew, until all stop: the other program goes on being used.
    while not STOP.is_set():
        try:
            worker(random.Random(seed))
        except GONE:
            time.sleep(0.05)
        except ValueError as broken:
            # An answer that ends in the middle of a line.
            if not STOP.is_set() and all(part.process.poll() is None for part in (SERVER, ENGINE)):
                FAULTS.append(f"{worker.__name__}: {broken!r}")
                return
        except Exception as fault:
            FAULTS.append(f"{worker.__name__}: {fault!r}")
            return
        seed += 1


def one_round(generator):
    STOP.clear()
    threads = [threading.Thread(target=work, name=name, args=(worker, generator.getrandbits(60)))
               for name, worker in WORKERS.items()]
    victims = generator.choice([[SERVER], [SERVER], [ENGINE], [SERVER, ENGINE]])
    delay = 0.05 + generator.random() * 2
    for thread in threads:
        thread.start()
    time.sleep(delay)
    for victim in victims:
        victim.process.send_signal(signal.SIGKILL)
    STOP.set()
    for victim in victims:
        victim.process.wait(30)
    for victim in victims:
        victim.start()
    for thread in threads:
        thread.join(120)
        if thread.is_alive():
            FAULTS.append(f"{thread.name} did not come back")
    if FAULTS:
        raise AssertionError("; ".join(FAULTS))


def compare(generator, old):
    """Everything new, and some of what was there before the round."""
    equal(json.loads(SERVER.local("POST", "/api/v1/registry/check?content=true")[1])["findings"], [])
    session = Session()
    known = [item for item in TOLD.manifests.items() if item[0] not in old]
    before = sorted(old & set(TOLD.manifests))
    known += [(key, TOLD.manifests[key]) for key in generator.sample(before, min(20, len(before)))]
    for (repository, digest), (manifest, layers) in known:
        status, data, _ = session.ask("GET", f"/v2/{repository}/manifests/{digest}", Accept=MANIFEST)
        equal((repository, digest, status, data == manifest), (repository, digest, 200, True))
        for layer in layers:
            equal(session.ask("GET", f"/v2/{repository}/blobs/{digest_of(layer)}")[1] == layer, True)
    for (repository, tag), digest in TOLD.tags.items():
        if (repository, tag) not in TOLD.unsure:
            headers = session.ask("HEAD", f"/v2/{repository}/manifests/{tag}", Accept=MANIFEST)[2]
            equal((repository, tag, headers["Docker-Content-Digest"]), (repository, tag, digest))
    for (repository, tag), digest in TOLD.pushed.items():
        equal(digest_of(session.ask("GET", f"/v2/{repository}/manifests/{tag}")[1]), digest)
    for repository, digest in generator.sample(sorted(TOLD.deleted), min(20, len(TOLD.deleted))):
        equal(session.ask("GET", f"/v2/{repository}/manifests/{digest}")[0], 404)
    resume(session, generator)
    compare_engine(generator)


def resume(session, generator):
    """Unfinished uploads have what was acknowledged; some are finished, some given up, some left."""
    for location, (repository, sent, content) in list(TOLD.uploads.items()):
        status, _, headers = session.ask("GET", location)
        if status == 404:
            raise AssertionError(f"upload {location} with {sent} bytes is gone")
        there = int(headers["Range"].split("-")[1]) + 1
        if there < sent:
            raise AssertionError(f"upload {location} has {there} of {sent} bytes that were acknowledged")
        choice = generator.random()
        if choice < 0.4:
            rest = content[there:]
            if rest:
                status, _, headers = session.ask("PATCH", location, rest, Content_Range=f"{there}-{len(content) - 1}")
                equal(status, 202)
            equal(finish(session, headers["Location"], content), True)
            equal(session.ask("GET", f"/v2/{repository}/blobs/{digest_of(content)}")[1] == content, True)
            TOLD.count("uploads resumed")
        elif choice < 0.8:
            equal(session.ask("DELETE", location)[0], 204)
        # The rest is left; nobody goes on with it.
        del TOLD.uploads[location]


def compare_engine(generator):
    for name, (identity, _) in TOLD.images.items():
        status, data, _ = ENGINE.ask("GET", f"/images/{name}/json")
        equal((name, status), (name, 200))
        equal(json.loads(data)["Id"], identity)
    equal(json.loads(ENGINE.ask("GET", "/containers/json?all=1")[1]), [])
    with open("/proc/self/mountinfo") as file:
        equal([line for line in file if f" {FOLDER}/" in line], [])
    if TOLD.images:
        name = generator.choice(sorted(TOLD.images))
        body = {"Image": name, "Cmd": ["cat", "/copy"]}
        status, data, _ = ENGINE.ask("POST", "/containers/create", body)
        equal(status, 201)
        container = json.loads(data)["Id"]
        _, data, _ = ENGINE.ask("GET", f"/containers/{container}/archive?path=/copy")
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            equal(archive.extractfile("copy").read() == TOLD.images[name][1], True)
        equal(ENGINE.ask("DELETE", f"/containers/{container}?force=1")[0], 204)


@check(f"{ROUNDS} rounds of kill -9 lose nothing that was acknowledged (seed {SEED})")
def rounds():
    equal(SERVER.local("POST", "/api/v1/users", {"name": "ada", "password": PASSWORD})[0], 201)
    equal(SERVER.local("POST", "/api/v1/projects", {"name": "team"})[0], 201)
    equal(SERVER.local("PUT", "/api/v1/projects/team/members/ada", {"role": "maintainer"})[0], 204)
    rootfs = subprocess.run([SOURCES + "/Benchmarks/busybox-rootfs"], check=True, capture_output=True).stdout
    equal(ENGINE.ask("POST", "/images/create?fromSrc=-&repo=base&tag=latest", rootfs)[0], 200)
    generator = random.Random(SEED)
    for number in range(1, ROUNDS + 1):
        old = set(TOLD.manifests)
        try:
            one_round(generator)
            compare(generator, old)
        except Exception as fault:
            raise AssertionError(f"round {number}: {type(fault).__name__}: {fault}") from fault
    compare(generator, set())


@check("at the end no upload, lease, temporary file or container is left")
def clean():
    SERVER.end(signal.SIGTERM)
    SERVER.start()
    session = Session()
    if ROUNDS >= 50:
        time.sleep(EXPIRY + 2)
    else:
        for name in os.listdir(REGISTRY + "/uploads"):
            if name.endswith(".json"):
                with open(f"{REGISTRY}/uploads/{name}") as file:
                    repository = json.load(file)["repository"]
                equal(session.ask("DELETE", f"/v2/{repository}/blobs/uploads/{name[:-5]}")[0], 204)
    time.sleep(GRACE + 1)
    equal(SERVER.local("POST", "/api/v1/registry/gc")[0], 200)
    for name in ["uploads", "trash", "staging", "quarantine"]:
        equal((name, os.listdir(f"{REGISTRY}/{name}")), (name, []))
    with sqlite3.connect(f"file:{REGISTRY}/registry.sqlite?mode=ro", uri=True) as database:
        equal(database.execute("SELECT count(*) FROM registry_leases").fetchone(), (0,))
        equal(database.execute("SELECT count(*) FROM registry_orphans").fetchone(), (0,))


@check("what nobody needs any more goes wholly: no blob, layer or folder leaked in a crash")
def leaks():
    session = Session()
    while True:
        names = json.loads(session.ask("GET", "/v2/_catalog?n=1000")[1])["repositories"]
        if not names:
            break
        for name in names:
            for tag in json.loads(session.ask("GET", f"/v2/{name}/tags/list")[1])["tags"]:
                session.ask("DELETE", f"/v2/{name}/manifests/{tag}")
        for repository, digest in list(TOLD.manifests):
            session.ask("DELETE", f"/v2/{repository}/manifests/{digest}")
        with sqlite3.connect(f"file:{REGISTRY}/registry.sqlite?mode=ro", uri=True) as database:
            left = [row[0] for row in database.execute("SELECT id FROM registry_manifests")]
        for key in left:
            repository, _, digest = key.rpartition(":")
            session.ask("DELETE", f"/v2/{repository}/manifests/sha256:{digest}")
        time.sleep(GRACE + 1)
        equal(SERVER.local("POST", "/api/v1/registry/gc")[0], 200)
    equal([name for _, _, names in os.walk(REGISTRY + "/blobs") for name in names], [])
    equal([name for _, _, names in os.walk(REGISTRY + "/repositories") for name in names], [])
    for image in json.loads(ENGINE.ask("GET", "/images/json?all=1")[1]):
        for name in image["RepoTags"] or [image["Id"]]:
            ENGINE.ask("DELETE", f"/images/{name}?force=1")
    for path in ["/images/prune?filters={%22dangling%22:[%22false%22]}", "/build/prune?all=1"]:
        equal(ENGINE.ask("POST", path, b"")[0], 200)
    equal(json.loads(ENGINE.ask("GET", "/images/json?all=1")[1]), [])
    equal([name for _, _, names in os.walk(ENGINE.root + "/engine/content/blobs") for name in names], [])
    equal(os.listdir(ENGINE.root + "/engine/content/staging"), [])


try:
    main()
    print("#", json.dumps(TOLD.counts), flush=True)
finally:
    SERVER.stop()
    ENGINE.stop()
