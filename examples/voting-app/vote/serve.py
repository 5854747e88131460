"""Serves the page on port 8080: a thread for each connection.

Each answer goes out in one piece: when this program is killed, an answer has either been given or not begun, and whoever
stands in front may ask another one.
"""

import signal
import socketserver
import threading
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from vote import app


class Server(socketserver.ThreadingMixIn, WSGIServer):
    request_queue_size = 256
    # At the end those that are being answered are waited for.
    daemon_threads = False


class Handler(WSGIRequestHandler):
    timeout = 30
    # Buffered: head and body of an answer leave together.
    wbufsize = -1


def main():
    with Server(("0.0.0.0", 8080), Handler) as server:
        server.set_app(app)
        # The loop is asked to end by another thread, as the handler interrupts it.
        signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
        server.serve_forever(poll_interval=0.2)


main()
