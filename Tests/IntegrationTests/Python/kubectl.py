"""kubectl against the Kubernetes API of `bulkheadd server`: the scenarios that need no node, run with several versions of the client.

    kubectl.py BULKHEADD FOLDER [WORDS OF A TITLE]
"""
import http.client
import json
import os
import ssl
import subprocess
import sys

from checks import check, equal, main
from scenario import Batch, Client, judge, versions
from scenarios import access, basics, changes, creation, discovery, kinds, nodes, reading, workloads
from service import PASSWORD, Server, exchange

PROGRAM, FOLDER = sys.argv[1:3]
SERVER = Server(PROGRAM, FOLDER)
KUBECONFIG = SERVER.run + "/server/admin.kubeconfig"
with open(KUBECONFIG) as kubeconfig_file:
    ADDRESS = kubeconfig_file.read().split("server: ")[1].split()[0].strip('"')
# What the tables call FOLDER/pair and FOLDER/bytes.
subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", FOLDER + "/pair.key", "-out",
     FOLDER + "/pair.crt", "-days", "2", "-subj", "/O=system:masters/CN=eve"], check=True, capture_output=True)
with open(FOLDER + "/bytes", "wb") as bytes_file:
    bytes_file.write(b"\xff\xfe\0\xff")
CLIENTS = [
    Client(path, KUBECONFIG, FOLDER, number, {"FOLDER": FOLDER, "ADDRESS": ADDRESS, "AUTHORITY": SERVER.authority})
    for number, path in enumerate(versions())]


def chosen(tables):
    """Their scenarios; those alone whose titles hold the words that the script was called with."""
    return [scenario for table in tables for scenario in table.SCENARIOS if " ".join(sys.argv[3:]) in scenario[0]]


TABLES = [basics, creation, kinds, workloads, changes, reading, access, discovery]
Batch(CLIENTS, chosen(TABLES))
# Nodes are everybody's: pods of the others would go there.
Batch(CLIENTS, chosen([nodes]), prefix="n")


def run(client, words, typed=None, configuration=None):
    return client.run(words, typed, more={"KUBECONFIG": configuration} if configuration else ())


@check("the administrator's kubeconfig is for root and the group alone")
def kubeconfig():
    status = os.stat(KUBECONFIG)
    equal(oct(status.st_mode & 0o7777), "0o640")
    equal(oct(os.stat(os.path.dirname(KUBECONFIG)).st_mode & 0o7777), "0o750")
    with open(SERVER.root + "/server/cluster/storage.keys") as file:
        equal(len(file.read().split()), 2)
    equal(oct(os.stat(SERVER.root + "/server/cluster/storage.keys").st_mode & 0o7777), "0o600")


@check("who shows no certificate, or a wrong one, gets no further than health and version")
def strangers():
    with open(KUBECONFIG) as file:
        text = file.read()
    stranger = FOLDER + "/stranger.kubeconfig"
    with open(stranger, "w") as file:
        file.write("".join(line + "\n" for line in text.split("\n") if "client-" not in line))
    words = ["get", "--raw"]
    address = text.split("server: https://")[1].split()[0]
    trust = ssl.create_default_context(cafile=SERVER.authority)
    for path, status, said in [
            ("/version", 200, '"gitVersion":"v1.33.0"'), ("/readyz", 200, "ok"), ("/api", 403, "cannot get path"),
            ("/api/v1/secrets", 403, 'User \\"system:anonymous\\" cannot list resource \\"secrets\\"')]:
        code, body, _ = exchange(http.client.HTTPSConnection(address, timeout=20, context=trust), "GET", path, None, {})
        equal((path, code, said in body.decode()), (path, status, True))
    judge(words, run(CLIENTS[0], ["get", "--raw", "/version", "--token=nonsense"], None, stranger), "! Unauthorized")
    # A certificate that its holder made himself.
    alien = FOLDER + "/pair"
    refused = run(
        CLIENTS[0], ["get", "--raw", "/version", "--client-certificate", alien + ".crt", "--client-key", alien + ".key"],
        None, stranger)
    judge(words, refused, "! tls: ")


