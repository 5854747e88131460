#!/usr/bin/env python3
"""Starts Debian's docker-registry for one test: registry.py FOLDER [password] [tls]

The registry serves 127.0.0.1 on a free port, which is printed, and keeps everything in FOLDER; its process id is in
FOLDER/pid. 'password' lets only ann with 's3cret' in; 'tls' uses a certificate for localhost from a CA of its own, FOLDER/ca.crt.
"""
import crypt
import os
import socket
import subprocess
import sys
import time

folder, modes = sys.argv[1], sys.argv[2:]
os.makedirs(folder + "/data")
# The port is free when it is asked for; that another program takes it in between is told by the registry's end.
with socket.socket() as probe:
    probe.bind(("127.0.0.1", 0))
    port = probe.getsockname()[1]

config = f"""version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:{port}
"""
if "tls" in modes:
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=test CA")
    run("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    with open(folder + "/extensions", "w") as file:
        file.write("subjectAltName=DNS:localhost\n")
    run("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "extensions", "-out", "server.crt")
    config += f"  tls: {{certificate: {folder}/server.crt, key: {folder}/server.key}}\n"
if "password" in modes:
    secret = crypt.crypt("s3cret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
    with open(folder + "/users", "w") as file:
        file.write(f"ann:{secret}\n")
    config += f"auth:\n  htpasswd: {{realm: test, path: {folder}/users}}\n"
with open(folder + "/config.yml", "w") as file:
    file.write(config)

with open(folder + "/log", "w") as log:
    process = subprocess.Popen(
        ["docker-registry", "serve", folder + "/config.yml"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        start_new_session=True)
with open(folder + "/pid", "w") as file:
    file.write(str(process.pid))
deadline = time.monotonic() + 20
while True:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        break
    except OSError:
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit("docker-registry did not start: " + open(folder + "/log").read()[-500:])
        time.sleep(0.02)
print(port)
