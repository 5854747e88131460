"""What images and registries are measured with: archives, OCI layouts, a build context. Made once, kept."""

import hashlib
import io
import json
import os
import pathlib
import random
import subprocess
import tarfile

HOME = pathlib.Path(os.environ.get("PEER_HOME", "/opt/peer"))
FOLDER = HOME / "materials"
DEBIAN = "bench/debian:1"
LAYERS = "bench/layers:1"
BASE = "bench/base:1"
LAYER_COUNT = 12
LAYER_BYTES = 20 * 1000 * 1000
CONTEXT_FILES = 2000
CREATED = "2026-01-01T00:00:00Z"


def program(name):
    """A peer's program and the environment it needs, as `peer-install` unpacked them."""
    root = HOME / "root"
    environment = dict(os.environ)
    environment["LD_LIBRARY_PATH"] = f"{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu"
    return str(root / "usr/bin" / name), environment


def _add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o644
    archive.addfile(info, io.BytesIO(content))


def write_archive(path, name, layers):
    """An archive as `docker save` writes it, of layers that are tar files."""
    digests = []
    for layer in layers:
        with open(layer, "rb") as source:
            digests.append("sha256:" + hashlib.file_digest(source, "sha256").hexdigest())
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "created": CREATED,
        "config": {"Cmd": ["/bin/sh"], "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
        "rootfs": {"type": "layers", "diff_ids": digests},
        "history": [{"created": CREATED, "created_by": f"layer {number}"} for number in range(len(layers))],
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    temporary = path.with_suffix(".part")
    with tarfile.open(temporary, "w") as archive:
        names = []
        for digest, layer in zip(digests, layers):
            names.append(digest.removeprefix("sha256:") + "/layer.tar")
            archive.add(layer, names[-1])
        _add(archive, config_name, config)
        _add(archive, "manifest.json",
             json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": names}]).encode())
    temporary.rename(path)


def _debian(note):
    """A Debian of 225 MB and 8,600 files in one layer: the packages of priority `important`, without documents."""
    archive = FOLDER / "debian.archive.tar"
    if archive.exists():
        return archive
    note("making the Debian image by mmdebstrap (once)")
    layer = FOLDER / "debian.tar"
    if not layer.exists():
        sources = [path for path in ("/etc/apt/sources.list.d/debian.sources",) if os.path.exists(path)]
        subprocess.run(["mmdebstrap", "--quiet", "--mode=root", "--variant=important",
                        "--aptopt=APT::Sandbox::User \"root\"", "--dpkgopt=path-exclude=/usr/share/doc/*", "bookworm",
                        f"{layer}.part.tar", *sources], check=True)
        os.rename(f"{layer}.part.tar", layer)
    write_archive(archive, DEBIAN, [layer])
    return archive


def _random_layers(note):
    archive = FOLDER / "layers.archive.tar"
    if archive.exists():
        return archive
    note("making the image of 12 random layers (once)")
    generator, paths = random.Random(3), []
    for number in range(LAYER_COUNT):
        paths.append(FOLDER / f"layer-{number}.tar")
        with tarfile.open(paths[-1], "w") as layer:
            _add(layer, f"data-{number}", generator.randbytes(LAYER_BYTES))
    write_archive(archive, LAYERS, paths)
    for path in paths:
        path.unlink()
    return archive


def _base(rootfs):
    archive, layer = FOLDER / "base.archive.tar", FOLDER / "base.tar"
    layer.write_bytes(rootfs)
    write_archive(archive, BASE, [layer])
    return archive


def _layout(archive, name):
    """The image as an OCI layout whose layers are compressed already, so that skopeo's part is the same for each registry."""
    folder = FOLDER / f"{name}.oci"
    if not folder.exists():
        skopeo, environment = program("skopeo")
        subprocess.run([skopeo, "--insecure-policy", "copy", "--quiet", f"docker-archive:{archive}", f"oci:{folder}.part:1"],
                       check=True, env=environment, stdout=subprocess.DEVNULL)
        os.rename(f"{folder}.part", folder)
    return folder


def prepare(rootfs, note):
    """Makes what is not there yet: {name: path}."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    result = {"debian": _debian(note), "layers": _random_layers(note), "base": _base(rootfs)}
    for name in ("debian", "layers"):
        result[name + "_layout"] = _layout(result[name], name)
    return result


DOCKERFILE = f"""FROM {BASE}
ARG VERSION=1
LABEL org.example.version=$VERSION
ENV APP_HOME=/srv/app LANG=C.UTF-8
WORKDIR /srv/app
RUN mkdir -p /srv/data /srv/cache && echo prepared > /srv/state
COPY config /etc/app
RUN cat /etc/app/*.conf > /srv/settings
COPY files /srv/app/files
RUN find /srv/app/files -type f | wc -l > /srv/count
COPY start.sh /usr/bin/start
RUN chmod 755 /usr/bin/start && echo ready >> /srv/state
VOLUME /srv/data
EXPOSE 8080
USER app
CMD ["/usr/bin/start"]
"""

TWO_STAGES = f"""FROM {BASE} AS first
RUN sleep 5 && echo 1 > /first
FROM {BASE} AS second
RUN sleep 5 && echo 2 > /second
FROM {BASE}
COPY --from=first /first /first
COPY --from=second /second /second
"""


def write_context(folder):
    """15 steps after FROM and 2,000 files of 1 to 8 KiB in 40 folders."""
    generator = random.Random(7)
    for number in range(CONTEXT_FILES):
        path = folder / "files" / f"part{number % 40}" / f"file{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(generator.randbytes(generator.randint(1024, 8192)))
    (folder / "config").mkdir()
    (folder / "config" / "app.conf").write_text("port = 8080\n", encoding="ascii")
    (folder / "start.sh").write_text("#!/bin/sh\nexec sleep 1\n", encoding="ascii")
    (folder / "Dockerfile").write_text(DOCKERFILE, encoding="ascii")


def write_stages(folder):
    folder.mkdir()
    (folder / "Dockerfile").write_text(TWO_STAGES, encoding="ascii")
