#!/usr/bin/env python3
"""The server program over HTTPS and its local socket: server.py PATH-OF-BULKHEADD FOLDER

What it runs as, who may do what (every role and operation), what survives kill -9.
"""
import json
import os
import pwd
import signal
import socket
import ssl
import subprocess
import sys

from checks import check, equal, main
from service import PASSWORD, Server

SERVER = Server(sys.argv[1], sys.argv[2])
PROGRAM, ROOT, RUN = SERVER.program, SERVER.root, SERVER.run
local, remote, push = SERVER.local, SERVER.remote, SERVER.push
USER, GROUP = pwd.getpwnam("bulkhead").pw_uid, pwd.getpwnam("bulkhead").pw_gid


@check("the server is not root and has no capability")
def privileges():
    with open(f"/proc/{SERVER.process.pid}/status") as file:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
    equal(status["Uid"].split(), [str(USER)] * 4)
    equal(status["Gid"].split(), [str(GROUP)] * 4)
    equal(status["Groups"].split(), [])
    for name in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]:
        equal(int(status[name], 16), 0)
    equal(status["NoNewPrivs"], "1")
    threads = os.listdir(f"/proc/{SERVER.process.pid}/task")
    for thread in threads:
        with open(f"/proc/{SERVER.process.pid}/task/{thread}/status") as file:
            equal([line.split()[1] for line in file if line.startswith("CapEff")], ["0" * 16])


@check("it cannot look into the engine's folders")
def folders():
    os.makedirs(ROOT + "/engine", mode=0o711)
    with open(ROOT + "/engine/engine.sqlite", "w", opener=lambda path, flags: os.open(path, flags, 0o600)):
        pass
    outcome = subprocess.run(["cat", ROOT + "/engine/engine.sqlite"], user="bulkhead", group="bulkhead", extra_groups=[])
    equal(outcome.returncode, 1)


@check("it holds no descriptor but its own files, sockets and standard streams")
def descriptors():
    allowed = (ROOT + "/server/", RUN + "/server/", "socket:[", "pipe:[", "anon_inode:", "/dev/null", "/dev/urandom")
    strange = []
    for name in os.listdir(f"/proc/{SERVER.process.pid}/fd"):
        target = os.readlink(f"/proc/{SERVER.process.pid}/fd/{name}")
        if not target.startswith(allowed) and target not in (ROOT + "/server", SERVER.folder + "/server.log"):
            strange.append((name, target))
    equal(strange, [])
    with open(f"/proc/{SERVER.process.pid}/maps") as file:
        equal([line for line in file if "/engine" in line], [])


@check("nothing that listens on TCP belongs to root")
def listeners():
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file][1:]
    here = [row for row in rows if row[1].endswith(f":{SERVER.port:04X}") and row[3] == "0A"]
    equal([(row[1].split(":")[0], row[7]) for row in here], [("0100007F", str(USER))])
    held = {os.readlink(f"/proc/{SERVER.process.pid}/fd/{name}") for name in os.listdir(f"/proc/{SERVER.process.pid}/fd")}
    equal(f"socket:[{here[0][9]}]" in held, True)


@check("users, projects and members are made at the local socket; mistakes are named")
def accounts():
    equal(remote("GET", "/api/v1/users")[0], 401)
    for user in ["outsider", "guest", "developer", "maintainer", "admin", "root"]:
        equal(local("POST", "/api/v1/users", {"name": user, "password": PASSWORD, "isAdministrator": user == "root"})[0], 201)
    equal(local("POST", "/api/v1/users", {"name": "guest", "password": PASSWORD})[0], 409)
    for body in [{"name": "Bad", "password": PASSWORD}, {"name": "short", "password": "short"}, {"name": "none"}, []]:
        equal(local("POST", "/api/v1/users", body)[0], 400)
    for project, opened in [("closed", False), ("open", True)]:
        equal(local("POST", "/api/v1/projects", {"name": project, "isPublic": opened})[0], 201)
        for role in ["guest", "developer", "maintainer", "admin"]:
            equal(local("PUT", f"/api/v1/projects/{project}/members/{role}", {"role": role})[0], 204)
    equal(local("PUT", "/api/v1/projects/closed/members/guest", {"role": "king"})[0], 400)
    equal(local("PUT", "/api/v1/projects/closed/members/nobody", {"role": "guest"})[0], 404)
    equal(local("POST", "/api/v1/projects", {"name": "other"})[0], 201)


ROLES = [None, "outsider", "guest", "developer", "maintainer", "admin", "root"]
MAY = {
    # Operation: the first of ROLES that may it in a closed project; in an open one everybody may pull.
    "pull": "guest", "push": "developer", "delete": "maintainer", "members": "admin", "visibility": "admin",
    "project": "root", "users": "root", "collect": "root",
}


