#!/usr/bin/env python3
"""skopeo, podman, buildah and docker's client against the server over HTTPS: clients.py PATH-OF-BULKHEADD FOLDER

Each pushes to and pulls from it, signed in and not; docker's client does so through an engine of ours.
"""
import base64
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile

from checks import check, equal, main
from service import PASSWORD, Engine, Server, digest_of

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
CERTIFICATES = FOLDER + "/certs.d"
SERVER = Server(PROGRAM, FOLDER)
HOST = SERVER.host
os.makedirs(f"{CERTIFICATES}/{HOST}")
os.makedirs(FOLDER + "/xdg", mode=0o700)
os.symlink(SERVER.authority, f"{CERTIFICATES}/{HOST}/ca.crt")
ENGINE = Engine(PROGRAM, FOLDER, f"registries:\n  certificateFolders:\n    - {CERTIFICATES}\n")

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
ACCEPT = ", ".join([OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST])

for user in ["ada", "eve"]:
    equal(SERVER.local("POST", "/api/v1/users", {"name": user, "password": PASSWORD})[0], 201)
for project, is_public in [("team", False), ("open", True)]:
    equal(SERVER.local("POST", "/api/v1/projects", {"name": project, "isPublic": is_public})[0], 201)
    equal(SERVER.local("PUT", f"/api/v1/projects/{project}/members/ada", {"role": "developer"})[0], 204)

# Who is signed in: the file that all four clients keep credentials in.
for name, content in [("ada", {HOST: f"ada:{PASSWORD}"}), ("eve", {HOST: f"eve:{PASSWORD}"}), ("nobody", {})]:
    os.makedirs(f"{FOLDER}/login/{name}")
    entries = {host: {"auth": base64.b64encode(pair.encode()).decode()} for host, pair in content.items()}
    with open(f"{FOLDER}/login/{name}/config.json", "w") as file:
        json.dump({"auths": entries}, file)


def run(*command, user=None, input=None):
    environment = {**os.environ, "DOCKER_HOST": f"unix://{ENGINE.socket}", "BUILDAH_ISOLATION": "chroot", "HOME": FOLDER,
                   "DOCKER_CONFIG": f"{FOLDER}/login/{user or 'nobody'}", "XDG_RUNTIME_DIR": FOLDER + "/xdg"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, input=input, cwd=FOLDER)
    return done.returncode, done.stdout, done.stderr


def succeed(*command, user=None, input=None):
    status, output, errors = run(*command, user=user, input=input)
    if status != 0:
        raise AssertionError(f"{' '.join(command)} by {user} ended with {status}: {errors[-500:]} {output[-200:]}")
    return output


def refuse(*command, user=None):
    status, output, errors = run(*command, user=user)
    if status == 0:
        raise AssertionError(f"{' '.join(command)} by {user or 'nobody'} was not refused")
    text = (output + errors).lower()
    if not any(word in text for word in ["unauthorized", "denied", "authentication required", "forbidden"]):
        raise AssertionError(f"{' '.join(command)} by {user or 'nobody'} failed for another reason: {text[-500:]}")


def write_blob(folder, content):
    digest = digest_of(content)
    with open(f"{folder}/blobs/sha256/{digest[7:]}", "wb") as file:
        file.write(content)
    return {"digest": digest, "size": len(content)}


def layer_of(number, size):
    with io.BytesIO() as memory:
        with tarfile.open(fileobj=memory, mode="w") as archive:
            entry = tarfile.TarInfo(f"file-{number}")
            entry.size, entry.mtime = size, 1_600_000_000
            archive.addfile(entry, io.BytesIO(os.urandom(size)))
        return memory.getvalue()


