"""The corpus of compose files beside this folder: what each case says of itself, and what is seen of a project that runs.

A case is ComposeFiles/NAME.yaml; the files of ComposeFiles/context stand beside it. Lines `#: WORD REST` in it (comments to every
compose) say what goes with it:

    alone [WHY]                  docker-compose 1.29 does not know it: ours alone, held against the lines `expect` and `inside`
    fails TEXT                   it must be refused, ours telling TEXT
    warns TEXT                   ours warns of TEXT
    expect ASPECT = JSON         what has to be seen; an aspect that ends above leaves holds the names below it
    inside SERVICE COMMAND [=> TEXT]   the output of a command in the service's first container; `|` in TEXT ends a line
    env NAME=VALUE …             the caller's environment
    files FILE …, option OPTION, profile NAME, up ARGUMENT …   of the command line
    write FILE TEXT              one more file
    ends SERVICE                 its container is looked at when it has ended
    project NAME                 the project's name, where it is not the case's
    before COMMAND, after COMMAND      of `bulkhead`, before and after each run
"""

import json
import os
import pathlib
import re
import shlex
import shutil
import time

from service import Local, exchange

FOLDER = pathlib.Path(__file__).parent.parent / "ComposeFiles"
# What every container, network and volume has anew, or what only tells how it was asked for: `Mounts` tells what came of it.
LEFT_OUT = {
    "Config": {"Volumes", "AttachStdin", "AttachStdout", "AttachStderr", "StdinOnce"},
    "HostConfig": {"Binds", "Mounts", "ContainerIDFile", "ConsoleSize", "VolumesFrom"},
}
SETS = {"CapAdd", "CapDrop", "Env", "GroupAdd", "SecurityOpt", "Ulimits", "ExtraHosts", "Links", "Devices"}
LOOK = """
sed 's/^/host: /' /etc/hosts; sed 's/^/resolv: /' /etc/resolv.conf
ip -o addr show scope global 2>/dev/null | awk '{print "address:", $2, $4}' | sed 's/@[^ ]*//'
ip route 2>/dev/null | awk '/default/ {print "route:", $3, $5}'
while read -r _ _ _ _ place options rest; do
  case $place in /proc*|/sys*|/dev/*|/dev) ;; *) echo "mount: $place $options ${rest#*- }" | cut -d' ' -f1-4 ;; esac
done </proc/1/mountinfo | sort
"""


class Case:
    def __init__(self, path):
        self.name, self.path, self.project = path.stem, path, path.stem
        self.alone, self.fails = None, None
        self.expected, self.inside, self.written, self.warnings = [], [], [], []
        self.environment, self.options, self.up, self.before, self.after, self.ends = {}, [], [], [], [], []
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("#: "):
                word, _, rest = line[3:].partition(" ")
                self._take(word, rest)

    def _take(self, word, rest):
        if word in ("fails", "project"):
            setattr(self, word, rest)
        elif word == "alone":
            self.alone = rest or "1.29 does not know the key"
        elif word == "warns":
            self.warnings.append(rest)
        elif word == "expect":
            aspect, _, value = rest.partition(" = ")
            self.expected.append((aspect, json.loads(value)))
        elif word == "inside":
            service, _, command = rest.partition(" ")
            command, _, text = command.partition(" => ")
            self.inside.append((service, command))
            if text:
                self.expected.append((f"inside.{service}.{command}", text.replace("|", "\n")))
        elif word == "env":
            self.environment.update(pair.split("=", 1) for pair in rest.split(" "))
        elif word == "files":
            self.options += [option for file in rest.split() for option in ("--file", file)]
        elif word == "option":
            self.options.append(rest)
        elif word == "profile":
            self.options += ["--profile", rest]
        elif word == "up":
            self.up = rest.split()
        elif word == "ends":
            self.ends.append(rest)
        elif word == "write":
            self.written.append(rest.split(" ", 1))
        elif word in ("before", "after"):
            getattr(self, word).append(shlex.split(rest))
        else:
            raise ValueError(f"{self.path.name}: unknown word '{word}'")

    def unfold(self, folder):
        """The project's folder, named after the case."""
        place = pathlib.Path(folder, self.name)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(FOLDER / "context", place)
        shutil.copy(self.path, place / "compose.yaml")
        for name, text in self.written:
            (place / name).write_text(text + "\n", encoding="utf-8")
        return place


def cases():
    return [Case(path) for path in sorted(FOLDER.glob("*.yaml"))]


