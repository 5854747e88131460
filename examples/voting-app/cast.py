#!/usr/bin/env python3
"""Casts votes as many voters at once, and tells how many requests failed.

Usage: cast.py URL NUMBER [--until FILE] [--clients 16]

Every second request is a vote, the others only look at the page; every fourth vote comes from a slow voter, whose words arrive
behind the request's head. With --until it goes on, past NUMBER, until FILE is there.
Prints one line; exit code 1 when a request failed.
"""
import argparse
import collections
import http.client
import pathlib
import re
import threading
import time
import urllib.parse
import uuid

SLOW_SECONDS = 0.1


def main():
    parser = argparse.ArgumentParser(description="Casts votes.")
    parser.add_argument("url")
    parser.add_argument("number", type=int)
    parser.add_argument("--until", type=pathlib.Path)
    parser.add_argument("--clients", type=int, default=16)
    options = parser.parse_args()
    place = urllib.parse.urlsplit(options.url)
    lock = threading.Lock()
    begun = 0
    failures, voted, answered = [], collections.Counter(), collections.Counter()

    def take():
        nonlocal begun
        with lock:
            if begun >= options.number and (options.until is None or options.until.exists()):
                return None
            begun += 1
            return begun

    def vote(connection, words, is_slow):
        connection.putrequest("POST", "/")
        connection.putheader("Content-Type", "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", len(words))
        connection.putheader("Cookie", f"voter={uuid.uuid4().hex}")
        connection.endheaders()
        if is_slow:
            time.sleep(SLOW_SECONDS)
        connection.send(words)

    def request(number):
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        try:
            if number % 2:
                connection.request("GET", "/")
                choice = None
            else:
                choice = "ab"[number // 2 % 2]
                vote(connection, f"vote={choice}".encode(), is_slow=number % 8 < 2)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        by = re.search(rb"Answered by ([\w-]+)", body)
        if answer.status != 200 or by is None or (choice and b'id="taken"' not in body):
            raise ValueError(f"status {answer.status}: {body[:60]!r}")
        return choice, by[1].decode()

    def work():
        while (number := take()) is not None:
            try:
                choice, by = request(number)
            except (OSError, ValueError, http.client.HTTPException) as failure:
                with lock:
                    failures.append(f"request {number}: {type(failure).__name__} {failure}")
                continue
            with lock:
                answered[by] += 1
                if choice:
                    voted[choice] += 1

    started = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - started
    print(f"{begun} requests in {seconds:.1f} s, {voted['a'] + voted['b']} votes (a {voted['a']}, b {voted['b']}), "
          f"{len(answered)} containers answered, {len(failures)} failed")
    for failure in failures[:5]:
        print(f"  {failure}")
    raise SystemExit(1 if failures else 0)


main()