def write_image(folder, architecture="amd64"):
    """An OCI image of two layers in a layout's blobs."""
    layers = [layer_of(1, 300_000), layer_of(2, 50_000)]
    parts = [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
              **write_blob(folder, gzip.compress(layer, 1, mtime=0))} for layer in layers]
    config = {"architecture": architecture, "os": "linux", "config": {"Cmd": ["/file-1"]},
              "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]}}
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": parts,
                "config": {"mediaType": OCI_CONFIG, **write_blob(folder, json.dumps(config).encode())}}
    return {"mediaType": OCI_MANIFEST, **write_blob(folder, json.dumps(manifest).encode()),
            "platform": {"architecture": architecture, "os": "linux"}}


def layout(name, architectures=("amd64",)):
    """A layout's folder with one tag `1`, and the digest of what it names."""
    folder = f"{FOLDER}/layouts/{name}"
    os.makedirs(folder + "/blobs/sha256")
    images = [write_image(folder, architecture) for architecture in architectures]
    entry = images[0]
    if len(images) > 1:
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": images}
        entry = {"mediaType": OCI_INDEX, **write_blob(folder, json.dumps(index).encode())}
    entry["annotations"] = {"org.opencontainers.image.ref.name": "1"}
    entry.pop("platform", None)
    with open(folder + "/oci-layout", "w") as file:
        json.dump({"imageLayoutVersion": "1.0.0"}, file)
    with open(folder + "/index.json", "w") as file:
        json.dump({"schemaVersion": 2, "manifests": [entry]}, file)
    return folder, entry["digest"]


LAYOUT, DIGEST = layout("image")
MULTI, MULTI_DIGEST = layout("index", ("amd64", "arm64", "s390x"))
STORAGE = ["--root", FOLDER + "/storage", "--runroot", FOLDER + "/storage-run", "--storage-driver", "vfs"]
SKOPEO = ["skopeo", "--insecure-policy", "copy", "--quiet"]
TRUST = f"--cert-dir={CERTIFICATES}/{HOST}"
FROM, TO = f"--src-cert-dir={CERTIFICATES}/{HOST}", f"--dest-cert-dir={CERTIFICATES}/{HOST}"


def at_server(repository, reference):
    """Digest, media type and document as the server has them."""
    status, data, headers = SERVER.remote("GET", f"/v2/{repository}/manifests/{reference}", "ada", Accept=ACCEPT)
    equal(status, 200)
    equal(headers["Docker-Content-Digest"], digest_of(data))
    return digest_of(data), headers["Content-Type"], json.loads(data)


def layout_digest(folder):
    with open(folder + "/index.json") as file:
        return json.load(file)["manifests"][0]["digest"]


# MARK: skopeo

@check("skopeo pushes and pulls an OCI image; digest and bytes stay")
def skopeo_oci():
    succeed(*SKOPEO, TO, f"oci:{LAYOUT}:1", f"docker://{HOST}/team/skopeo:1", user="ada")
    equal(at_server("team/skopeo", "1")[:2], (DIGEST, OCI_MANIFEST))
    succeed(*SKOPEO, FROM, f"docker://{HOST}/team/skopeo@{DIGEST}", f"oci:{FOLDER}/pulled:1", user="ada")
    equal(layout_digest(FOLDER + "/pulled"), DIGEST)
    for name in os.listdir(LAYOUT + "/blobs/sha256"):
        with open(f"{FOLDER}/pulled/blobs/sha256/{name}", "rb") as file:
            equal(digest_of(file.read())[7:], name)


@check("skopeo pushes and pulls Docker's schema 2")
def skopeo_docker():
    succeed(*SKOPEO, TO, "--format=v2s2", f"oci:{LAYOUT}:1", f"docker://{HOST}/team/schema2:1", user="ada")
    digest, kind, _ = at_server("team/schema2", "1")
    equal(kind, DOCKER_MANIFEST)
    succeed(*SKOPEO, FROM, f"docker://{HOST}/team/schema2:1", f"dir:{FOLDER}/pulled-schema2", user="ada")
    with open(FOLDER + "/pulled-schema2/manifest.json", "rb") as file:
        equal(digest_of(file.read()), digest)


