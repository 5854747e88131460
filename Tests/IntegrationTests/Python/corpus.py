"""The corpus of Dockerfiles beside this folder: what each case says of itself, its context, and how images are compared.

A case is Dockerfiles/NAME.dockerfile. Lines `#: WORD REST` in it (comments to every builder) say what goes with it:
`peers docker buildah` who builds it too, `fails TEXT` that it must fail, telling TEXT, and `arg`, `label`, `target`, `secret`
as the client's options have them.
"""

import gzip
import hashlib
import io
import json
import pathlib
import shutil
import tarfile

FOLDER = pathlib.Path(__file__).parent.parent / "Dockerfiles"
CONFIG = ("Cmd", "Entrypoint", "Env", "ExposedPorts", "Healthcheck", "Labels", "OnBuild", "Shell", "StopSignal", "User",
          "Volumes", "WorkingDir")
LIMIT = 64 << 20


class Case:
    def __init__(self, path):
        self.name = path.name.removesuffix(".dockerfile")
        self.path = path
        self.peers, self.fails, self.arguments, self.secrets = [], None, [], []
        self.labels, self.target = [], None
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#: "):
                continue
            word, _, rest = line[3:].partition(" ")
            if word == "peers":
                self.peers = rest.split()
            elif word == "fails":
                self.fails = rest
            elif word == "arg":
                self.arguments.append(rest)
            elif word == "label":
                self.labels.append(rest)
            elif word == "target":
                self.target = rest
            elif word == "secret":
                self.secrets.append(tuple(rest.split("=", 1)))
            else:
                raise ValueError(f"{path.name}: unknown word '{word}'")

    def options(self):
        """What docker's, buildah's and our client take alike."""
        result = [f"--build-arg={argument}" for argument in self.arguments]
        result += [f"--label={label}" for label in self.labels]
        return result + ([f"--target={self.target}"] if self.target else [])

    def secret_options(self, folder):
        result = []
        for name, value in self.secrets:
            path = pathlib.Path(folder, f"secret-{name}")
            path.write_text(value, encoding="utf-8")
            result.append(f"--secret=id={name},src={path}")
        return result


def cases():
    return [Case(path) for path in sorted(FOLDER.glob("*.dockerfile"))]


def make_context(folder):
    """The context of all cases: the folder of the corpus, and archives that are not kept in it."""
    context = pathlib.Path(folder, "context")
    shutil.copytree(FOLDER / "context", context, symlinks=True)
    with io.BytesIO() as memory:
        with tarfile.open(fileobj=memory, mode="w") as archive:
            for name, text, mode in (("in/one", b"packed\n", 0o640), ("in/two", b"more\n", 0o755)):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode, entry.uid, entry.gid, entry.mtime = len(text), mode, 7, 8, 1_600_000_000
                archive.addfile(entry, io.BytesIO(text))
        packed = memory.getvalue()
    (context / "packed.tar").write_bytes(packed)
    (context / "packed.tar.gz").write_bytes(gzip.compress(packed, mtime=0))
    return context


class Image:
    """An image out of an archive of `docker save`: its files, its configuration, its history."""

    def __init__(self, archive):
        with tarfile.open(archive) as image:
            manifest = json.load(image.extractfile("manifest.json"))[0]
            document = json.load(image.extractfile(manifest["Config"]))
            self.files = {}
            for layer in manifest["Layers"]:
                self._apply(image.extractfile(layer).read(LIMIT))
        for path in list(self.files):
            while (path := path.rpartition("/")[0]) and path not in self.files:
                # Nobody's entry: whoever unpacks the layers makes it like this.
                self.files[path] = ("directory", "0o755", 0, 0)
        config = document.get("config") or {}
        self.config = {name: config[name] for name in CONFIG if config.get(name)}
        self.config["Author"] = document.get("author", "")
        self.history = [(self._word(entry.get("created_by", "")), bool(entry.get("empty_layer")))
                        for entry in document.get("history") or []]

    def summary(self, base):
        """A digest of all that a build made of a base image."""
        contents = {value[-1] for value in base.files.values() if value[0] == "file"}
        made = {path: (*value[:-1], "of the base") if value[0] == "file" and value[-1] in contents else value
                for path, value in self.files.items() if base.files.get(path) != value}
        gone = sorted(set(base.files) - set(self.files))
        history = self.history[len(base.history):] if self.history[:len(base.history)] == base.history else self.history
        text = json.dumps([made, gone, self.config, history], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @staticmethod
    def _word(text):
        """The instruction of a history's line, whoever wrote it."""
        text = text.rpartition("#(nop)")[2].strip()
        word = text.split(" ")[0].upper()
        known = {"ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
                 "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"}
        return word if word in known else "RUN"

    def _apply(self, data):
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        found = {}
        with tarfile.open(fileobj=io.BytesIO(data)) as layer:
            for entry in layer:
                path = entry.name.strip("./") if entry.name in (".", "./") else entry.name.removeprefix("./").strip("/")
                folder, _, name = path.rpartition("/")
                if name == ".wh..wh..opq":
                    self._drop(folder, itself=False)
                elif name.startswith(".wh."):
                    self._drop(f"{folder}/{name[4:]}".strip("/"), itself=True)
                else:
                    found[path] = self._describe(entry, layer, found)
        for path, value in found.items():
            if value[0] != "directory":
                self._drop(path, itself=True)
            self.files[path] = value

    def _drop(self, path, itself):
        for other in [other for other in self.files if other.startswith(f"{path}/") or (itself and other == path)]:
            del self.files[other]

    def _describe(self, entry, layer, found):
        owner = (oct(entry.mode & 0o7777), entry.uid, entry.gid)
        if entry.isdir():
            return ("directory", *owner)
        if entry.issym():
            return ("link", entry.uid, entry.gid, entry.linkname)
        if entry.islnk():
            target = entry.linkname.removeprefix("./").strip("/")
            return found.get(target) or self.files.get(target) or ("hard link", entry.linkname)
        if entry.isfile():
            return ("file", *owner, hashlib.sha256(layer.extractfile(entry).read()).hexdigest())
        return ("other", *owner)


def differences(ours, theirs):
    """Every difference as (aspect, text)."""
    result = []
    for path in sorted(set(ours.files) | set(theirs.files)):
        if path and ours.files.get(path) != theirs.files.get(path):
            result.append((f"file /{path}", f"{ours.files.get(path)} | {theirs.files.get(path)}"))
    for name in sorted(set(ours.config) | set(theirs.config)):
        mine, other = ours.config.get(name), theirs.config.get(name)
        if mine != other:
            result.append((f"config {name}", f"{json.dumps(mine)} | {json.dumps(other)}"))
    if ours.history != theirs.history:
        result.append(("history", f"{ours.history} | {theirs.history}"))
    return result
