#!/usr/bin/env python3
"""Garbage collection while 200 clients push: collection.py PATH-OF-BULKHEADD FOLDER

Nothing is lost, and the bytes that the collections report are those that the file system, which is the server's alone, got back.
"""
import base64
import json
import os
import random
import subprocess
import sys
import threading
import time

from checks import check, equal, main
from service import MANIFEST, PASSWORD, Server, digest_of, manifest_of

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
PUSHES, GRACE = 200, 0
# Clients go on pushing until so many collections have run beside them.
COLLECTIONS, ROUNDS = 5, 30
DISK = FOLDER + "/root"
os.mkdir(DISK, mode=0o711)
try:
    with open(FOLDER + "/disk", "wb") as file:
        file.truncate(1 << 30)
    subprocess.run(["mkfs.ext4", "-q", "-m0", "-Elazy_itable_init=0,lazy_journal_init=0", FOLDER + "/disk"], check=True)
    subprocess.run(["mount", "-o", "loop,discard", FOLDER + "/disk", DISK], check=True, capture_output=True)
except subprocess.CalledProcessError:
    # No loop devices here: memory is as private, and counts in pages.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g,mode=711", "tmpfs", DISK], check=True)
os.chmod(DISK, 0o711)


def free_bytes():
    status = os.statvfs(DISK)
    return status.f_bfree * status.f_frsize


SERVER = Server(PROGRAM, FOLDER, f"limits:\n  garbageGraceSeconds: {GRACE}\n")
LOGIN = {"Authorization": "Basic " + base64.b64encode(f"ada:{PASSWORD}".encode()).decode()}
equal(SERVER.local("POST", "/api/v1/users", {"name": "ada", "password": PASSWORD})[0], 201)
equal(SERVER.local("POST", "/api/v1/projects", {"name": "team"})[0], 201)
equal(SERVER.local("PUT", "/api/v1/projects/team/members/ada", {"role": "maintainer"})[0], 204)
KEPT, LOCK, FAULTS = {}, threading.Lock(), []


