#!/usr/bin/env python3
"""The server program over HTTPS and its local socket: server.py PATH-OF-BULKHEADD FOLDER

What it runs as, who may do what (every role and operation), what survives kill -9.
"""
import base64
import hmac
import json
import os
import pwd
import signal
import socket
import ssl
import subprocess
import sys

from checks import check, equal, main
from service import BEARER, PASSWORD, Engine, Server

SERVER = Server(sys.argv[1], sys.argv[2])
ENGINE = Engine(sys.argv[1], sys.argv[2])
PROGRAM, ROOT, RUN = SERVER.program, SERVER.root, SERVER.run
local, remote, push = SERVER.local, SERVER.remote, SERVER.push
USER, GROUP = pwd.getpwnam("bulkhead").pw_uid, pwd.getpwnam("bulkhead").pw_gid


def bearer(user, *scopes):
    """A token of the token service, as credentials for `remote`."""
    query = "&".join(["service=bulkhead"] + ["scope=" + scope for scope in scopes])
    status, data, _ = remote("GET", "/api/v1/token?" + query, user)
    equal(status, 200)
    answer = json.loads(data)
    equal(answer["token"], answer["access_token"])
    equal(answer["expires_in"] <= 300, True)
    return BEARER, answer["token"]


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


@check("it cannot look into the engine's folders, nor has it anything of them open")
def folders():
    for path in [ROOT + "/engine/engine.sqlite", RUN + "/docker.sock"]:
        equal(os.path.exists(path), True)
    # With the rights of the running process, in its namespaces: what it could do if it were taken over.
    enter = ["nsenter", f"--target={SERVER.process.pid}", "--mount", "setpriv", f"--reuid={USER}", f"--regid={GROUP}",
             "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    for command in [["ls", ROOT + "/engine"], ["cat", ROOT + "/engine/engine.sqlite"], ["ls", RUN + "/c"], ["cat", "/etc/shadow"],
                    ["touch", ROOT + "/engine/made"], ["touch", ROOT + "/made"], ["touch", RUN + "/made"]]:
        outcome = subprocess.run(enter + command, capture_output=True, text=True)
        equal((command, outcome.returncode != 0, "ermission denied" in outcome.stderr), (command, True, True))
    equal(subprocess.run(enter + ["ls", ROOT + "/server"], capture_output=True).returncode, 0)
    # Its first group is that of the engine's socket, which hands out the engine's rights: it is refused there all the same.
    ask = ["curl", "--silent", "--max-time", "10", "--unix-socket", RUN + "/docker.sock", "--output", "/dev/null",
           "--write-out", "%{http_code}", "http://localhost/_ping"]
    equal(subprocess.run(enter + ask, capture_output=True, text=True).stdout, "403")
    equal(subprocess.run(ask, capture_output=True, text=True).stdout, "200")


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
    equal(local("DELETE", "/api/v1/projects/other")[0], 409)
    equal(remote("GET", "/v2/other/app/manifests/1", "root")[0], 200)
    equal(local("POST", "/api/v1/projects", {"name": "empty"})[0], 201)
    equal(local("DELETE", "/api/v1/projects/empty")[0], 204)
    equal(local("DELETE", "/api/v1/projects/empty")[0], 404)


@check("wrong and malformed credentials are refused, and many of them bar a name for their address")
def credentials():
    equal(remote("GET", "/v2/", "guest", password="wrong")[0], 401)
    equal(remote("GET", "/v2/", "nobody-such")[0], 401)
    for value in ["Basic", "Basic !!!", "Basic Z3Vlc3Q=", "Bearer x", "Negotiate y", "Basic " + "A" * 8000]:
        status, _, headers = remote("GET", "/v2/", Authorization=value)
        realm = f'Bearer realm="https://localhost:{SERVER.port}/api/v1/token",service="bulkhead",error="invalid_token"'
        equal((status, headers["WWW-Authenticate"]), (401, realm))
    # Who signed in within the last minute is still known by that: somebody new shows what a bar does.
    equal(local("POST", "/api/v1/users", {"name": "newcomer", "password": PASSWORD})[0], 201)
    statuses = [remote("GET", "/v2/", "newcomer", password=f"wrong {number}")[0] for number in range(11)]
    equal(statuses[:10], [401] * 10)
    equal(statuses[10], 429)
    equal(remote("GET", "/v2/", "newcomer")[0], 429)
    equal(remote("GET", "/api/v1/projects", "newcomer")[0], 429)