@check("skopeo pushes and pulls an index of three architectures, whole")
def skopeo_index():
    succeed(*SKOPEO, TO, "--all", f"oci:{MULTI}:1", f"docker://{HOST}/team/multi:1", user="ada")
    digest, kind, document = at_server("team/multi", "1")
    equal((digest, kind, len(document["manifests"])), (MULTI_DIGEST, OCI_INDEX, 3))
    succeed(*SKOPEO, FROM, "--all", f"docker://{HOST}/team/multi:1", f"oci:{FOLDER}/pulled-multi:1", user="ada")
    equal(layout_digest(FOLDER + "/pulled-multi"), MULTI_DIGEST)
    text = succeed("skopeo", "--override-arch=s390x", "inspect", TRUST, f"docker://{HOST}/team/multi:1", user="ada")
    equal(json.loads(text)["Architecture"], "s390x")
    equal(json.loads(succeed("skopeo", "list-tags", TRUST, f"docker://{HOST}/team/multi", user="ada"))["Tags"], ["1"])


@check("blobs are mounted from the repository that has them, also by skopeo")
def mounts():
    *_, document = at_server("team/skopeo", "1")
    for part in [document["config"], *document["layers"]]:
        path = f"/v2/team/mounted/blobs/uploads/?mount={part['digest']}&from=team/skopeo"
        status, _, headers = SERVER.remote("POST", path, "ada", b"")
        equal((status, headers["Location"].endswith(part["digest"])), (201, True))
    # A stranger mounts nothing out of it: neither the answer nor the blob tells that it is there.
    part = document["layers"][0]
    equal(SERVER.local("POST", "/api/v1/projects", {"name": "eves"})[0], 201)
    equal(SERVER.local("PUT", "/api/v1/projects/eves/members/eve", {"role": "developer"})[0], 204)
    path = f"/v2/eves/app/blobs/uploads/?mount={part['digest']}&from=team/skopeo"
    status, _, headers = SERVER.remote("POST", path, "eve", b"")
    equal(status, 202)
    equal(SERVER.remote("DELETE", headers["Location"].removeprefix(f"https://{HOST}"), "eve")[0], 204)
    equal(SERVER.remote("HEAD", f"/v2/eves/app/blobs/{part['digest']}", "eve")[0], 404)
    succeed("skopeo", "--insecure-policy", "copy", "--quiet", FROM, TO, f"docker://{HOST}/team/skopeo:1",
            f"docker://{HOST}/team/copied:1", user="ada")
    equal(at_server("team/copied", "1")[0], DIGEST)


@check("an artifact with a subject is listed among the subject's referrers")
def referrers():
    empty = b"{}"
    path = f"/v2/team/skopeo/blobs/uploads/?digest={digest_of(empty)}"
    equal(SERVER.remote("POST", path, "ada", empty)[0], 201)
    size = len(SERVER.remote("GET", f"/v2/team/skopeo/manifests/{DIGEST}", "ada", Accept=ACCEPT)[1])
    part = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(empty), "size": 2}
    artifact = json.dumps({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example.sbom", "config": part,
        "layers": [part], "annotations": {"made": "here"},
        "subject": {"mediaType": OCI_MANIFEST, "digest": DIGEST, "size": size}}).encode()
    path = f"/v2/team/skopeo/manifests/{digest_of(artifact)}"
    status, _, headers = SERVER.remote("PUT", path, "ada", artifact, Content_Type=OCI_MANIFEST)
    equal((status, headers["OCI-Subject"]), (201, DIGEST))
    for query, count in [("", 1), ("?artifactType=application/vnd.example.sbom", 1), ("?artifactType=other/type", 0)]:
        status, data, headers = SERVER.remote("GET", f"/v2/team/skopeo/referrers/{DIGEST}{query}", "ada")
        equal((status, headers["Content-Type"], len(json.loads(data)["manifests"])), (200, OCI_INDEX, count))
    entry = json.loads(SERVER.remote("GET", f"/v2/team/skopeo/referrers/{DIGEST}", "ada")[1])["manifests"][0]
    equal((entry["digest"], entry["annotations"]), (digest_of(artifact), {"made": "here"}))
    text = succeed("skopeo", "inspect", "--raw", TRUST, f"docker://{HOST}/team/skopeo@{entry['digest']}", user="ada")
    equal(digest_of(text.encode()), entry["digest"])


