"""A server at an address that nothing here may reach, which says who came all the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def trap() -> Iterator[tuple[str, list[str]]]:
    """Its URL at 127.0.0.2, where `[network]` allows 127.0.0.1 alone, and the paths that it was asked for."""
    asked: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.2", 0), Trap) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.2:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