CONTENT = ["pull", "push", "delete"]


def content(user, project, repository="app"):
    """What of pull, push and delete somebody may, by trying it."""
    may = []
    name = f"{project}/{repository}"
    equal(push("root", name, b"seed", "seed")[:2], (201, 201))
    for operation in CONTENT:
        if operation == "push":
            status = push(user, name, b"pushed", "pushed")[1]
        elif operation == "pull":
            status = remote("GET", f"/v2/{name}/manifests/seed", user)[0]
        else:
            push("root", name, b"to be deleted", "gone")
            status = remote("DELETE", f"/v2/{name}/manifests/gone", user)[0]
        if status in (200, 201, 202):
            may.append(operation)
        elif status not in (401, 403):
            raise AssertionError(f"{operation} {name}: {status}")
    return may


def token(user, scope):
    status, data, _ = remote("POST", "/api/v1/tokens", user, {"name": f"for-{scope}", "scope": scope})
    equal(status, 201)
    return json.loads(data)


OF_ROLE = {
    "outsider": [], "guest": ["pull"], "developer": ["pull", "push"], "maintainer": CONTENT, "admin": CONTENT, "root": CONTENT,
}
OF_SCOPE = {"read": ["pull"], "write": ["pull", "push"], "all": CONTENT}


@check("access tokens: every role with every scope may what both may, and no more")
def scopes():
    for role, mine in OF_ROLE.items():
        for scope, its in OF_SCOPE.items():
            made = token(role, scope)
            # A token works under whatever name.
            user = ("whoever", made["secret"])
            equal(content(user, "closed"), [one for one in CONTENT if one in mine and one in its])
            equal(content(user, "open"), [one for one in CONTENT if one == "pull" or (one in mine and one in its)])
            if role != "root":
                equal(content(user, "other"), [])
            equal(remote("GET", "/api/v1/users", user)[0], 200 if (role, scope) == ("root", "all") else 403)
            members = remote("PUT", "/api/v1/projects/closed/members/outsider", user, {"role": "guest"})[0]
            equal(local("DELETE", "/api/v1/projects/closed/members/outsider")[0], 204)
            equal(members, 204 if role in ("admin", "root") and scope == "all" else 403)
            # It makes no others and does not change the password.
            equal(remote("POST", "/api/v1/tokens", user, {"name": "more"})[0], 403)
            if role != "root":
                equal(remote("PUT", f"/api/v1/users/{role}/password", user, {"password": PASSWORD})[0], 403)
            equal(remote("DELETE", f"/api/v1/tokens/{made['id']}", user)[0], 204)
            equal(remote("GET", "/v2/", user)[0], 401)
    equal(remote("POST", "/api/v1/tokens", "guest", {"name": "a", "scope": "king"})[0], 400)
    equal(remote("POST", "/api/v1/tokens?user=guest", "developer", {"name": "a"})[0], 403)
    equal(remote("POST", "/api/v1/tokens")[0], 401)


