"""What engine and agent have for pods, in the kernel and on disk, against what the pods that are there need."""
import json
import os
import re
import sqlite3
import subprocess


class Place:
    """A server's `root` and `run` folders, below `folder`. `containers` tells the engine's: identity to state."""

    def __init__(self, folder, root, run, containers):
        self.folder, self.root, self.run, self.containers = folder, root, run, containers

    def processes(self, program):
        found = []
        for name in os.listdir("/proc"):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except (NotADirectoryError, FileNotFoundError, ProcessLookupError):
                continue
            if os.path.basename(words[0]).decode() == program and any(self.folder.encode() + b"/" in word for word in words):
                found.append(int(name))
        return found

    @property
    def instance(self):
        """As the engine names what is its own: FNV-1a of its folder, 32 bits."""
        value = 2_166_136_261
        for byte in f"{self.root}/engine".encode():
            value = (value ^ byte) * 16_777_619 & 0xFFFFFFFF
        return f"{value:08x}"

    def cgroups(self):
        """Below the engine's own, in whichever hierarchy."""
        top, found = "/sys/fs/cgroup", []
        for hierarchy in [top] + [f"{top}/{name}" for name in os.listdir(top)]:
            for folder, names, _ in os.walk(f"{hierarchy}/bulkhead-{self.instance}"):
                found += [os.path.join(folder, name)[len(hierarchy):] for name in names]
        return found

    def mounts(self):
        with open("/proc/self/mountinfo") as file:
            return [line.split()[4] for line in file if line.split()[4].startswith(self.folder + "/")]

    def records(self, table):
        with sqlite3.connect(f"file:{self.root}/engine/engine.sqlite?mode=ro", uri=True) as database:
            found = {key: json.loads(document) for key, document in database.execute(f"SELECT id, document FROM {table}")}
        database.close()
        return found

    def differences(self, pods):
        """What is too much or missing, in words; nothing where all is as these pods need it."""
        found = []

        def compare(what, actual, expected):
            if sorted(actual) != sorted(expected):
                found.append(f"{what}: too many {sorted(set(actual) - set(expected))}, missing {sorted(set(expected) - set(actual))}"
                             f" of {len(actual)} and {len(expected)}")

        def identities(*lists):
            return [item["containerID"].split("//")[1] for pod in pods for name in lists for item in pod["status"].get(name, [])
                    if item.get("containerID")]

        def count(what, actual, expected):
            if len(actual) != expected:
                found.append(f"{len(actual)} {what}, not {expected}: {sorted(actual)}")

        running, made = identities("containerStatuses"), identities("containerStatuses", "initContainerStatuses")
        addresses = {pod["status"]["podIP"] for pod in pods if pod["status"].get("podIP")}
        uids = [pod["metadata"]["uid"] for pod in pods]
        records = self.records("sandboxes")
        count("addresses", addresses, len(pods))
        count("sandboxes", records, len(pods))
        count("ranges of ids", {record["ids"]["first"] for record in records.values()}, len(pods))
        compare("pods of sandboxes", [record["request"]["uid"] for record in records.values()], uids)
        states = self.containers()
        compare("containers", states, made)
        compare("records of containers", self.records("containers"), made)
        compare("running containers", [key for key, state in states.items() if state == "running"], running)
        count("supervisors", self.processes("conmon"), len(running))
        compare("folders of pods", os.listdir(self.root + "/agent/pods"), uids)
        compare("folders of containers", os.listdir(self.root + "/engine/containers"), made + list(records))
        compare("folders of namespaces", os.listdir(self.run + "/p") if os.path.isdir(self.run + "/p") else [], records)
        count("links", links(), len(pods))
        known = [*records, *made, *uids]
        found += [f"control group {name}" for name in self.cgroups() if not any(key[:12] in name for key in known)]
        found += [f"mount {mount}" for mount in self.mounts() if not any(key in mount for key in known)]
        compare("addresses in rules", pod_addresses(told("nft", "list", "ruleset")), addresses)
        compare("addresses in routes", pod_addresses(told("ip", "route")), addresses)
        return found


def told(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def pod_addresses(text):
    """Addresses of the network of pods, without its own and its gateway's."""
    return set(re.findall(r"\b10\.244\.0\.\d+\b", text)) - {"10.244.0.0", "10.244.0.1", "10.244.0.255"}


def links():
    return [item["ifname"] for item in json.loads(told("ip", "-json", "link")) if item["ifname"].startswith("bh")]
