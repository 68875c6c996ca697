"""A real http server over a folder that knows ranges, counts what it sends, and can be told to misbehave."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

Trouble = Callable[[str, int, bytes], bytes]  # path, number of the request, content: what is really sent


@dataclass
class Server:
    """What the server has done; ``trouble`` may shorten what is sent (the connection is cut then) or change it."""

    url: str
    sent: dict[str, int] = field(default_factory=dict)
    n_request: int = 0
    trouble: Trouble | None = None
    knows_ranges: bool = True
    secrets: set[str | None] = field(default_factory=set)  # passwords that readers have sent


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Serve a folder on a port of this machine."""
    lock = threading.Lock()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.secrets.add(self.headers.get("Authorization"))
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            content = path.read_bytes()
            size, asked = len(content), self.headers.get("Range")
            if asked and state.knows_ranges:
                first, _, last = asked.removeprefix("bytes=").partition("-")
                start = int(first) if first else size - int(last)
                content = content[start : int(last) + 1 if first and last else None]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{start + len(content) - 1}/{size}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with lock:
                state.n_request += 1
                number = state.n_request
            real = state.trouble(self.path, number, content) if state.trouble else content
            with lock:
                state.sent[self.path.lstrip("/")] = state.sent.get(self.path.lstrip("/"), 0) + len(real)
            self.wfile.write(real)

        def log_message(self, format: str, *args: object) -> None:
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Server(f"http://127.0.0.1:{httpd.server_port}")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