@check("tokens of service accounts and of the platform's users are good for what these may")
def tokens():
    client = CLIENTS[-1]
    namespace = "tokens"
    for words in (["create", "namespace", namespace], ["-n", namespace, "create", "serviceaccount", "robot"],
                  ["-n", namespace, "create", "rolebinding", "r", "--clusterrole=view", f"--serviceaccount={namespace}:robot"]):
        judge(words, run(client, words), "created")
    token = run(client, ["-n", namespace, "create", "token", "robot"]).stdout.strip()
    bare = FOLDER + "/bare.kubeconfig"
    with open(KUBECONFIG) as file, open(bare, "w") as copy:
        copy.write("".join(line for line in file if "client-" not in line))

    def ask(token, *words):
        return run(client, ["--token", token, "-n", namespace, *words], None, bare)

    judge(["get pods"], ask(token, "get", "pods"), "= ")
    judge(["get secrets"], ask(token, "get", "secrets"), f'! User "system:serviceaccount:{namespace}:robot" cannot list')
    judge(["get pods"], ask(token[:-4] + "AAAA", "get", "pods"), "! Unauthorized")
    judge(["delete"], run(client, ["-n", namespace, "delete", "serviceaccount", "robot"]), "deleted")
    judge(["get pods"], ask(token, "get", "pods"), "! Unauthorized")
    equal(SERVER.local("POST", "/api/v1/users", {"name": "ada", "password": PASSWORD})[0], 201)
    for scope, said in (("all", '! User "ada" cannot list resource "pods"'), ("write", "! Unauthorized")):
        status, body, _ = SERVER.local("POST", "/api/v1/tokens?user=ada", {"name": scope, "scope": scope})
        equal(status, 201)
        judge(["get pods"], ask(json.loads(body)["secret"], "get", "pods"), said)
        if scope == "all":
            judge(["bind"], run(client, ["-n", namespace, "create", "rolebinding", "a", "--clusterrole=view", "--user=ada"]), "created")
            judge(["get pods"], ask(json.loads(body)["secret"], "get", "pods"), "= ")


@check("what was acknowledged is there after kill -9, secrets are not readable in the file, and a damaged key is told")
def kill():
    def make(name):
        return run(CLIENTS[0], ["create", "secret", "generic", name, "--from-literal=p=needle-in-the-file"])

    for number in range(5):
        equal(make(f"kept{number}").returncode, 0)
    SERVER.end(9)
    for name in os.listdir(SERVER.root + "/server/cluster"):
        with open(f"{SERVER.root}/server/cluster/{name}", "rb") as file:
            content = file.read()
        equal((name, b"needle-in-the-file" in content, b"bmVlZGxlLWluLXRoZS1maWxl" in content), (name, False, False))
    SERVER.start()
    names = run(CLIENTS[0], ["get", "secrets", "-o", "name"]).stdout.split()
    equal([f"secret/kept{number}" in names for number in range(5)], [True] * 5)
    equal(SERVER.end(15), 0)
    keys = SERVER.root + "/server/cluster/storage.keys"
    os.rename(keys, keys + ".away")
    SERVER.begin()
    equal(SERVER.process.wait(30) != 0, True)
    assert "restore" in SERVER.told().strip().split("\n")[-1], SERVER.told()[-500:]
    os.rename(keys + ".away", keys)
    SERVER.start()
    equal(len(run(CLIENTS[0], ["get", "secrets", "-o", "name"]).stdout.split()) >= 5, True)


@check("a new storage key seals everything, the old one goes, and none is changed under a server that runs")
def rotation():
    keys = SERVER.root + "/server/cluster/storage.keys"

    def rotate():
        return subprocess.run([PROGRAM, "rotate-storage-key", "--root", SERVER.root, "--run", SERVER.run],
                              capture_output=True, text=True, timeout=60)

    def lines():
        with open(keys) as file:
            return file.read().splitlines()

    equal(run(CLIENTS[0], ["create", "secret", "generic", "sealed", "--from-literal=p=one"]).returncode, 0)
    before = lines()
    refused = rotate()
    equal((refused.returncode, lines()), (1, before))
    assert "another server uses" in refused.stderr and "stop it" in refused.stderr, refused.stderr
    equal(SERVER.end(15), 0)
    done = rotate()
    equal((done.returncode, done.stdout.startswith("sealed ")), (0, True))
    after = lines()
    equal((len(before), len(after), after[0].split()[0], before[0] in after), (1, 1, "k2", False))
    # As a kill after the first step leaves it: both keys.
    with open(keys, "w") as file:
        file.write("\n".join(after + before) + "\n")
    equal((rotate().returncode, [line.split()[0] for line in lines()]), (0, ["k3"]))
    SERVER.start()
    equal(run(CLIENTS[0], ["get", "secret", "sealed", "-o", "jsonpath={.data.p}"]).stdout, "b25l")
    equal(SERVER.end(15), 0)
    with open(keys, "w") as file:
        file.write(before[0] + "\n")
    SERVER.begin()
    equal(SERVER.process.wait(30) != 0, True)
    assert "is not among the storage keys" in SERVER.told(), SERVER.told()[-500:]


try:
    main()
finally:
    SERVER.stop()