# MARK: podman and buildah

@check("podman signs in, pulls, pushes in both formats and pulls an index")
def podman():
    podman = ["podman", *STORAGE]
    succeed(*podman, "login", TRUST, f"--authfile={FOLDER}/login/podman.json", "--username=ada", "--password-stdin", HOST,
            input=PASSWORD)
    signed_in = [TRUST, f"--authfile={FOLDER}/login/podman.json"]
    succeed(*podman, "pull", *signed_in, f"{HOST}/team/skopeo:1")
    equal(json.loads(succeed(*podman, "image", "inspect", f"{HOST}/team/skopeo:1"))[0]["Digest"], DIGEST)
    for kind, expected in [("oci", OCI_MANIFEST), ("v2s2", DOCKER_MANIFEST)]:
        name = f"{HOST}/team/podman:{kind}"
        succeed(*podman, "push", *signed_in, f"--format={kind}", f"--digestfile={FOLDER}/digest", f"{HOST}/team/skopeo:1", name)
        digest, media_type, _ = at_server("team/podman", kind)
        with open(FOLDER + "/digest") as file:
            equal((file.read().strip(), media_type), (digest, expected))
        succeed(*podman, "pull", *signed_in, f"{HOST}/team/podman@{digest}")
    succeed(*podman, "pull", *signed_in, "--arch=arm64", f"{HOST}/team/multi:1")
    equal(json.loads(succeed(*podman, "image", "inspect", f"{HOST}/team/multi:1"))[0]["Architecture"], "arm64")
    succeed(*podman, "manifest", "create", "list")
    succeed(*podman, "manifest", "add", *signed_in, "--all", "list", f"docker://{HOST}/team/multi:1")
    succeed(*podman, "manifest", "push", *signed_in, "--all", "list", f"docker://{HOST}/team/podman:list")
    equal(len(at_server("team/podman", "list")[2]["manifests"]), 3)


@check("buildah builds on an image of the server and pushes what it made")
def buildah():
    buildah = ["buildah", *STORAGE]
    succeed(*buildah, "pull", TRUST, f"{HOST}/team/skopeo:1", user="ada")
    with open(FOLDER + "/Dockerfile", "w") as file:
        file.write(f"FROM {HOST}/team/skopeo:1\nLABEL made=by-buildah\n")
    succeed(*buildah, "bud", TRUST, "--tag", f"{HOST}/team/buildah:1", "--file", FOLDER + "/Dockerfile", FOLDER + "/login",
            user="ada")
    succeed(*buildah, "push", TRUST, f"--digestfile={FOLDER}/digest", f"{HOST}/team/buildah:1", user="ada")
    digest, _, document = at_server("team/buildah", "1")
    with open(FOLDER + "/digest") as file:
        equal(file.read().strip(), digest)
    config = SERVER.remote("GET", f"/v2/team/buildah/blobs/{document['config']['digest']}", "ada")[1]
    equal(json.loads(config)["config"]["Labels"]["made"], "by-buildah")
    succeed(*buildah, "rmi", f"{HOST}/team/buildah:1")
    succeed(*buildah, "pull", TRUST, f"{HOST}/team/buildah:1", user="ada")


# MARK: docker

