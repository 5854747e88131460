"""A person at a terminal: docker's CLI on a pseudo-terminal."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import uuid

from checks import check, equal, main

MARK = "tty" + uuid.uuid4().hex[:8]
LIMIT_SECONDS = 20


class Terminal:
    """The CLI on a terminal of its own."""

    def __init__(self, *command, rows=24, columns=80):
        self.process, self.master = pty.fork()
        if self.process == 0:
            os.execvp(command[0], command)
        self.resize(rows, columns)
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, pattern):
        """Reads until the pattern is seen; forgets what was read up to its end."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            found = re.search(pattern.encode(), self.seen)
            if found:
                self.seen = self.seen[found.end():]
                return found
            ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"{pattern!r} was not seen in {self.seen[-300:]!r}")
            try:
                piece = os.read(self.master, 65536)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"ended before {pattern!r}: {self.seen[-300:]!r}")
            self.seen += piece

    def end(self):
        """Exit status, after the output has ended."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self.master], [], [], 0.05)
            if ready:
                try:
                    self.seen += os.read(self.master, 65536)
                except OSError:
                    pass
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                os.close(self.master)
                return os.waitstatus_to_exitcode(status)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        raise AssertionError(f"did not end: {self.seen[-300:]!r}")


def docker(*arguments, accept=True):
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60)
    if accept and result.returncode != 0:
        raise AssertionError(result.stderr)
    return result.stdout.strip()


def remove(*names):
    subprocess.run(["docker", "rm", "-f", *names], capture_output=True, timeout=60)


@check("run -it: a shell, echo, exit status")
def shell():
    terminal = Terminal("docker", "run", "-it", "--rm", "busybox", "sh")
    terminal.expect(r"/ # ")
    terminal.type("echo $((6 * 7))\n")
    terminal.expect(r"\r\n42\r\n")
    terminal.type("exit 5\n")
    equal(terminal.end(), 5)


@check("run -it: first size and later ones")
def sizes():
    terminal = Terminal("docker", "run", "-it", "--rm", "busybox", "sh", rows=31, columns=97)
    terminal.expect(r"/ # ")
    # The CLI sets the first size after the start, so the shell may have asked before.
    for rows, columns in ((31, 97), (40, 132)):
        terminal.resize(rows, columns)
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            # Again and again: the CLI begins to listen for it some time after the start, too.
            os.kill(terminal.process, signal.SIGWINCH)
            terminal.type("stty size\n")
            # stty may be interrupted by the very change.
            found = terminal.expect(r"\r\n(\d+ \d+|stty: [^\r]*)\r\n")
            if found[1].decode() == f"{rows} {columns}":
                break
            if time.monotonic() > deadline:
                raise AssertionError(f"the size stayed {found[0]!r}")
    terminal.type("exit\n")
    equal(terminal.end(), 0)


@check("^C reaches the program")
def interrupt():
    terminal = Terminal("docker", "run", "-it", "--rm", "busybox", "sh", "-c", "trap 'echo got it; exit 3' INT; echo ready; while :; do sleep 0.05; done")
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("got it")
    equal(terminal.end(), 3)


@check("^D ends the input")
def end_of_input():
    terminal = Terminal("docker", "run", "-it", "--rm", "busybox", "cat")
    terminal.type("line\n")
    terminal.expect(r"line\r\nline\r\n")
    terminal.type("\x04")
    equal(terminal.end(), 0)


def actions(name, start):
    """What events told of a container since a time, in order."""
    return docker("events", "--since", f"{start:.9f}", "--until", f"{time.time():.9f}", "-f", f"container={name}",
                  "--format", "{{.Action}}").split("\n")


@check("detach keys leave it running, attach comes back")
def detach():
    name = MARK + "-detach"
    start = time.time()
    try:
        terminal = Terminal("docker", "run", "-it", "--name", name, "busybox", "sh")
        terminal.expect(r"/ # ")
        terminal.type("x=kept\n")
        terminal.expect(r"/ # ")
        terminal.type("\x10\x11")
        equal(terminal.end(), 0)
        equal(docker("inspect", "-f", "{{.State.Running}}", name), "true")
        terminal = Terminal("docker", "attach", name)
        terminal.type("echo $x\n")
        terminal.expect(r"kept")
        terminal.type("exit 4\n")
        equal(terminal.end(), 4)
        seen = actions(name, start)
        equal([action for action in seen if action in ("attach", "detach")], ["attach", "detach", "attach"])
        assert "resize" in seen, seen
    finally:
        remove(name)


@check("detach keys of one's own")
def own_detach_keys():
    name = MARK + "-keys"
    try:
        terminal = Terminal("docker", "run", "-it", "--detach-keys", "ctrl-a,z", "--name", name, "busybox", "sh")
        terminal.expect(r"/ # ")
        terminal.type("\x01z")
        equal(terminal.end(), 0)
        equal(docker("inspect", "-f", "{{.State.Running}}", name), "true")
    finally:
        remove(name)


@check("half of the detach keys goes through")
def half_detach():
    terminal = Terminal("docker", "run", "-it", "--rm", "--detach-keys", "a,b", "busybox", "cat")
    terminal.type("axa\n")
    terminal.expect(r"axa\r\naxa\r\n")
    terminal.type("\x04")
    equal(terminal.end(), 0)


@check("exec -it: a shell with its size, ^C, exit status")
def execution():
    name = MARK + "-exec"
    try:
        docker("run", "-d", "--name", name, "busybox", "sleep", "1000")
        terminal = Terminal("docker", "exec", "-it", name, "sh", rows=30, columns=90)
        terminal.expect(r"/ # ")
        os.kill(terminal.process, signal.SIGWINCH)
        deadline = time.monotonic() + LIMIT_SECONDS
        while True:
            terminal.type("stty size\n")
            if terminal.expect(r"\r\n(\d+ \d+|stty: [^\r]*)\r\n")[1] == b"30 90":
                break
            assert time.monotonic() < deadline, "the size did not arrive"
        terminal.type("sleep 100\n")
        terminal.expect("sleep 100\r\n")
        deadline = time.monotonic() + LIMIT_SECONDS
        while "sleep 100\n" not in docker("top", name, "-o", "pid,args") + "\n":
            assert time.monotonic() < deadline, "the program did not start"
        terminal.type("\x03")
        # The terminal throws away what was typed before the interrupt is seen.
        terminal.expect(r"/ # ")
        terminal.type("echo still here\n")
        terminal.expect(r"\r\nstill here\r\n")
        terminal.type("exit 6\n")
        equal(terminal.end(), 6)
    finally:
        remove(name)


@check("exec detach keys leave the program running")
def exec_detach():
    name = MARK + "-execd"
    start = time.time()
    try:
        docker("run", "-d", "--name", name, "busybox", "sleep", "1000")
        terminal = Terminal("docker", "exec", "-it", name, "sleep", "777")
        deadline = time.monotonic() + LIMIT_SECONDS
        while "sleep 777" not in docker("top", name):
            assert time.monotonic() < deadline, "exec did not start"
        terminal.type("\x10\x11")
        terminal.end()
        assert "sleep 777" in docker("top", name)
        assert "exec_detach" in actions(name, start), actions(name, start)
    finally:
        remove(name)


@check("attach to a container without a terminal, --sig-proxy passes INT")
def signal_proxy():
    name = MARK + "-sig"
    try:
        start = time.time()
        docker("run", "-d", "--name", name, "busybox", "sh", "-c",
               "trap 'echo passed; exit 7' INT; touch /ready; while :; do sleep 0.05; done")
        attached = subprocess.Popen(["docker", "attach", "--no-stdin", name], stdout=subprocess.PIPE)
        deadline = time.monotonic() + LIMIT_SECONDS
        while "attach" not in actions(name, start) or subprocess.run(["docker", "exec", name, "test", "-e", "/ready"]).returncode:
            assert time.monotonic() < deadline, "never attached"
        attached.send_signal(signal.SIGINT)
        equal(attached.communicate(timeout=LIMIT_SECONDS)[0], b"passed\n")
        equal(docker("wait", name), "7")
    finally:
        remove(name)


@check("logs of a terminal session")
def session_logs():
    name = MARK + "-log"
    try:
        terminal = Terminal("docker", "run", "-it", "--name", name, "busybox", "sh", "-c", "echo visible")
        terminal.expect("visible")
        equal(terminal.end(), 0)
        equal(docker("logs", name), "visible")
    finally:
        remove(name)


main()
