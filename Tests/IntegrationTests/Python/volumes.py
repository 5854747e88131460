#!/usr/bin/env python3
"""Volumes copied on a small disk: full, killed in the middle, two at once, by the clock: volumes.py PATH-OF-BULKHEADD FOLDER"""
import hashlib
import http.client
import io
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time
import urllib.parse

from checks import check, equal, main, until
from service import Engine, Local, exchange

PROGRAM, FOLDER = sys.argv[1], sys.argv[2]
SOURCES = pathlib.Path(__file__).resolve().parents[3]
ROOT, WORD = FOLDER + "/root", FOLDER + "/word"
DISK_BYTES = 512 << 20
ROUNDS = 16
GENERATOR = random.Random(7)
GONE = (OSError, http.client.HTTPException)
ROUTE = "/bulkhead/v1/volumes"


def mount():
    os.mkdir(ROOT)
    with open(FOLDER + "/disk", "wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", FOLDER + "/disk"], check=True)
    subprocess.run(["mount", "-o", "loop", FOLDER + "/disk", ROOT], check=True)


mount()
with open(WORD, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as word:
    word.write("words that seal\n")
ENGINE = Engine(PROGRAM, FOLDER, f"backups:\n  passphraseFile: {WORD}\n")
VOLUMES = pathlib.Path(ROOT + "/engine/volumes")
BACKUPS = pathlib.Path(ROOT + "/engine/backups")


def put(path, body):
    """Sends an archive. What is refused may be answered before all of it has been taken."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(120)
        link.connect(ENGINE.socket)
        try:
            link.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = http.client.HTTPResponse(link, method="PUT")
        answer.begin()
        return answer.status, answer.read()


def ask(expected, method, path, body=None):
    status, data = put(path, body) if method == "PUT" and isinstance(body, bytes) else ENGINE.ask(method, path, body)[:2]
    if status != expected:
        raise AssertionError(f"{method} {path}: {status} and not {expected}: {data[:300]!r}")
    return data


def asked(method, path, body=None):
    """As JSON; None where there is nothing."""
    status, data, _ = ENGINE.ask(method, path, body)
    return json.loads(data) if status < 300 and data else None


def archive(content):
    """A plain archive with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("data")
        info.size = len(content)
        tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def content_of(volume):
    """The hash of the one file that counts in a volume."""
    data = ask(200, "GET", f"{ROUTE}/{volume}/archive?format=tar&live=1")
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return hashlib.sha256(tar.extractfile("./data").read()).hexdigest()


def free():
    # What was removed counts at the next commit of the journal only.
    os.sync()
    space = os.statvfs(ROOT)
    return space.f_bavail * space.f_frsize


def leftovers():
    names = {volume["Name"] for volume in asked("GET", "/volumes")["Volumes"]}
    parts = [str(path) for path in BACKUPS.glob("*/*.part")] if BACKUPS.exists() else []
    return [name.name for name in VOLUMES.iterdir() if name.name not in names] + parts


def exits(name):
    return asked("POST", f"/containers/{name}/wait")["StatusCode"]


def run(name, command, volume):
    body = {"Image": "busybox:latest", "Cmd": ["sh", "-c", command], "HostConfig": {"Binds": [f"{volume}:/d"]}}
    ask(201, "POST", f"/containers/create?name={name}", body)
    ask(204, "POST", f"/containers/{name}/start")


ONE, TWO = GENERATOR.randbytes(24 << 20), GENERATOR.randbytes(24 << 20)
HASHES = [hashlib.sha256(content).hexdigest() for content in (ONE, TWO)]
ARCHIVES = []


def prepare():
    rootfs = subprocess.run([SOURCES / "Benchmarks/busybox-rootfs"], check=True, capture_output=True).stdout
    ask(200, "POST", "/images/create?fromSrc=-&repo=busybox&tag=latest", rootfs)
    for name, content in (("one", ONE), ("two", TWO)):
        ask(201, "PUT", f"{ROUTE}/{name}/archive?format=tar", archive(content))
        ARCHIVES.append(ask(200, "GET", f"{ROUTE}/{name}/archive"))
    ask(201, "PUT", f"{ROUTE}/target/archive", ARCHIVES[0])
    run("writer", "i=0; while :; do i=$((i + 1)); echo $i >/d/count; sleep 0.05; done", "one")
    run("keeper", "echo 'a secret of the volume' >/d/text", "sealed")
    equal(exits("keeper"), 0)


def counts():
    return (VOLUMES / "one/_data/count").read_text()


@check("backups by the clock are sealed with the words of the engine's file, and it opens them by itself")
def scheduled():
    ask(200, "PUT", f"{ROUTE}/sealed/schedule", {"Schedule": "* * * * *", "Keep": 1})
    ask(200, "PUT", f"{ROUTE}/two/schedule", {"Schedule": "* * * * *", "Keep": 1})

    def made(volume):
        backups = asked("GET", f"/bulkhead/v1/backups?volume={volume}")["Backups"]
        return backups if backups and backups[0]["Scheduled"] else None

    backups = until("a scheduled backup", lambda: made("two") and made("sealed"), 90)
    equal([backup["Encrypted"] for backup in backups], [True])
    path = BACKUPS / "sealed" / (backups[0]["Id"] + ".tar")
    equal(path.stat().st_mode & 0o777, 0o600)
    raw = path.read_bytes()
    assert b"a secret of the volume" not in raw and b"words that seal" not in raw
    ask(201, "POST", f"{ROUTE}/opened/restore?volume=sealed&backup={backups[0]['Id']}")
    equal((VOLUMES / "opened/_data/text").read_text(), "a secret of the volume\n")
    # A file that others can read is no secret: nothing is backed up in the clear in its place.
    os.chmod(WORD, 0o644)
    reason = until(
        "the reason of a failure", lambda: asked("GET", f"{ROUTE}/sealed/schedule").get("LastError"), 90)
    assert "must belong to root and be closed to others" in reason, reason
    equal([backup["Id"] for backup in asked("GET", "/bulkhead/v1/backups?volume=sealed")["Backups"]], [backups[0]["Id"]])
    # It is told to who asks, who scrapes and who listens.
    states = {state["Volume"]: state for state in asked("GET", "/bulkhead/v1/schedules")["Schedules"]}
    equal(sorted(states), ["sealed", "two"])
    equal((states["sealed"]["Failures"] > 0, states["sealed"]["LastFailure"] > states["sealed"]["LastSuccess"]), (True, True))
    page = exchange(Local(ENGINE.run + "/metrics.sock"), "GET", "/metrics", None, {})[1].decode()
    for line in ['last_failed{volume="sealed"} 1', f'failures_total{{volume="sealed"}} {states["sealed"]["Failures"]}',
                 'last_success_timestamp_seconds{volume="sealed"} ', 'next_timestamp_seconds{volume="two"} ']:
        equal((line, f"bulkhead_volume_backup_{line}" in page), (line, True))
    filters = urllib.parse.quote(json.dumps({"event": ["backup_failed"], "volume": ["sealed"]}))
    event = json.loads(ask(200, "GET", f"/events?since=1&until={int(time.time()) + 1}&filters={filters}").splitlines()[0])
    equal((event["Type"], event["Actor"]["ID"], event["Actor"]["Attributes"]["error"]), ("volume", "sealed", reason))
    os.chmod(WORD, 0o600)
    for volume in ("sealed", "two"):
        ask(204, "DELETE", f"{ROUTE}/{volume}/schedule")
        for backup in asked("GET", f"/bulkhead/v1/backups?volume={volume}")["Backups"]:
            ask(204, "DELETE", f"/bulkhead/v1/backups/{volume}/{backup['Id']}")


@check("a backup is not imported as if it were the files, and says how it is brought back")
def wrong_door():
    message = json.loads(ask(400, "PUT", f"{ROUTE}/wrong/archive?format=tar", ARCHIVES[0]))["message"]
    equal(message, "the archive is a backup of volume one, not its files: bring it back by 'volume restore --input FILE'")
    equal(("wrong" in {volume["Name"] for volume in asked("GET", "/volumes")["Volumes"]}, leftovers()), (False, []))


@check("holes stay holes: a file of 2 GiB goes through a disk of 512 MiB")
def sparse():
    run("holes", "dd if=/dev/zero of=/d/f bs=1 count=1 seek=2147483647 2>/dev/null; echo x >>/d/f", "holes")
    equal(exits("holes"), 0)
    before = free()
    backup = json.loads(ask(201, "POST", f"{ROUTE}/holes/backups"))
    ask(201, "POST", f"{ROUTE}/holes2/restore?volume=holes&backup={backup['Id']}")
    ask(201, "POST", f"{ROUTE}/holes/snapshot?as=holes3")
    for volume in ("holes2", "holes3"):
        status = (VOLUMES / volume / "_data/f").stat()
        equal(status.st_size, (2 << 30) + 2)
        assert status.st_blocks * 512 < 4 << 20, status.st_blocks
    assert before - free() < 32 << 20
    ask(204, "DELETE", f"/bulkhead/v1/backups/holes/{backup['Id']}")
    for volume in ("holes2", "holes3"):
        ask(204, "DELETE", f"/volumes/{volume}")


@check("a full disk refuses what does not fit, keeps a reserve, and loses nothing")
def full():
    reserve = DISK_BYTES // 20
    filler = ROOT + "/filler"
    with open(filler, "wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(0, free() - reserve - (12 << 20)))
    try:
        refused_when_full()
    finally:
        os.unlink(filler)
    equal(content_of("target"), HASHES[0])
    ask(201, "PUT", f"{ROUTE}/target/archive?force=1", ARCHIVES[1])
    equal(content_of("target"), HASHES[1])


def refused_when_full():
    before = free()
    ask(507, "PUT", f"{ROUTE}/target/archive?force=1", ARCHIVES[1])
    ask(507, "PUT", f"{ROUTE}/target/archive?force=1&format=tar", archive(TWO))
    ask(507, "PUT", f"{ROUTE}/new/archive?format=tar", archive(TWO))
    ask(507, "POST", f"{ROUTE}/two/snapshot?as=new")
    ask(507, "POST", f"{ROUTE}/two/backups")
    ask(507, "GET", f"{ROUTE}/two/archive")
    ask(507, "GET", f"{ROUTE}/two/archive?format=tar")
    equal(leftovers(), [])
    assert before - free() < 4 << 20, (before, free())
    ask(201, "POST", "/volumes/create", {"Name": "small"})
    run("fits", "echo here >/d/f", "small")
    equal(exits("fits"), 0)


@check("two at once: one after the other or refused, and what is there is whole")
def two_at_once():
    answers = []

    def send(body):
        answers.append(put(f"{ROUTE}/target/archive?force=1", body)[0])

    threads = [threading.Thread(target=send, args=(ARCHIVES[index % 2],)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {201, 409} and 201 in answers, answers
    assert content_of("target") in HASHES
    equal(leftovers(), [])


@check("kill -9 in the middle: whole or not at all, nothing left over, and nobody left standing")
def killed():
    snapshots = 0
    acknowledged = set()
    kinds = {}
    for number in range(ROUNDS):
        kind = ["restore", "backup", "snapshot", "import"][number % 4]
        wanted = number // 4 % 2
        outcome = []

        def work():
            try:
                if kind == "restore":
                    outcome.append(put(f"{ROUTE}/target/archive?force=1", ARCHIVES[wanted]))
                elif kind == "import":
                    path = f"{ROUTE}/target/archive?force=1&format=tar"
                    outcome.append(put(path, archive((ONE, TWO)[wanted])))
                elif kind == "backup":
                    outcome.append(ENGINE.ask("POST", f"{ROUTE}/one/backups")[:2])
                else:
                    outcome.append(ENGINE.ask("POST", f"{ROUTE}/one/snapshot?as=copy{number}")[:2])
            except GONE:
                pass

        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(GENERATOR.uniform(0.01, 0.6))
        ENGINE.end(signal.SIGKILL)
        thread.join()
        ENGINE.start()
        done = bool(outcome) and outcome[0][0] == 201
        kinds[kind, done] = kinds.get((kind, done), 0) + 1
        equal(leftovers(), [])
        now = content_of("target")
        assert now in HASHES, f"round {number}"
        if done and kind in ("restore", "import"):
            equal(now, HASHES[wanted])
        if done and kind == "backup":
            acknowledged.add(json.loads(outcome[0][1])["Id"])
        for volume in asked("GET", "/volumes")["Volumes"]:
            if volume["Name"].startswith("copy"):
                equal(content_of(volume["Name"]), HASHES[0])
                ask(204, "DELETE", f"/volumes/{volume['Name']}")
                snapshots += 1
        listed = {backup["Id"] for backup in asked("GET", "/bulkhead/v1/backups?volume=one")["Backups"]}
        assert acknowledged <= listed, (acknowledged, listed)
        for identity in listed:
            ask(200, "POST", f"/bulkhead/v1/backups/one/{identity}/verify")
            ask(204, "DELETE", f"/bulkhead/v1/backups/one/{identity}")
        acknowledged.clear()
        count = counts()
        until("the writer goes on", lambda: counts() not in (count, ""))
    print(f"# outcomes {sorted(kinds.items())}, snapshots {snapshots}", flush=True)


def end():
    try:
        for item in asked("GET", "/containers/json?all=1"):
            ENGINE.ask("DELETE", f"/containers/{item['Id']}?force=1&v=1")
    finally:
        ENGINE.stop()
        subprocess.run(["umount", ROOT], check=True)
        os.unlink(FOLDER + "/disk")


if __name__ == "__main__":
    try:
        prepare()
        main()
    finally:
        end()