@check("docker's client signs in, pulls, pushes with a mount, and pulls the platform's image of an index")
def docker():
    os.makedirs(FOLDER + "/login/docker")
    succeed("docker", "login", "--username=ada", "--password-stdin", HOST, input=PASSWORD, user="docker")
    succeed("docker", "pull", f"{HOST}/team/skopeo:1", user="docker")
    shown = json.loads(succeed("docker", "image", "inspect", f"{HOST}/team/skopeo:1"))[0]["RepoDigests"]
    equal(f"{HOST}/team/skopeo@{DIGEST}" in shown, True)
    succeed("docker", "tag", f"{HOST}/team/skopeo:1", f"{HOST}/team/docker:1")
    text = succeed("docker", "push", f"{HOST}/team/docker:1", user="docker")
    digest = at_server("team/docker", "1")[0]
    equal(f"digest: {digest}" in text, True)
    equal("Mounted from team/skopeo" in text or "Layer already exists" in text, True)
    succeed("docker", "rmi", f"{HOST}/team/docker:1")
    equal(f"Digest: {digest}" in succeed("docker", "pull", f"{HOST}/team/docker:1", user="docker"), True)
    succeed("docker", "pull", f"{HOST}/team/multi:1", user="docker")
    equal(json.loads(succeed("docker", "image", "inspect", f"{HOST}/team/multi:1"))[0]["Architecture"], "amd64")
    succeed("docker", "pull", f"{HOST}/team/schema2:1", user="docker")
    succeed("docker", "logout", HOST, user="docker")
    refuse("docker", "pull", f"{HOST}/team/podman:oci", user="docker")


# MARK: rights

def attempts(project, storage=STORAGE):
    """How each client pulls from and pushes to a project."""
    image = f"{HOST}/{project}/app:1"
    local = f"{HOST}/team/skopeo:1"
    return {
        "skopeo": ([*SKOPEO, FROM, f"docker://{image}", f"dir:{FOLDER}/pulled-{project}"],
                   [*SKOPEO, TO, f"oci:{LAYOUT}:1", f"docker://{HOST}/{project}/by-skopeo:1"]),
        "podman": (["podman", *storage, "pull", TRUST, image],
                   ["podman", *storage, "push", TRUST, local, f"{HOST}/{project}/by-podman:1"]),
        "buildah": (["buildah", *storage, "pull", TRUST, image],
                    ["buildah", *storage, "push", TRUST, local, f"docker://{HOST}/{project}/by-buildah:1"]),
        "docker": (["docker", "pull", image], ["docker", "push", f"{HOST}/{project}/by-docker:1"]),
    }


@check("not signed in, or with no part in it: a public project is pulled from, nothing else")
def strangers():
    for project in ["open", "team"]:
        succeed(*SKOPEO, TO, f"oci:{LAYOUT}:1", f"docker://{HOST}/{project}/app:1", user="ada")
        succeed("docker", "tag", f"{HOST}/team/skopeo:1", f"{HOST}/{project}/by-docker:1")
    for user in [None, "eve"]:
        for name, (pull, push) in attempts("open").items():
            succeed(*pull, user=user)
            refuse(*push, user=user)
        for name, (pull, push) in attempts("team").items():
            refuse(*pull, user=user)
            refuse(*push, user=user)
    names = json.loads(SERVER.remote("GET", "/v2/_catalog", "ada")[1])["repositories"]
    equal([name for name in names if "/by-" in name], [])
    for name, (_, push) in attempts("open").items():
        succeed(*push, user="ada")
    names = json.loads(SERVER.remote("GET", "/v2/_catalog", "ada")[1])["repositories"]
    equal(len([name for name in names if name.startswith("open/by-")]), 4)


@check("a client that does not know the authority speaks to nobody")
def distrust():
    status, _, errors = run("skopeo", "inspect", f"docker://{HOST}/open/app:1")
    equal((status != 0, "certificate" in errors), (True, True))


@check("after all that the registry is whole, and nothing is left half")
def whole():
    equal(json.loads(SERVER.local("POST", "/api/v1/registry/check?content=true")[1])["findings"], [])
    equal(os.listdir(SERVER.root + "/server/registry/uploads"), [])


try:
    main()
finally:
    SERVER.stop()
    ENGINE.stop()