@check("robots: every set of actions, in their project and repositories only")
def robots():
    for number in range(1, 8):
        actions = [action for index, action in enumerate(CONTENT) if number >> index & 1]
        made = local("POST", "/api/v1/projects/closed/robots", {"name": f"r{number}", "actions": actions})
        # Who pushes looks at what is there, too.
        if "push" in actions and "pull" not in actions:
            equal((made[0], "push needs pull" in str(made[1])), (400, True))
            continue
        equal(made[0], 201)
        robot = json.loads(made[1])
        user = (robot["login"], robot["secret"])
        equal(robot["login"], f"robot$closed+r{number}")
        equal(content(user, "closed"), actions)
        equal(content(user, "other"), [])
        equal(content(user, "open"), ["pull"])
        for path in ["/api/v1/users", "/api/v1/projects/closed/robots", "/api/v1/tokens"]:
            equal(remote("GET", path, user)[0], 403)
        equal(remote("PUT", "/api/v1/projects/closed/members/outsider", user, {"role": "guest"})[0], 403)
        equal(remote("GET", "/v2/", ("robot$other+r1", robot["secret"]))[0], 401)
        equal(json.loads(remote("GET", "/api/v1/me", user)[1])["kind"], "robot")
    body = {"name": "narrow", "actions": CONTENT, "repositories": "closed/app*"}
    robot = json.loads(local("POST", "/api/v1/projects/closed/robots", body)[1])
    user = (robot["login"], robot["secret"])
    equal((content(user, "closed", "apples"), content(user, "closed", "web")), (CONTENT, []))
    narrow = "/api/v1/projects/closed/robots/narrow"
    equal(local("PATCH", narrow, {"isDisabled": True})[0], 200)
    equal(remote("GET", "/v2/", user)[0], 401)
    equal(local("PATCH", narrow, {"isDisabled": False})[0], 200)
    equal(remote("GET", "/v2/", user)[0], 200)
    renewed = json.loads(local("POST", narrow + "/secret")[1])["secret"]
    equal((remote("GET", "/v2/", user)[0], remote("GET", "/v2/", (robot["login"], renewed))[0]), (401, 200))
    equal(local("DELETE", narrow)[0], 204)
    equal(remote("GET", "/v2/", (robot["login"], renewed))[0], 401)
    for user in ROLES[:5]:
        equal(remote("POST", "/api/v1/projects/closed/robots", user, body)[0], 403 if user else 401)
    equal(remote("POST", "/api/v1/projects/other/robots", "admin", body)[0], 403)
    for bad in [{"actions": []}, {"actions": ["king"]}, {"repositories": "app*"}, {"expiresInDays": 0}]:
        equal(local("POST", "/api/v1/projects/closed/robots", {**body, "name": "bad", **bad})[0], 400)


@check("tokens of the token service: every role with every scope, and none opens another project")
def bearers():
    for role, mine in OF_ROLE.items():
        for asked in [["pull"], ["pull", "push"], CONTENT, ["*"]]:
            one = bearer(role, "repository:closed/app:" + ",".join(asked))
            expected = [name for name in CONTENT if name in mine and (name in asked or "*" in asked)]
            equal(content(one, "closed"), expected)
            for project, repository in [("closed", "web"), ("other", "app"), ("open", "app")]:
                equal(content(one, project, repository), [])
            # For the registry alone.
            equal(remote("GET", "/api/v1/projects", one)[0], 401)
    equal(content(bearer(None, "repository:open/app:pull,push"), "open"), ["pull"])
    equal(content(bearer(None, "repository:closed/app:pull"), "closed"), [])
    both = bearer("developer", "repository:closed/app:pull", "repository:open/app:pull,push")
    equal((content(both, "closed"), content(both, "open")), (["pull"], ["pull", "push"]))
    status, _, headers = remote("GET", "/v2/other/app/manifests/1", both)
    equal((status, 'scope="repository:other/app:pull",error="insufficient_scope"' in headers["WWW-Authenticate"]), (401, True))
    names = json.loads(remote("GET", "/v2/_catalog", bearer("developer"))[1])["repositories"]
    equal(names, [])
    names = json.loads(remote("GET", "/v2/_catalog", bearer("developer", "registry:catalog:*"))[1])["repositories"]
    equal(("closed/app" in names, [name for name in names if name.startswith("other/")]), (True, []))


