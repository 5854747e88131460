"""The page that votes are cast on. A vote is answered with 'taken' only once redis has it on its disk."""

import json
import os
import re
import secrets
import socket
import time

from flask import Flask, Response, make_response, render_template, request
from redis import Redis
from redis.exceptions import RedisError

OPTIONS = {"a": os.environ.get("OPTION_A", "Cats"), "b": os.environ.get("OPTION_B", "Dogs")}
QUEUE = "votes"
VOTER = re.compile(r"[0-9a-f]{32}")
YEAR_SECONDS = 365 * 24 * 3600

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 4096
# Connections are made when they are needed: this program starts while redis is away.
queue = Redis(host=os.environ.get("REDIS_HOST", "redis"), socket_timeout=5, socket_connect_timeout=2, health_check_interval=10)


def voter_of(cookies):
    """The voter's id: the cookie's where it has the form of ours, else a new one."""
    known = cookies.get("voter", "")
    return known if VOTER.fullmatch(known) else secrets.token_hex(16)


def page(voter, choice=None, problem=None, status=200):
    text = render_template("vote.html", options=OPTIONS, choice=choice, problem=problem, host=socket.gethostname())
    answer = make_response(text, status)
    answer.set_cookie("voter", voter, max_age=YEAR_SECONDS, httponly=True, samesite="Lax")
    answer.headers["Cache-Control"] = "no-store"
    return answer


@app.get("/")
def show():
    return page(voter_of(request.cookies))


@app.post("/")
def cast():
    voter = voter_of(request.cookies)
    choice = request.form.get("vote", "")
    if choice not in OPTIONS:
        return page(voter, problem="Choose one of the two.", status=400)
    vote = {"voter": voter, "choice": choice, "castAt": time.time_ns() // 1000}
    try:
        queue.lpush(QUEUE, json.dumps(vote))
    except RedisError:
        app.logger.exception("a vote was not taken")
        return page(voter, problem="Your vote could not be taken. Please try again.", status=503)
    return page(voter, choice=choice)


@app.get("/healthz")
def health():
    try:
        queue.ping()
    except RedisError as failure:
        return Response(f"redis: {type(failure).__name__}\n", status=503, mimetype="text/plain")
    return Response("ok\n", mimetype="text/plain")
