"""A server on the loopback address that does exactly what a test says, byte by byte: what AWS and networks do."""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from http.client import parse_headers
from typing import Any, NamedTuple, Self
from zlib import crc32


class Received(NamedTuple):
    """One request, and which connection it came on (counted from 1)."""

    connection: int
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """Return the operation of AWS that is asked for."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]


type Act = Callable[[socket.socket], bool]  # sends something; tells whether the connection goes on


def says(body: object, status: int = 200, *, checksum: bool = True, **headers: str) -> Act:
    """Answer a document, or bytes as they are."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {"x-amz-crc32": str(crc32(raw))} if checksum else {}
    return answers(whole(status, {**told, **{name.replace("_", "-"): value for name, value in headers.items()}}, raw))


def refuses(code: str, status: int = 400, **more: Any) -> Act:
    """Answer an error of AWS."""
    headers = {name: more.pop(name) for name in ("Date",) if name in more}
    return says({"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "m", **more}, status, **headers)


def whole(status: int, headers: dict[str, str], body: bytes) -> bytes:
    """Return an answer as it stands on the wire."""
    lines = [f"{name}: {value}" for name, value in {**headers, "Content-Length": str(len(body))}.items()]
    return "\r\n".join((f"HTTP/1.1 {status} X", *lines, "", "")).encode() + body


def answers(raw: bytes, *, goes_on: bool = True) -> Act:
    """Send bytes."""

    def act(connection: socket.socket) -> bool:
        connection.sendall(raw)
        return goes_on

    return act


def half() -> Act:
    """Send half an answer and close."""
    return answers(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"Item"', goes_on=False)


def closes(_: socket.socket) -> bool:
    """Close in the place of an answer."""
    return False


def resets(connection: socket.socket) -> bool:
    """Reset in the place of an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def is_silent(connection: socket.socket) -> bool:
    """Never answer; wait until the client has gone."""
    with suppress(OSError):
        connection.recv(1)
    return False


def then_closes(act: Act) -> Act:
    """Answer as if the connection went on, and close it."""

    def both(connection: socket.socket) -> bool:
        act(connection)
        return False

    return both


class Loopback:
    """The server; `script` says what becomes of each request."""

    def __init__(self, script: Callable[[Received], Act], tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self._script = script
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://localhost:{self._listening.getsockname()[1]}"
        self.closed = threading.Semaphore(0)  # once for each connection that has ended

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        with self._lock:
            left = list(self._open)
        for connection in left:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with self._lock:
            self._open.add(connection)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(OSError), self._secured(connection) as secured:
                self._converse(secured, number)
        finally:
            with self._lock:
                self._open.discard(connection)
            self.closed.release()

    def _secured(self, connection: socket.socket) -> socket.socket:
        return self._tls.wrap_socket(connection, server_side=True) if self._tls else connection

    def _converse(self, connection: socket.socket, number: int) -> None:
        incoming = connection.makefile("rb")
        with incoming:
            while line := incoming.readline():
                headers = {name.lower(): value for name, value in parse_headers(incoming).items()}
                body = incoming.read(int(headers.get("content-length", 0)))
                received = Received(number, line.split()[1].decode(), headers, body)
                self.received.append(received)
                if not self._script(received)(connection):
                    return