def attempt(operation, user, project):
    """Whether the operation was carried out; any status but those of a refusal would be a surprise."""
    if operation == "push":
        blob, manifest, _ = push(user, f"{project}/app", f"{user}".encode(), f"by-{user}")
        equal(blob == 201, manifest == 201)
        status = manifest
    elif operation == "pull":
        status = remote("GET", f"/v2/{project}/app/manifests/seed", user)[0]
    elif operation == "delete":
        push("root", f"{project}/app", b"to be deleted", "gone")
        status = remote("DELETE", f"/v2/{project}/app/manifests/gone", user)[0]
    elif operation == "members":
        status = remote("PUT", f"/api/v1/projects/{project}/members/outsider", user, {"role": "guest"})[0]
        equal(local("DELETE", f"/api/v1/projects/{project}/members/outsider")[0], 204)
    elif operation == "visibility":
        status = remote("PATCH", f"/api/v1/projects/{project}", user, {"isPublic": project == "open"})[0]
    elif operation == "project":
        status = remote("POST", "/api/v1/projects", user, {"name": f"made-by-{user or 'nobody'}-{project}"})[0]
    elif operation == "users":
        status = remote("GET", "/api/v1/users", user)[0]
    else:
        status = remote("POST", "/api/v1/registry/gc?dryRun=true", user)[0]
    if status in (200, 201, 202, 204):
        return True
    equal(status, 403 if user else 401)
    return False


@check("every role may what the table says, and no more")
def roles():
    for project in ["closed", "open"]:
        equal(push("root", f"{project}/app", b"seed", "seed")[:2], (201, 201))
        for operation, first in MAY.items():
            for user in ROLES:
                expected = ROLES.index(user) >= ROLES.index(first) or (operation == "pull" and project == "open")
                if attempt(operation, user, project) != expected:
                    raise AssertionError(f"{user} {operation} in {project}: expected {expected}")


@check("a member of one project is a stranger in another, and a missing one looks the same")
def strangers():
    equal(push("root", "other/app", b"secret", "1")[:2], (201, 201))
    answers = {remote("GET", f"/v2/{name}/app/manifests/1", "admin")[:2] for name in ["other", "missing"]}
    equal(len(answers), 1)
    equal(answers.pop()[0], 403)
    names = json.loads(remote("GET", "/v2/_catalog", "developer")[1])["repositories"]
    equal([name for name in names if name.startswith("other/")], [])


@check("a project that holds something is not deleted, one that is empty is")
def projects():
    equal(local("DELETE", "/api/v1/projects/other")[0], 405)
    equal(remote("GET", "/v2/other/app/manifests/1", "root")[0], 200)
    equal(local("POST", "/api/v1/projects", {"name": "empty"})[0], 201)
    equal(local("DELETE", "/api/v1/projects/empty")[0], 204)
    equal(local("DELETE", "/api/v1/projects/empty")[0], 404)


@check("wrong and malformed credentials are refused, and many of them bar a name")
def credentials():
    equal(remote("GET", "/v2/", "guest", password="wrong")[0], 401)
    equal(remote("GET", "/v2/", "nobody-such")[0], 401)
    for value in ["Basic", "Basic !!!", "Basic Z3Vlc3Q=", "Bearer x", "Negotiate y", "Basic " + "A" * 8000]:
        status, _, headers = remote("GET", "/v2/", Authorization=value)
        equal((status, headers["WWW-Authenticate"]), (401, 'Basic realm="Bulkhead", charset="UTF-8"'))
    # Who signed in within the last minute is still known by that: somebody new shows what a bar does.
    equal(local("POST", "/api/v1/users", {"name": "newcomer", "password": PASSWORD})[0], 201)
    statuses = [remote("GET", "/v2/", "newcomer", password=f"wrong {number}")[0] for number in range(11)]
    equal(statuses[:10], [401] * 10)
    equal(statuses[10], 429)
    equal(remote("GET", "/v2/", "newcomer")[0], 429)
    equal(remote("GET", "/api/v1/projects", "newcomer")[0], 429)


@check("TLS shows the certificate of the own authority, and old versions are refused")
def encryption():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ROOT + "/server/ca/ca.crt")
    for name in ["localhost", "127.0.0.1"]:
        with socket.create_connection(("127.0.0.1", SERVER.port), 20) as raw:
            with context.wrap_socket(raw, server_hostname=name) as stream:
                equal(stream.version() in ("TLSv1.2", "TLSv1.3"), True)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    try:
        with socket.create_connection(("127.0.0.1", SERVER.port), 20) as raw:
            context.wrap_socket(raw, server_hostname="localhost").close()
    except (ssl.SSLError, ConnectionError):
        return
    raise AssertionError("TLS 1.1 was spoken")


@check("what was acknowledged is there after kill -9")
def kill():
    pushed = []
    for number in range(10):
        content = os.urandom(200_000 if number % 2 else 2_000)
        blob, manifest, digest = push("root", "closed/kept", content, f"n{number}")
        equal((blob, manifest), (201, 201))
        pushed.append((digest, content, f"n{number}"))
    SERVER.end(signal.SIGKILL)
    SERVER.start()
    for digest, content, tag in pushed:
        status, data, headers = remote("GET", f"/v2/closed/kept/manifests/{tag}", "guest")
        equal((status, headers["Docker-Content-Digest"]), (200, digest))
        layer = json.loads(data)["layers"][0]["digest"]
        status, data, _ = remote("GET", f"/v2/closed/kept/blobs/{layer}", "guest")
        equal((status, data == content), (200, True))
    equal(json.loads(local("POST", "/api/v1/registry/check?content=true")[1])["findings"], [])


@check("a second server on the same root is refused, an orderly end is one")
def end():
    second = subprocess.run(
        [PROGRAM, "server", "--root", ROOT, "--run", RUN, "--listen", "127.0.0.1:0"], capture_output=True, text=True,
        timeout=30)
    equal((second.returncode != 0, "another server uses" in second.stderr), (True, True))
    equal(SERVER.end(signal.SIGTERM), 0)


try:
    main()
finally:
    SERVER.stop()
