"""An S3 server on this machine, and a proxy in front of it that refuses, resets and hangs when it is told to."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen

from moto.server import ThreadedMotoServer

__all__ = ["BUCKET", "Proxy", "denied", "environment_of", "proxied", "served", "short_waits"]

BUCKET = "nights"
_BLOCK = 2**16


def environment_of(endpoint: str) -> dict[str, str]:
    """Return what an S3 client needs to find the server; no file and no other host is asked for credentials."""
    return {
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def short_waits() -> dict[str, str]:
    """Return what makes a client give up on a hanging server within a second."""
    return {"FSSPEC_S3": '{"config_kwargs": {"connect_timeout": 1, "read_timeout": 1}}'}


@contextmanager
def served() -> Iterator[str]:
    """Run a server with one empty bucket; give its address."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line a request otherwise
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint = f"http://{host}:{port}"
        urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()  # servers of one process share data
        urlopen(Request(f"{endpoint}/{BUCKET}", method="PUT")).close()
        yield endpoint
    finally:
        server.stop()


@contextmanager
def denied(endpoint: str) -> Iterator[None]:
    """Let the server know nobody for the duration of the block."""
    _ask_who(endpoint, after="0")
    try:
        yield
    finally:
        _ask_who(endpoint, after="inf")


def _ask_who(endpoint: str, *, after: str) -> None:
    """Tell the server after how many requests to look at who sends them."""
    plain = {"Content-Type": "text/plain"}
    urlopen(Request(f"{endpoint}/moto-api/reset-auth", after.encode(), plain, method="POST")).close()


@dataclass
class Proxy:
    """What lies between the clients and the server, and how it behaves.

    Parameters
    ----------
    mode : str
        ``pass``, ``refuse`` (closes at once), ``reset`` (after some bytes of the answer), ``hang`` or ``spoil``
        (changes the case of ``word`` on its way to the server, as a bad memory would change bits).
    """

    endpoint: str
    mode: str = "pass"
    word: bytes = b"word"
    n_connection: int = 0


@contextmanager
def proxied(endpoint: str) -> Iterator[Proxy]:
    """Put a proxy in front of a server."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    listener = socket.create_server(("127.0.0.1", 0))
    proxy = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}")
    ended = threading.Event()

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            proxy.n_connection += 1
            threading.Thread(target=_serve, args=(client, (host, int(port)), proxy, ended), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _serve(client: socket.socket, server: tuple[str, int], proxy: Proxy, ended: threading.Event) -> None:
    with client, contextlib.suppress(OSError):
        if proxy.mode == "refuse":
            _reset(client)
            return
        with socket.create_connection(server) as upstream:
            back = threading.Thread(target=_pump, args=(upstream, client, proxy, ended, True), daemon=True)
            back.start()
            _pump(client, upstream, proxy, ended, False)
            back.join()


def _pump(
    source: socket.socket, target: socket.socket, proxy: Proxy, ended: threading.Event, answers: bool
) -> None:
    """Carry bytes one way until an end is closed; misbehave as the proxy is told to."""
    with contextlib.suppress(OSError):
        while block := source.recv(_BLOCK):
            if proxy.mode == "hang":
                ended.wait()
                return
            if proxy.mode in ("reset", "refuse"):
                if answers:
                    target.sendall(block[: len(block) // 2])
                _reset(target)
                _reset(source)
                return
            spoils = proxy.mode == "spoil" and not answers
            target.sendall(block.replace(proxy.word, proxy.word.swapcase()) if spoils else block)
        target.shutdown(socket.SHUT_WR)


def _reset(connection: socket.socket) -> None:
    """Close so that the other end sees a reset rather than an end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()
