#!/usr/bin/env python3
"""The server in bad company and on a full disk: adversity.py PATH-OF-BULKHEADD FOLDER

Garbage, slow and idle connections; a second server; a disk that is full during uploads, pushes, collections and starts.
"""
import http.client
import json
import os
import random
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time

from checks import check, equal, main, until
from service import MANIFEST, PASSWORD, Server, digest_of, manifest_of

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
DISK = FOLDER + "/root"
os.mkdir(DISK)
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m,mode=711", "tmpfs", DISK], check=True)
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
SERVER = Server(PROGRAM, FOLDER, "limits:\n  connections: 1200\n  connectionsPerAddress: 1100\n  garbageGraceSeconds: 0\n")
equal(SERVER.local("POST", "/api/v1/users", {"name": "ada", "password": PASSWORD})[0], 201)
equal(SERVER.local("POST", "/api/v1/projects", {"name": "team", "isPublic": True})[0], 201)
equal(SERVER.local("PUT", "/api/v1/projects/team/members/ada", {"role": "maintainer"})[0], 204)
equal(SERVER.push("ada", "team/app", b"seed", "seed")[:2], (201, 201))
TRUST = ssl.create_default_context(cafile=SERVER.authority)


def raw():
    return socket.create_connection(("127.0.0.1", SERVER.port), 20)


def encrypted():
    return TRUST.wrap_socket(raw(), server_hostname="localhost")


def serves():
    """The server answers others at a bearable pace, whatever is done to it."""
    start = time.monotonic()
    equal(SERVER.remote("GET", "/v2/team/app/manifests/seed", Accept=MANIFEST)[0], 200)
    equal(SERVER.local("GET", "/healthz")[0], 200)
    took = time.monotonic() - start
    if took > 5:
        raise AssertionError(f"an answer took {took} s")


