"""docker-compose as it is installed, read once and forked for each command: starting it anew takes longer than most commands.

Run by the interpreter of docker-compose with the path of a unix socket. A connection carries one request, JSON of `folder`,
`arguments` and `environment`, ended by a shutdown; the answer is the command's status on a line, and its output.
"""

import importlib.metadata
import json
import os
import signal
import socket
import sys
import tempfile

command = importlib.metadata.distribution("docker-compose").entry_points
main = next(entry for entry in command if entry.name == "docker-compose").load()


def carry_out(request, output):
    """Becomes the command; its exit status."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["docker-compose", "--ansi", "never", *request["arguments"]]
    for number in (1, 2):
        os.dup2(output.fileno(), number)
    try:
        main()
        return 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException as failure:  # What Python would print, and its status.
        print(repr(failure), file=sys.stderr)
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def serve(connection):
    with connection, tempfile.TemporaryFile() as output:
        request = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
        status = carry_out(request, output)
        output.seek(0)
        connection.sendall(f"{status}\n".encode() + output.read())


def listen(path):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        print("ready", flush=True)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                try:
                    serve(connection)
                finally:
                    os._exit(0)
            connection.close()


listen(sys.argv[1])
