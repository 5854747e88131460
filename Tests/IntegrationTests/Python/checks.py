"""Runs checks and reports each on a line of its own: `ok NAME`, `not ok NAME: REASON` or `skip NAME: REASON`.

A script defines functions with the decorator `check` and ends with `main()`. The engine is told by DOCKER_HOST.
"""

import os
import sys
import time
import traceback

CHECKS = []
# A dockerd serves the same checks, except for those that say what it lacks.
FOREIGN = "BULKHEAD_TEST_HOST" in os.environ


def check(name, lacking=None):
    """Registers a check. `lacking`: why docker 20.10 cannot pass it."""

    def register(function):
        CHECKS.append((name, lacking, function))
        return function

    return register


def equal(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


def until(what, body, seconds=30, pause=0.05, ignoring=()):
    """Asks until something comes of it, and returns that; errors of the kinds ignored count as nothing."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if value := body():
                return value
        except ignoring:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(pause)


def main():
    """Runs all checks; the number of failures, for scripts that nobody reads the lines of."""
    failures = 0
    for name, lacking, function in CHECKS:
        if FOREIGN and lacking:
            print(f"skip {name}: {lacking}", flush=True)
            continue
        try:
            function()
            print(f"ok {name}", flush=True)
        except Exception as failure:
            failures += 1
            place = traceback.extract_tb(failure.__traceback__)
            lines = [frame.lineno for frame in place if frame.filename == sys.argv[0]]
            text = " ".join(f"{type(failure).__name__}: {failure}".split())
            print(f"not ok {name}: line {lines[-1] if lines else '?'}: {text[:800]}", flush=True)
    print(f"done {len(CHECKS)} checks, {failures} failures", flush=True)
    return failures