def ask(link, method, path, body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    link.request(method, path.removeprefix(f"https://{SERVER.host}"), body, {**LOGIN, **named})
    answer = link.getresponse()
    return answer.status, answer.read(), answer.headers


def collect():
    status, data, _ = SERVER.local("POST", "/api/v1/registry/gc", timeout=120)
    equal(status, 200)
    return json.loads(data)


def push(number, barrier, shared, enough):
    """One client: image after image."""
    link = SERVER.connection(120)
    try:
        barrier.wait(60)
        for turn in range(ROUNDS):
            push_image(link, number, turn, shared)
            if enough.is_set():
                return
    except Exception as fault:
        with LOCK:
            FAULTS.append(f"push {number}: {type(fault).__name__}: {fault}")
    finally:
        link.close()


def push_image(link, number, turn, shared):
    """An image of three layers: its own, one that many push, one whose earlier image is deleted meanwhile."""
    generator = random.Random(number * ROUNDS + turn)
    repository = f"team/r{number % 20}"
    layers = [generator.randbytes(generator.randrange(1_000, 200_000)), shared[number % 10], shared[10 + number % 7]]
    # The upload of the manifest's time: what it was told to be there stays as long as it is open.
    status, _, headers = ask(link, "POST", f"/v2/{repository}/blobs/uploads/", b"")
    equal(status, 202)
    hold = headers["Location"]
    for layer in layers:
        digest = digest_of(layer)
        if ask(link, "HEAD", f"/v2/{repository}/blobs/{digest}")[0] == 200:
            continue
        status, data, headers = ask(link, "POST", f"/v2/{repository}/blobs/uploads/", b"")
        equal((status, data), (202, b""))
        half = len(layer) // 2
        status, _, headers = ask(link, "PATCH", headers["Location"], layer[:half])
        equal(status, 202)
        status, data, _ = ask(link, "PUT", f"{headers['Location']}?digest={digest}", layer[half:])
        equal((status, data), (201, b""))
    manifest = manifest_of(layers)
    status, data, _ = ask(link, "PUT", f"/v2/{repository}/manifests/n{number}-{turn}", manifest, Content_Type=MANIFEST)
    equal((status, data), (201, b""))
    with LOCK:
        KEPT[repository, digest_of(manifest)] = (manifest, layers)
    equal(ask(link, "DELETE", hold)[0], 204)


def equal_on_server(link, key):
    """A kept image is pulled with the bytes that were pushed."""
    manifest, layers = KEPT[key]
    status, data, _ = ask(link, "GET", f"/v2/{key[0]}/manifests/{key[1]}", Accept=MANIFEST)
    equal((key, status, data == manifest), (key, 200, True))
    for layer in layers:
        equal((key, ask(link, "GET", f"/v2/{key[0]}/blobs/{digest_of(layer)}")[1] == layer), (key, True))


def fill(count, size):
    """Images that are deleted again, so that collections have work. Returns their keys."""
    generator, keys, link = random.Random(7), [], SERVER.connection()
    for number in range(count):
        content, repository = generator.randbytes(size + generator.randrange(size)), f"team/r{number % 20}"
        equal(ask(link, "POST", f"/v2/{repository}/blobs/uploads/?digest={digest_of(content)}", content)[0], 201)
        manifest = manifest_of([content])
        path = f"/v2/{repository}/manifests/{digest_of(manifest)}"
        equal(ask(link, "PUT", path, manifest, Content_Type=MANIFEST)[0], 201)
        keys.append(path)
    link.close()
    return keys


@check(f"{COLLECTIONS} collections while {PUSHES} clients push lose nothing")
def concurrent():
    generator = random.Random(1)
    shared = [generator.randbytes(generator.randrange(2_000, 150_000)) for _ in range(17)]
    doomed = fill(100, 20_000)
    barrier, enough = threading.Barrier(PUSHES + 1), threading.Event()
    threads = [threading.Thread(target=push, args=(number, barrier, shared, enough)) for number in range(PUSHES)]
    for thread in threads:
        thread.start()
    barrier.wait(60)
    collections, removed, link = 0, 0, SERVER.connection()
    while any(thread.is_alive() for thread in threads):
        for path in doomed[:2]:
            equal(ask(link, "DELETE", path)[0], 202)
        del doomed[:2]
        removed += collect()["removedBlobs"]
        collections += 1
        if collections >= COLLECTIONS:
            enough.set()
    link.close()
    for thread in threads:
        thread.join()
    print(f"# {collections} collections beside {len(KEPT)} pushes, {removed} blobs removed meanwhile", flush=True)
    equal(FAULTS[:3], [])
    equal((len(KEPT) >= PUSHES, collections >= COLLECTIONS, removed > 0), (True, True, True))
    collect()
    link = SERVER.connection()
    for key in KEPT:
        equal_on_server(link, key)
    link.close()
    equal(json.loads(SERVER.local("POST", "/api/v1/registry/check?content=true")[1])["findings"], [])


@check("the bytes that a collection reports are those that df shows, within one in a hundred")
def bytes_freed():
    keys = fill(60, 1_000_000) + fill(200, 3_000)
    collect()
    link = SERVER.connection()
    for path in keys:
        equal(ask(link, "DELETE", path)[0], 202)
    link.close()
    os.sync()
    before = free_bytes()
    report = collect()
    # ext4 gives blocks back when its journal is written.
    os.sync()
    freed = free_bytes() - before
    if report["freedDiskBytes"] < 50_000_000 or abs(report["freedDiskBytes"] - freed) > freed / 100:
        raise AssertionError(f"reported {report['freedDiskBytes']}, df says {freed}: {report}")
    print(f"# reported {report['freedDiskBytes']} bytes, df shows {freed}", flush=True)


try:
    main()
finally:
    SERVER.stop()
    subprocess.run(["umount", DISK], check=True)
