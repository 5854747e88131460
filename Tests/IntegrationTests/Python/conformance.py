#!/usr/bin/env python3
"""Runs OCI's distribution conformance suite against a server of its own: conformance.py PATH-OF-BULKHEADD SUITE

SUITE is the suite's program, built from github.com/opencontainers/distribution-spec/conformance. Ends with 1 where a check
fails, or where the suite did nothing.
"""
import collections
import os
import signal
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

from service import PASSWORD, Server

if len(sys.argv) != 3 or not os.access(sys.argv[2], os.X_OK):
    sys.exit("usage: make conformance CONFORMANCE=PROGRAM, the suite of distribution-spec/conformance, built")
program, suite = map(os.path.abspath, sys.argv[1:])

with tempfile.TemporaryDirectory(prefix="bulkhead-conformance-", dir="/tmp") as folder:
    # The server's user has to reach its folders below.
    os.chmod(folder, 0o755)
    server = Server(program, folder)
    try:
        for path, body in [("users", {"name": "conformance", "password": PASSWORD}), ("projects", {"name": "conformance"})]:
            assert server.local("POST", f"/api/v1/{path}", body)[0] == 201
        path = "/api/v1/projects/conformance/members/conformance"
        assert server.local("PUT", path, {"role": "maintainer"})[0] == 204
        settings = {
            "OCI_REGISTRY": server.host, "OCI_TLS": "enabled", "SSL_CERT_FILE": server.authority, "OCI_VERSION": "1.1",
            "OCI_USERNAME": "conformance", "OCI_PASSWORD": PASSWORD, "OCI_REPO1": "conformance/one",
            "OCI_REPO2": "conformance/two", "OCI_RESULTS_DIR": folder + "/results", "OCI_LOG": "warn"}
        ended = subprocess.run(
            [suite], env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder).returncode
        cases = list(xml.etree.ElementTree.parse(folder + "/results/junit.xml").iter("testcase"))
        counts = collections.Counter(case.get("status") for case in cases)
        failed = [case for case in cases if case.get("status") not in ("passed", "skipped", "disabled")]
        for case in failed:
            print("failed:", case.get("name"), " ".join("".join(case.itertext()).split())[-300:])
        print("conformance:", ", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
        is_whole = server.end(signal.SIGTERM) == 0
        sys.exit(0 if is_whole and counts["passed"] > 0 and not failed and ended == 0 else 1)
    finally:
        server.stop()