def filters(project):
    return {"label": f"com.docker.compose.project={project}"}


class Project:
    """All that is there of a project, as one tree in which names stand for ids and addresses that nobody chose."""

    def __init__(self, api, case, dependencies=None):
        self.api, self.case, self.text = api, case, case.path.read_text(encoding="utf-8")
        self.socket = os.environ["DOCKER_HOST"].removeprefix("unix://")
        self.containers = self._containers()
        self.networks = {one["Name"].removeprefix(f"{case.project}_"): api.inspect_network(one["Id"])
                         for one in api.networks(filters=filters(case.project))}
        self.volumes = {one["Name"].removeprefix(f"{case.project}_"): one
                        for one in api.volumes(filters=filters(case.project))["Volumes"] or []}
        self.anonymous = {mount["Name"] for one in self.containers.values() for mount in one["Mounts"]
                          if mount["Type"] == "volume" and len(mount["Name"]) == 64}
        # Only ours writes down what depends on what.
        self.dependencies = self._dependencies() if dependencies is None else dependencies

    def _containers(self):
        """Every container by service and number."""
        deadline = time.monotonic() + 30
        while True:
            result, lasting = {}, []
            for entry in self.api.containers(all=True, filters=filters(self.case.project)):
                service = entry["Labels"]["com.docker.compose.service"]
                one = self.api.inspect_container(entry["Id"])
                result[f"{service}-{entry['Labels']['com.docker.compose.container-number']}"] = one
                if service in self.case.ends and one["State"]["Status"] != "exited":
                    lasting.append(service)
            if not lasting or time.monotonic() > deadline:
                return result
            time.sleep(0.05)

    def ids(self):
        return {name: (one["Id"], one["State"]["StartedAt"]) for name, one in self.containers.items()}

    def tree(self):
        names = self._names()
        tree = {
            "containers": {name: self._container(one) for name, one in self.containers.items()},
            "networks": {name: self._network(one) for name, one in self.networks.items()},
            "volumes": {name: {field: one[field] for field in ("Name", "Driver", "Labels", "Options")}
                        for name, one in self.volumes.items()},
            "inside": self._inside(),
            "order": self._order(),
        }
        if not names:
            return tree
        # The longest first; 10.0.0.1 is not in 10.0.0.12.
        pattern = re.compile("|".join(rf"(?<!\d){re.escape(old)}(?!\d)" for old in sorted(names, key=len, reverse=True)))
        return json.loads(pattern.sub(lambda found: names[found[0]], json.dumps(tree)))

    def _names(self):
        """What is replaced by what."""
        names = {}
        for name, one in self.containers.items():
            names[one["Id"]] = names[one["Id"][:12]] = f"<{name}>"
            names[one["Name"].lstrip("/")] = f"{self.case.project}-{name}" if name in one["Name"].replace("_", "-") else ""
            for network, endpoint in one["NetworkSettings"]["Networks"].items():
                for field, word in (("IPAddress", name), ("GlobalIPv6Address", name), ("Gateway", "gateway")):
                    if endpoint.get(field) and endpoint[field] not in self.text:
                        names[endpoint[field]] = f"<{word} on {network}>"
        for name, one in self.networks.items():
            names[one["Id"]] = f"<network {name}>"
            for pool in one["IPAM"]["Config"] or []:
                for field, word in (("Subnet", "subnet"), ("Gateway", "gateway")):
                    if pool.get(field) and pool[field] not in self.text:
                        names[pool[field]] = f"<{word} on {one['Name']}>"
        for name in self.anonymous:
            names[name] = "<anonymous>"
        return {old: new for old, new in names.items() if new}

    def _container(self, one):
        settings = one["NetworkSettings"]
        # Of a range, and where none is named, the engine chooses.
        named = {bound["HostPort"] for bindings in (one["HostConfig"].get("PortBindings") or {}).values() for bound in bindings}
        result = {
            "Name": one["Name"],
            "Status": one["State"]["Status"], "ExitCode": one["State"]["ExitCode"],
            # Where nobody waits for it, it is a matter of the moment.
            "Health": one["State"]["Health"]["Status"] if "service_healthy" in self.text and one["State"].get("Health") else None,
            "Image": one["Image"],
            "Mounts": {mount["Destination"]: {field: mount.get(field) for field in ("Type", "Name", "RW", "Propagation")} |
                       ({"Source": mount["Source"]} if mount["Type"] == "bind" else {}) for mount in one["Mounts"]},
            "Networks": {name: self._endpoint(endpoint, one) for name, endpoint in settings["Networks"].items()},
            "Ports": {port: sorted([bound["HostIp"], bound["HostPort"] if bound["HostPort"] in named else "some"]
                                   for bound in bindings or []) for port, bindings in (settings.get("Ports") or {}).items()},
        }
        for part, without in LEFT_OUT.items():
            result[part] = {field: sorted(value, key=json.dumps) if field in SETS and value else value
                            for field, value in one[part].items() if field not in without}
        result["Config"]["Env"] = [entry for entry in result["Config"]["Env"] or [] if not entry.startswith("PATH=")]
        if len(one["Config"].get("Hostname") or "") == 12 and one["Id"].startswith(one["Config"]["Hostname"]):
            result["Config"]["Hostname"] = "<own>"
        return result

    @staticmethod
    def _endpoint(endpoint, one):
        aliases = {name for name in endpoint.get("Aliases") or [] if name != one["Id"][:12]}
        return {
            "Aliases": sorted(aliases - {one["Name"].lstrip("/")}), "IPAMConfig": endpoint.get("IPAMConfig"),
            "Links": sorted(endpoint.get("Links") or []), "DriverOpts": endpoint.get("DriverOpts"),
            "Address": endpoint["IPAddress"], "IPv6": endpoint.get("GlobalIPv6Address"),
            "HasGateway": bool(endpoint.get("Gateway")),
        }

    @staticmethod
    def _network(one):
        fields = ("Name", "Driver", "Internal", "Attachable", "EnableIPv6", "Labels", "Options", "IPAM")
        return {field: one.get(field) for field in fields}

    def _run(self, container, command):
        made = self.api.exec_create(container["Id"], ["sh", "-c", command])
        # Not the package's way: it loses what comes in one piece with the answer's head.
        _, stream, _ = exchange(Local(self.socket), "POST", f"/exec/{made['Id']}/start", '{"Detach": false, "Tty": false}',
                                {"Content-Type": "application/json"})
        text = b""
        while stream:
            length = int.from_bytes(stream[4:8], "big")
            text, stream = text + stream[8:8 + length], stream[8 + length:]
        return text.decode("utf-8", "replace").rstrip("\n")

    def _inside(self):
        seen = {}
        for name, one in self.containers.items():
            if one["State"]["Status"] == "running":
                seen[name] = {}
                look = LOOK if one["HostConfig"]["NetworkMode"] != "host" else LOOK.partition("ip -o")[0]
                for line in self._run(one, look).splitlines():
                    seen[name].setdefault(line.partition(":")[0], []).append(line.partition(": ")[2])
        for service, command in self.case.inside:
            seen.setdefault(service, {})[command] = self._run(self.containers[f"{service}-1"], command)
        return seen

    def _dependencies(self):
        """Pairs of containers with the condition between them."""
        result = []
        for name, one in self.containers.items():
            for word in (one["Config"]["Labels"].get("com.docker.compose.depends_on") or "").split(","):
                service, _, condition = word.rpartition(":")[0].partition(":")
                result += [(name, other, condition) for other in self.containers if other.rpartition("-")[0] == service]
        return result

    def _order(self):
        """Whether each container began after what it depends on had come to what the condition says."""
        result = {}
        for name, other, condition in self.dependencies:
            state = self.containers[other]["State"]
            moment = state["FinishedAt"] if "completed" in condition else state["StartedAt"]
            if "healthy" in condition:
                log = (state.get("Health") or {}).get("Log") or []
                moment = next((entry["End"] for entry in log if entry["ExitCode"] == 0), "never")
            result[f"{name} after {other}"] = "yes" if moment <= self.containers[name]["State"]["StartedAt"] else "no"
        return result


def flat(tree, path=""):
    """Leaves by their paths; what is empty is left out."""
    leaves = {}
    for name, value in tree.items():
        place = f"{path}.{name}" if path else name
        if isinstance(value, dict):
            leaves.update(flat(value, place))
        elif value not in (None, False, "", 0, []):
            leaves[place] = value
    return leaves


def aspect(tree, path):
    """The value at a path whose names may have dots in them; the names below, where more stands there."""
    if isinstance(tree, dict):
        if not path:
            return sorted(tree)
        for name, value in tree.items():
            if path == name or path.startswith(f"{name}."):
                found = aspect(value, path[len(name) + 1:])
                if found is not None:
                    return found
        return None
    return None if path else tree
