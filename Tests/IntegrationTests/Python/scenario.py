"""Follows scenarios: what kubectl is told, step by step, and what it has to say.

A scenario is a title and its steps. A step is a command, what is typed in (left out where nothing is), and what is expected.

A command is what follows `kubectl -n NAMESPACE`, with a shell's quotes; variables may stand before it. Further words at its beginning:

    bare …              without `-n NAMESPACE`
    file NAME           writes what is typed in to a file of the scenario's folder, in which its commands run
    until …             the command again and again, for twenty seconds at most, until it says what is expected
    keep NAME …         $NAME stands for what the command said from here on
    watch …             in the background; goes on when it has said what is expected
    watched             waits until the watch has said all that is expected, in this order, and ends it

An expectation is a text that the output holds; or, by its beginning:

    = TEXT              the output is this text                 - TEXT      it does not hold it
    ~ PATTERN           it matches somewhere                    ^ TEXT      the error output of a run that succeeds holds it
    ! TEXT              the run fails, and what it says holds it

A list holds several. NS is the scenario's own namespace, NODEPORT a port of its own; further words are the script's.
"""
import glob
import os
import re
import shlex
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

from checks import check, until

SECONDS = 20
MODIFIED = "the object has been modified"
READ_SECONDS = 5
WORKERS = 4


def versions():
    """Programs: the newest version of kubectl that is installed and the oldest; or those that a variable names, such as 1.33. Where no
    version stands in a name, the one there is."""
    found = shutil.which("kubectl")
    assert found, "kubectl is not installed"
    named = sorted(glob.glob(os.path.dirname(os.path.realpath(found)) + "/kubectl.1.*"), key=lambda path: int(path.split(".")[-1]))
    only = os.environ.get("BULKHEAD_TEST_KUBECTL")
    if only:
        return [path for path in named if path.endswith(only)]
    return [named[-1], named[0]] if len(named) > 1 else named or [found]


class Client:
    """A version of kubectl, with a home of its own. `words`: what stands for what in all of its scenarios."""

    def __init__(self, path, configuration, folder, number=0, words=()):
        self.path, self.configuration, self.folder, self.number, self.words = path, configuration, folder, number, dict(words)
        self.name = os.path.basename(path)
        self.home = f"{folder}/home-{self.name}"
        os.makedirs(self.home, exist_ok=True)

    def environment(self, more=()):
        return {"HOME": self.home, "PATH": "/usr/bin:/bin", "KUBECONFIG": self.configuration, "KUBECTL_EXTERNAL_DIFF": "diff -u -N",
                # A quarter less work: the client ends before it would have to be tidy.
                "GOGC": "off", "GOMAXPROCS": "1", **dict(more)}

    def run(self, words, typed=None, folder=None, more=()):
        return subprocess.run(
            [self.path, *words], input=typed or "", capture_output=True, text=True, errors="replace", timeout=60, cwd=folder,
            env=self.environment(more))


def judge(words, outcome, expected):
    """Throws where an outcome is not as expected."""
    wanted = expected if isinstance(expected, list) else [expected]
    said = outcome.stdout
    tests = {"= ": lambda text: said == text, "~ ": lambda text: re.search(text, said), "- ": lambda text: text not in said,
             "^ ": lambda text: text in outcome.stderr, "! ": lambda text: text in outcome.stderr + said}
    for text in wanted:
        test = tests.get(text[:2])
        good = test(text[2:]) if test else text in said
        if not good or text.startswith("! ") != (outcome.returncode != 0):
            raise AssertionError(
                f"kubectl {shlex.join(words)}: expected {text!r}, got {outcome.returncode}, {said[-600:]!r}, {outcome.stderr[-600:]!r}")


class Watch:
    """A command in the background. What it says goes to a file: nobody has to read it while it runs."""

    def __init__(self, client, words, folder):
        self.words, self.path = words, folder + "/watched"
        with open(self.path, "w") as output:
            self.process = subprocess.Popen(
                [client.path, *words], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder, env=client.environment())

    def wait(self, expected):
        """Until it has said all of this, in this order."""
        pattern = re.compile(".*?".join(re.escape(text) for text in expected), re.DOTALL)

        def said():
            with open(self.path) as output:
                return output.read()

        try:
            until("said", lambda: pattern.search(said()), seconds=SECONDS)
        except AssertionError:
            raise AssertionError(f"kubectl {shlex.join(self.words)}: expected {expected!r} in this order, got {said()[-600:]!r}")

    def end(self):
        self.process.kill()
        self.process.wait()