def memory_bytes():
    with open(f"/proc/{SERVER.process.pid}/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def descriptors():
    return len(os.listdir(f"/proc/{SERVER.process.pid}/fd"))


@check("garbage at the TLS port and at the local socket is shown the door")
def garbage():
    generator, before = random.Random(5), descriptors()
    samples = [b"", b"\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\xff\xff" + b"A" * 70_000, b"\x80" * 5,
               b"\x16\x03\x01\x00\x05\x01\x00\xff\xff\xff", b"SSH-2.0-x\r\n"] + [generator.randbytes(3000) for _ in range(40)]
    for sample in samples:
        for target in ["tcp", "unix"]:
            link = raw() if target == "tcp" else socket.socket(socket.AF_UNIX)
            if target == "unix":
                link.settimeout(20)
                link.connect(SERVER.socket)
            with link:
                try:
                    link.sendall(sample)
                    link.shutdown(socket.SHUT_WR)
                    while link.recv(65536):
                        pass
                except OSError:
                    # It may have been cut at any of these.
                    pass
    # The same within TLS, where there is HTTP to be misspelt.
    for sample in samples + [b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n",
                             b"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                             b"POST /v2/ HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"]:
        with encrypted() as link:
            try:
                link.sendall(sample)
                link.settimeout(0.05)
                data = link.recv(65536)
                equal(data == b"" or data.startswith(b"HTTP/1.1 4"), True)
            except OSError:
                pass
    serves()
    until("the connections are gone", lambda: descriptors() <= before + 5)


@check("a thousand idle and slow connections leave room for others, and go when they have had their time")
def crowd():
    links, start = [], memory_bytes()
    try:
        for number in range(1000):
            link = raw()
            links.append(link)
            if number % 4 == 1:
                link.sendall(b"\x16\x03\x01")
        for _ in range(40):
            link = encrypted()
            link.sendall(b"GET /v2/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            links.append(link)
        for turn in range(5):
            for link in links[-40:]:
                link.sendall(b"a")
            serves()
        grown = memory_bytes() - start
        if grown > 120 << 20:
            raise AssertionError(f"1,040 connections cost {grown} bytes")
        refused = []
        for _ in range(200):
            link = raw()
            links.append(link)
        for link in links[1040:]:
            link.settimeout(0.2)
            try:
                refused.append(link.recv(1000) == b"")
            except ConnectionError:
                refused.append(True)
            except TimeoutError:
                refused.append(False)
        equal(sum(refused) >= 100, True)
        # Another address than that of the crowd is served all the same, and so is the local socket.
        with socket.create_connection(("127.0.0.1", SERVER.port), 20, source_address=("127.0.0.2", 0)) as other:
            with TRUST.wrap_socket(other, server_hostname="localhost") as link:
                link.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                equal(link.recv(15), b"HTTP/1.1 200 OK")
        # What sends no whole request within its time is cut, however slowly it goes on.
        def cut(link):
            link.settimeout(45)
            try:
                while link.recv(1000):
                    pass
            except (ConnectionError, ssl.SSLError):
                pass
            return True
        equal([cut(link) for link in links[:5] + links[1000:1005]], [True] * 10)
        until("the connections are gone", lambda: descriptors() < 100, 45)
    finally:
        for link in links:
            link.close()
    serves()


@check("a second server on the same root is refused with the reason, a third on the same port, too")
def second():
    command = SERVER.command()
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    equal((done.returncode != 0, f"another server uses {DISK}/server" in done.stderr), (True, True))
    other = FOLDER + "/other"
    command[command.index("--root") + 1], command[command.index("--run") + 1] = other + "/root", other + "/run"
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    equal((done.returncode != 0, f"port {SERVER.port}" in done.stderr), (True, True))
    serves()


def free_bytes():
    status = os.statvfs(DISK)
    return status.f_bavail * status.f_frsize


def fill(leave=0):
    """Another's file takes all the room of the disk."""
    with open(DISK + "/other", "ab", buffering=0) as file:
        try:
            while (room := free_bytes() - leave) > 0:
                file.write(b"\0" * min(room, 1 << 20))
        except OSError:
            pass


def make_room():
    os.remove(DISK + "/other")


def findings():
    return json.loads(SERVER.local("POST", "/api/v1/registry/check?content=true")[1])["findings"]


@check("a full disk refuses pushes with a reason, and nothing that was acknowledged suffers")
def full():
    kept = {}
    for number in range(20):
        content = os.urandom(100_000)
        blob, manifest, digest = SERVER.push("ada", "team/kept", content, f"n{number}")
        equal((blob, manifest), (201, 201))
        kept[digest] = content
    status, _, headers = SERVER.remote("POST", "/v2/team/app/blobs/uploads/", "ada", b"")
    location, whole = headers["Location"].removeprefix(f"https://{SERVER.host}"), os.urandom(600_000)
    status, _, headers = SERVER.remote("PATCH", location, "ada", whole[:300_000])
    equal(status, 202)
    location = headers["Location"].removeprefix(f"https://{SERVER.host}")
    fill()
    # Large content, pieces, what is held in memory, manifests: none is taken in vain. The last room is for what needs little.
    refused = [SERVER.remote("PATCH", location, "ada", whole[300_000:], Content_Range="300000-599999")]
    for size in [2_000_000, 150_000, 3_000_000]:
        content = os.urandom(size)
        path = f"/v2/team/app/blobs/uploads/?digest={digest_of(content)}"
        refused.append(SERVER.remote("POST", path, "ada", content))
    for number in range(300):
        content = os.urandom(40_000)
        blob, manifest, digest = SERVER.push("ada", "team/kept", content, f"full{number}")
        if manifest == 201:
            kept[digest] = content
        else:
            break
    refused.append(SERVER.remote(
        "PUT", "/v2/team/app/manifests/full", "ada", manifest_of([b"seed"], annotations={"a": "b" * 20_000}),
        Content_Type=MANIFEST))
    equal([status for status, *_ in refused], [507] * len(refused))
    for _, data, _ in refused:
        if "disk is full" not in data.decode() and "no space left" not in data.decode().lower():
            raise AssertionError(data)
        # Where the files lie is nobody's business.
        if DISK in data.decode():
            raise AssertionError(data)
    serves()
    for digest, content in kept.items():
        equal(SERVER.remote("GET", f"/v2/team/kept/manifests/{digest}", Accept=MANIFEST)[0], 200)
        equal(SERVER.remote("GET", f"/v2/team/kept/blobs/{digest_of(content)}")[1] == content, True)
    # What was refused can be done again as soon as there is room.
    make_room()
    status, _, headers = SERVER.remote("GET", location, "ada")
    there = int(headers["Range"].split("-")[1]) + 1
    equal((status, there >= 300_000), (204, True))
    if there < len(whole):
        status, _, headers = SERVER.remote(
            "PATCH", location, "ada", whole[there:], Content_Range=f"{there}-{len(whole) - 1}")
        equal(status, 202)
        location = headers["Location"].removeprefix(f"https://{SERVER.host}")
    equal(SERVER.remote("PUT", f"{location}?digest={digest_of(whole)}", "ada", b"")[0], 201)
    equal(SERVER.remote("GET", f"/v2/team/app/blobs/{digest_of(whole)}", "ada")[1] == whole, True)
    equal(SERVER.push("ada", "team/app", b"after", "after")[:2], (201, 201))
    equal(findings(), [])


@check("on a full disk a collection makes room, the server's own")
def collects():
    for number in range(30):
        equal(SERVER.push("ada", "team/doomed", os.urandom(500_000), f"n{number}")[:2], (201, 201))
    fill()
    for number in range(30):
        status, data, _ = SERVER.remote("DELETE", f"/v2/team/doomed/manifests/n{number}", "ada")
        equal((status, data), (202, b""))
    digests = [name for _, _, names in os.walk(DISK + "/server/registry/repositories/team/doomed") for name in names]
    for name in digests:
        SERVER.remote("DELETE", f"/v2/team/doomed/manifests/sha256:{name}", "ada")
    status, data, _ = SERVER.local("POST", "/api/v1/registry/gc")
    # The content, and the manifests themselves.
    equal((status, json.loads(data).get("removedBlobs", 0) >= 60), (200, True))
    equal(free_bytes() > 14_000_000, True)
    equal(SERVER.push("ada", "team/app", os.urandom(100_000), "room")[:2], (201, 201))
    make_room()
    equal(findings(), [])


@check("the server starts on a full disk, also after kill -9 in the middle of pushes, and has what it acknowledged")
def starts():
    told, refused, stop = [], threading.Event(), threading.Event()

    def push_on(number):
        generator = random.Random(number)
        while not stop.is_set():
            content = generator.randbytes(60_000)
            try:
                blob, manifest, digest = SERVER.push("ada", f"team/w{number}", content, "1")
            except (OSError, http.client.HTTPException):
                return
            if (blob, manifest) == (201, 201):
                told.append((f"team/w{number}", digest, content))
            else:
                refused.set()

    threads = [threading.Thread(target=push_on, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    until("others are served", lambda: len(told) > 20)
    fill()
    equal(refused.wait(20), True)
    SERVER.end(signal.SIGKILL)
    stop.set()
    for thread in threads:
        thread.join()
    fill()
    SERVER.start()
    equal(len(told) > 5, True)
    for repository, digest, content in told:
        equal((digest, SERVER.remote("GET", f"/v2/{repository}/manifests/{digest}", Accept=MANIFEST)[0]), (digest, 200))
        equal(SERVER.remote("GET", f"/v2/{repository}/blobs/{digest_of(content)}")[1] == content, True)
    equal(SERVER.end(signal.SIGTERM), 0)
    fill()
    SERVER.start()
    make_room()
    equal(SERVER.push("ada", "team/app", b"again", "again")[:2], (201, 201))
    equal(findings(), [])


try:
    main()
finally:
    SERVER.stop()
    subprocess.run(["umount", DISK], check=True)
