#!/usr/bin/env python3
"""Kills a server in the middle of an answer: cut.py PORT BYTES PID-FILE

Relays connections from a free port of 127.0.0.1, which is printed, to PORT. As soon as it has brought BYTES back it kills the
process that PID-FILE names, once; later connections are relayed as they are. Ends with the process group that it was started in.
"""
import os
import signal
import socket
import sys
import threading

port, limit, pid_file = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
brought, is_done, lock = 0, False, threading.Lock()


def copy(source, target, counts):
    global brought, is_done
    try:
        while data := source.recv(65_536):
            target.sendall(data)
            with lock:
                brought += len(data) if counts else 0
                if brought >= limit and not is_done:
                    is_done = True
                    with open(pid_file) as file:
                        os.kill(int(file.read()), signal.SIGKILL)
    except OSError:
        pass
    for end in (source, target):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
os.close(1)
while True:
    client = listener.accept()[0]
    try:
        server = socket.create_connection(("127.0.0.1", port))
    except OSError:
        client.close()
        continue
    threading.Thread(target=copy, args=(client, server, False), daemon=True).start()
    threading.Thread(target=copy, args=(server, client, True), daemon=True).start()
