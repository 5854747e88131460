"""A cluster of one node in a network namespace of its own: server, engine and agent, each a process of its own.

Who imports this is started anew within the namespace. Arguments: the program, and a folder for all that the cluster keeps.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

from checks import until
from service import Local, Server, exchange

# Rules, addresses and links end with the namespace.
if os.environ.get("BULKHEAD_TEST_INSIDE") != "yes":
    os.environ["BULKHEAD_TEST_INSIDE"] = "yes"
    os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv])
for words in ("link set lo up", "link add uplink type veth peer name outside", "link set outside up", "address add 198.51.100.2/24 dev uplink", "link set uplink up",
              "route add default via 198.51.100.1"):
    subprocess.run(["ip", *words.split()], check=True)

IMAGE = "local/tool:1"
ROOTFS = pathlib.Path(__file__).resolve().parents[3] / "Benchmarks/busybox-rootfs"


class Role:
    """One of the processes."""

    def __init__(self, program, name, server, *arguments):
        self.name, self.folder = name, server.folder
        self.arguments = [program, name, "--root", server.root, "--run", server.run, *arguments]
        self.start()

    def start(self):
        with open(f"{self.folder}/{self.name}.log", "a") as log:
            self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def end(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(60)


class Cluster:
    def __init__(self):
        program, self.folder = sys.argv[1:3]
        self.server = Server(program, self.folder)
        self.kubeconfig = self.server.run + "/server/admin.kubeconfig"
        # The server's registry is trusted, as `bulkhead trust` has it.
        trust = f"{self.folder}/trust/{self.server.host}"
        os.makedirs(trust)
        shutil.copy(self.server.authority, trust + "/ca.crt")
        settings = self.folder + "/engine.yaml"
        with open(settings, "w") as file:
            file.write(f"registries: {{certificateFolders: [{self.folder}/trust]}}\n")
        self.engine = Role(program, "engine", self.server, "--config", settings)
        until("the engine serves", lambda: os.path.exists(self.server.run + "/cri.sock"))
        self.agent = Role(program, "agent", self.server)

    def ask_engine(self, method, path, body=None, headers=None):
        return exchange(Local(self.server.run + "/docker.sock"), method, path, body, headers or {})

    def load_image(self, name=IMAGE, *programs):
        """A busybox. `programs`: further ones, statically linked, for its /bin."""
        until("the engine answers", lambda: self.ask_engine("GET", "/_ping")[0] == 200, ignoring=(OSError,))
        rootfs = subprocess.run([ROOTFS, *programs], check=True, capture_output=True).stdout
        repository, tag = name.split(":")
        status, answer, _ = self.ask_engine(
            "POST", f"/images/create?fromSrc=-&repo={repository}&tag={tag}", rootfs, {"Content-Type": "application/x-tar"})
        assert status == 200, answer

    def stop(self):
        self.agent.end(signal.SIGTERM)
        self.engine.end(signal.SIGTERM)
        self.server.stop()