class Run:
    """A scenario on its way."""

    def __init__(self, client, number, prefix):
        self.client = client
        self.namespace = f"{prefix}{client.number}-{number}"
        self.folder = f"{client.folder}/{self.namespace}"
        os.makedirs(self.folder, exist_ok=True)
        self.names = {**client.words, "NODEPORT": str(30000 + 1000 * client.number + number), "NS": self.namespace}
        self.watch = None

    def named(self, text):
        words = "|".join(re.escape(name) for name in self.names)
        return re.sub(rf"(?<![A-Za-z])(?:{words})(?![A-Za-z])", lambda found: self.names[found[0]], text)

    def follow(self, steps):
        """Goes through all steps, and throws what went wrong in them."""
        faults = []
        try:
            for command, *typed, expected in steps:
                try:
                    self.step(command, typed[0] if typed else None, expected)
                except (AssertionError, subprocess.TimeoutExpired) as fault:
                    faults.append(str(fault))
        finally:
            if self.watch:
                self.watch.end()
        if faults:
            raise AssertionError(" || ".join(faults))

    def step(self, command, typed, expected):
        words = shlex.split(self.named(command))
        typed = self.named(typed) if typed else None
        expected = [self.named(text) for text in ([expected] if isinstance(expected, str) else expected)]
        more = {}
        while re.match("[A-Z_]+=", words[0]):
            name, _, more[name] = words.pop(0).partition("=")
        what = words.pop(0) if words[0] in ("bare", "file", "until", "keep", "watch", "watched") else ""
        if what == "file":
            with open(f"{self.folder}/{words[0]}", "w") as file:
                file.write(typed or "")
            return
        kept = "$" + words.pop(0) if what == "keep" else ""
        # Controllers work beside the scenario: what is read may become so in a moment.
        is_read = words[:1] in (["get"], ["describe"]) and not {"-w", "--watch", "--watch-only"} & set(words)
        patience = SECONDS if what == "until" else READ_SECONDS if is_read else 0
        if what != "bare":
            words = ["-n", self.namespace, *words]
        if what == "watch":
            self.watch = Watch(self.client, words, self.folder)
            self.watch.wait(expected)
        elif what == "watched":
            self.watch.wait(expected)
            self.watch.end()
        else:
            said = self.told(words, typed, more, expected, patience)
            if kept:
                self.names[kept] = said.strip()

    def told(self, words, typed, more, expected, seconds):
        begin = time.monotonic()
        while True:
            outcome = self.client.run(words, typed, self.folder, more)
            try:
                judge(words, outcome, expected)
                return outcome.stdout
            except AssertionError:
                # The client reads and then writes at that revision: a controller was quicker, and nothing was written.
                if "replace" in words and MODIFIED in outcome.stderr and not any(MODIFIED in text for text in expected):
                    seconds = max(seconds, READ_SECONDS)
                if time.monotonic() > begin + seconds:
                    raise
            time.sleep(0.1)


class Batch:
    """Scenarios that run beside each other, each as a check of its own. They begin with the first of the checks."""

    def __init__(self, clients, scenarios, prefix="t", workers=WORKERS):
        self.clients, self.scenarios, self.prefix, self.workers = clients, scenarios, prefix, workers
        self.results = None
        titles = [title for title, *_ in scenarios]
        assert len(set(titles)) == len(titles), "two scenarios of the same title"
        for client in clients:
            for number, (title, _) in enumerate(scenarios):
                check(f"{client.name}: {title}")(lambda place=(client.number, number): self.result(place))

    def result(self, place):
        if self.results is None:
            self.begin()
        return self.results[place].result()

    def begin(self):
        self.results = {}
        runs = {(client.number, number): Run(client, number, self.prefix) for client in self.clients for number in range(len(self.scenarios))}
        for client in self.clients:
            made = client.run(["create", "-f", "-"], "\n---\n".join(
                f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {run.namespace}, labels: {{scenario: \"{self.prefix}\"}}}}" for run in runs.values() if run.client is client))
            if made.returncode:
                raise AssertionError(f"no namespaces for the scenarios: {made.stderr[:500]}")
        # Without it no pod is taken there.
        accounts = ["get", "serviceaccounts", "-A", "--field-selector", "metadata.name=default", "-o", "jsonpath={.items[*].metadata.namespace}"]
        wanted = {run.namespace for run in runs.values()}
        until("each namespace has its account", lambda: wanted <= set(self.clients[0].run(accounts).stdout.split()))
        pool = ThreadPoolExecutor(self.workers)
        self.results = {place: pool.submit(run.follow, self.scenarios[place[1]][1]) for place, run in runs.items()}
        pool.shutdown(wait=False)