@check("ATT-024 tokens with another audience, without or with a foreign seal are refused, and cannot be had")
def audience():
    equal(remote("GET", "/api/v1/token?service=elsewhere", "root")[0], 400)
    equal(remote("GET", "/api/v1/token?service=bulkhead&scope=repository:closed", "root")[0], 400)
    equal(remote("GET", "/api/v1/token?service=bulkhead", ("root", "wrong password"))[0], 401)

    def text(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    access = [{"type": "repository", "name": "closed/app", "actions": ["pull"]}]
    claims = text({"iss": "bulkhead", "sub": "root", "aud": "bulkhead", "exp": 1 << 40, "access": access})
    with open(ROOT + "/server/ca/ca.crt", "rb") as file:
        public = file.read()
    signed = text({"alg": "HS256", "typ": "JWT"}) + "." + claims
    seal = base64.urlsafe_b64encode(hmac.new(public, signed.encode(), "sha256").digest()).decode().rstrip("=")
    good = bearer("root", "repository:closed/app:pull")[1]
    for wrong in [text({"alg": "none"}) + "." + claims + ".", signed + "." + seal, good[:-8], "A" * len(good), good * 2]:
        equal(remote("GET", "/v2/closed/app/manifests/seed", (BEARER, wrong))[0], 401)
    equal(remote("GET", "/v2/closed/app/manifests/seed", (BEARER, good))[0], 200)


@check("tokens end at once with what they came from")
def revocation():
    def changed():
        equal(local("POST", "/api/v1/users", {"name": "leaver", "password": PASSWORD})[0], 201)
        equal(local("PUT", "/api/v1/projects/closed/members/leaver", {"role": "developer"})[0], 204)
        return bearer("leaver", "repository:closed/app:pull,push"), ("x", token("leaver", "all")["secret"])

    short, long = changed()
    equal((content(short, "closed"), content(long, "closed")), (["pull", "push"], ["pull", "push"]))
    equal(local("PUT", "/api/v1/projects/closed/members/leaver", {"role": "guest"})[0], 204)
    equal((content(short, "closed"), content(long, "closed")), (["pull"], ["pull"]))
    equal(local("PUT", "/api/v1/users/leaver/password", {"password": PASSWORD + "!"})[0], 204)
    equal((content(short, "closed"), content(long, "closed")), ([], ["pull"]))
    equal(local("DELETE", "/api/v1/users/leaver")[0], 204)
    equal(remote("GET", "/v2/", long)[0], 401)
    again = changed()
    # A namesake's account opens nothing for what was his forerunner's.
    equal((content(short, "closed"), content(long, "closed"), content(again[0], "closed")), ([], [], ["pull", "push"]))
    robot = json.loads(local("POST", "/api/v1/projects/closed/robots", {"name": "leaver", "actions": ["pull"]})[1])
    one = bearer((robot["login"], robot["secret"]), "repository:closed/app:pull")
    equal(content(one, "closed"), ["pull"])
    equal(local("PATCH", "/api/v1/projects/closed/robots/leaver", {"isDisabled": True})[0], 200)
    equal(content(one, "closed"), [])
    equal(local("DELETE", "/api/v1/users/leaver")[0], 204)


@check("lists come in pages, who one is and whom to trust is told")
def pages():
    names, path = [], "/api/v1/users?limit=3"
    while path:
        status, data, headers = local("GET", path)
        page = [user["name"] for user in json.loads(data)]
        equal((status, len(page) <= 3), (200, True))
        names += page
        link = headers["Link"]
        path = link[1 : link.index(">")] if link else None
    equal(names, sorted(user["name"] for user in json.loads(local("GET", "/api/v1/users?limit=1000")[1])))
    for bad in ["0", "1001", "x"]:
        equal(local("GET", "/api/v1/users?limit=" + bad)[0], 400)
    equal(json.loads(remote("GET", "/api/v1/me", "root")[1]), {"name": "root", "kind": "user", "isAdministrator": True})
    equal(json.loads(local("GET", "/api/v1/me")[1])["kind"], "localAdministrator")
    equal(remote("GET", "/api/v1/me")[0], 401)
    equal(json.loads(local("PATCH", "/api/v1/users/outsider", {"isAdministrator": True})[1])["isAdministrator"], True)
    equal(remote("GET", "/api/v1/users", "outsider")[0], 200)
    equal(local("PATCH", "/api/v1/users/outsider", {"isAdministrator": False})[0], 200)
    equal(remote("GET", "/api/v1/users", "outsider")[0], 403)


@check("what was done and refused is in the audit, for those who may see it")
def audit():
    def entries(user=None, **filters):
        query = "&".join(f"{name}={value}" for name, value in filters.items())
        status, data, _ = remote("GET", "/api/v1/audit?" + query, user) if user else local("GET", "/api/v1/audit?" + query)
        equal(status, 200)
        return json.loads(data)

    digest = push("developer", "closed/audited", b"audited", "1")[2]
    equal(remote("GET", "/v2/closed/audited/manifests/1", "guest")[0], 200)
    equal(remote("DELETE", "/v2/closed/audited/manifests/1", "guest")[0], 403)
    equal(remote("DELETE", "/v2/closed/audited/manifests/1", "maintainer")[0], 202)
    equal(remote("GET", "/api/v1/users", "guest")[0], 403)
    equal(remote("GET", "/v2/", ("guest", "a wrong password"))[0], 401)
    found = [one for one in entries(project="closed", limit=50) if one["repository"] == "closed/audited"]
    actions = [(one["action"], one["caller"], one["outcome"]) for one in found]
    for expected in [("pushManifest", "developer", "ok"), ("pullManifest", "guest", "ok"), ("refused", "guest", "refused"),
                     ("deleteTag", "maintainer", "ok")]:
        equal(actions.count(expected), 1)
    equal([one["digest"] for one in found if one["action"] == "pushManifest"], [digest])
    equal({one["from"] for one in found}, {"127.0.0.1"})
    equal(entries(action="login", limit=1)[0]["outcome"], "refused")
    equal("user created: leaver" in [one["reference"] for one in entries(action="change", limit=1000)], True)
    equal([one["action"] for one in entries("admin", project="closed", limit=2)], [one["action"] for one in entries(project="closed", limit=2)])
    for user in ROLES[:6]:
        equal(remote("GET", "/api/v1/audit", user)[0], 403 if user else 401)
    for user in ROLES[:5]:
        equal(remote("GET", "/api/v1/audit?project=closed", user)[0], 403 if user else 401)
    ids, path = [], "/api/v1/audit?limit=20&project=closed"
    while path and len(ids) < 200:
        _, data, headers = local("GET", path)
        ids += [int(one["id"]) for one in json.loads(data)]
        path = headers["Link"][1 : headers["Link"].index(">")] if headers["Link"] else None
    equal((ids, len(set(ids))), (sorted(ids, reverse=True), len(ids)))


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
    rows = json.loads(local("GET", "/api/v1/audit?action=pushManifest&project=closed&limit=10")[1])
    equal([row["digest"] for row in rows], [digest for digest, _, _ in reversed(pushed)])
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
        [PROGRAM, "server", "--root", ROOT, "--run", RUN, "--listen", "127.0.0.1:0", "--without-kubernetes"],
        capture_output=True, text=True,
        timeout=30)
    equal((second.returncode != 0, "another server uses" in second.stderr), (True, True))
    equal(SERVER.end(signal.SIGTERM), 0)


try:
    main()
finally:
    SERVER.stop()
    ENGINE.stop()
