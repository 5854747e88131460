#!/usr/bin/env python3
"""An engine that is killed while it makes an image from packages: bootstrap.py PATH-OF-BULKHEADD FOLDER"""
import json
import os
import signal
import sys
import time

from checks import check, equal, main
from service import Engine, Local

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
ENGINE = Engine(PROGRAM, FOLDER)
PATH = "/bulkhead/v1/images/bootstrap"


def mounts():
    with open("/proc/self/mountinfo") as file:
        return sorted(line.split()[4] for line in file if FOLDER in line.split()[4])


def makers():
    """Programs that were started to make an image: their folder for temporary files lies below the engine's root."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                if f"TMPDIR={ENGINE.root}".encode() in file.read():
                    found.append(int(process))
        except OSError:
            pass  # It has ended meanwhile.
    return found


def lines(image):
    link = Local(ENGINE.socket, 120)
    try:
        link.request("POST", PATH, json.dumps({"image": image}), {"Content-Type": "application/json"})
        answer = link.getresponse()
        equal(answer.status, 200)
        yield from answer
    finally:
        link.close()


@check("an engine that is killed in the middle of a bootstrap leaves no mount and no program, and the next one makes images")
def killed():
    before = mounts()
    told = []
    for line in lines("debian:bookworm"):
        told.append(line)
        # The packages are unpacked by programs in the new root, over mounts of their own.
        if b"installing" in line:
            break
    else:
        raise AssertionError(f"it has told of no installation: {told[-5:]}")
    equal(makers() != [], True)
    ENGINE.end(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while makers() and time.monotonic() < deadline:
        time.sleep(0.02)
    equal((makers(), mounts()), ([], before))
    ENGINE.start()
    equal(b"digest" in list(lines("busybox"))[-1], True)
    # Nothing of the unfinished root is left.
    equal([name for _, names, _ in os.walk(ENGINE.root) for name in names if name.startswith("mmdebstrap")], [])


try:
    main()
finally:
    ENGINE.stop()
