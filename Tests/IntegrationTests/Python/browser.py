"""Votes in headless Chromium at the running voting app, and sees the open page of the result change (WebDriver, W3C).

Usage: browser.py VOTE_URL RESULT_URL        (chromium and chromedriver from Debian's chromium and chromium-driver)
"""

import json
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request

from checks import check, equal, main, until

VOTE, RESULT = sys.argv[1], sys.argv[2]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One window of a Chromium of its own."""

    def __init__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home = tempfile.TemporaryDirectory(prefix="bulkhead-browser-")
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = None

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def begin(self):
        comes("the driver is ready", lambda: self.ask("GET", "/status")["ready"])
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                            f"--user-data-dir={self.home.name}"]}
        session = self.ask("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.session = "/session/" + session["sessionId"]

    def ask(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", method=method,
            data=None if body is None else json.dumps(body).encode(), headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url):
        self.ask("POST", self.session + "/url", {"url": url})

    def element(self, selector):
        found = self.ask("POST", self.session + "/element", {"using": "css selector", "value": selector})
        return f"{self.session}/element/{found[ELEMENT]}"

    def text(self, selector):
        return self.ask("GET", self.element(selector) + "/text")

    def click(self, selector):
        self.ask("POST", self.element(selector) + "/click", {})

    def forget(self):
        self.ask("DELETE", self.session + "/cookie")

    def close(self):
        try:
            if self.session:
                self.ask("DELETE", self.session)
        finally:
            self.driver.terminate()
            self.driver.wait()
            self.home.cleanup()


def comes(what, body):
    """Pages that are not there yet count as not yet."""
    return until(what, body, ignoring=OSError)


def counts(browser):
    texts = browser.text("#a .count"), browser.text("#b .count")
    return tuple(int(text) for text in texts) if all(re.fullmatch(r"\d+", text) for text in texts) else None


@check("a vote in one window changes the page of the result in another, which nobody loads again")
def vote():
    with Browser() as voter, Browser() as viewer:
        viewer.open(RESULT)
        comes("the result shows counts", lambda: counts(viewer) is not None)
        before = counts(viewer)
        voter.open(VOTE)
        voter.click("#a")
        equal(voter.ask("GET", voter.element("#a") + "/attribute/aria-pressed"), "true")
        comes("the result shows the vote", lambda: counts(viewer) == (before[0] + 1, before[1]))
        # The same voter changes his mind: one row, so one count moves to the other side.
        voter.click("#b")
        comes("the result shows the changed vote", lambda: counts(viewer) == (before[0], before[1] + 1))
        voter.forget()
        voter.open(VOTE)
        voter.click("#b")
        comes("the result shows another voter's vote", lambda: counts(viewer) == (before[0], before[1] + 2))


sys.exit(1 if main() else 0)
