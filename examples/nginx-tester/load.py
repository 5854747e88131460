"""Asks a service for a while, each request on a connection of its own, while pods behind it are killed.

    load.py ADDRESS SECONDS KUBECTL…      (KUBECTL: the command with its options, as the rest of the line)

Prints how often each pod answered. Exit code 0 where no request failed but on connections to pods that were being killed, and where every
pod that was there and ready for the whole run got its share within a fifth.
"""
import collections
import http.client
import json
import random
import subprocess
import sys
import threading
import time

ADDRESS, SECONDS, KUBECTL = sys.argv[1], float(sys.argv[2]), sys.argv[3:]
CLIENTS = 4
answers, failures, kills = collections.Counter(), [], []
over = threading.Event()
lock = threading.Lock()


def ask():
    while not over.is_set():
        begin = time.monotonic()
        connection = http.client.HTTPConnection(ADDRESS, timeout=5)
        try:
            connection.request("GET", "/", headers={"Connection": "close"})
            answer = connection.getresponse()
            name = answer.read().decode().strip()
            with lock:
                answers[name] += 1
            if answer.status != 200:
                raise OSError(f"status {answer.status}")
        except (OSError, http.client.HTTPException) as failure:
            with lock:
                failures.append((begin, repr(failure)))
        finally:
            connection.close()


def pods():
    """Names of pods that are ready and not on their way out."""
    listed = json.loads(subprocess.run([*KUBECTL, "get", "pods", "-l", "app=nginx-tester", "-o", "json"], check=True,
                                       capture_output=True, text=True).stdout)["items"]
    return {one["metadata"]["name"] for one in listed
            if not one["metadata"].get("deletionTimestamp")
            and any(c["type"] == "Ready" and c["status"] == "True" for c in one["status"].get("conditions", []))}


def main():
    stayed = pods()
    spared = set(sorted(stayed)[:3])
    threads = [threading.Thread(target=ask) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(1)
        victims = sorted(pods() - spared)
        if victims:
            victim = random.choice(victims)
            subprocess.run([*KUBECTL, "delete", "pod", victim, "--wait=false"], check=True, capture_output=True)
            kills.append(victim)
    over.set()
    for thread in threads:
        thread.join()
    total = sum(answers.values())
    print(f"  {total} requests answered by {len(answers)} pods in {SECONDS:.0f} s; {len(kills)} pods killed; {len(failures)} requests failed")
    for when, failure in failures[:5]:
        print(f"  failed: {failure}")
    # Pods that were never killed were there all the time: all of them got the same.
    shares = {name: answers[name] for name in spared}
    mean = sum(shares.values()) / max(len(shares), 1)
    for name, count in sorted(shares.items()):
        print(f"  {name}: {count} answers, {100 * (count / mean - 1):+.1f} % of the mean of the pods that stayed")
    fair = all(abs(count / mean - 1) <= 0.2 for count in shares.values())
    if not fair:
        print("  the shares differ by more than a fifth")
    return 0 if total and fair and not failures and kills else 1


if __name__ == "__main__":
    sys.exit(main())
