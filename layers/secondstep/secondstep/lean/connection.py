"""Kept-alive connections to one endpoint, for any number of threads.

Lambda freezes an environment between two requests, and AWS closes what is silent for long. So a connection is looked
at before it is used again; and where one turns out to be dead only afterwards, the failure says so (`was_stale`), for
whoever knows whether the request may be sent once more.
"""

import select
import ssl
from collections.abc import Callable, Mapping
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import socket
from threading import Lock
from typing import NamedTuple

from secondstep.lean import trust
from secondstep.lean.endpoint import Endpoint

_MOST_IDLE = 10
_IDLE_SECONDS = 45  # what stands between us and AWS may forget a silent connection without telling us


class Limits(NamedTuple):
    """Seconds until a connection stands, and until an answer goes on."""

    connect: float = 1
    read: float = 2


class Reply(NamedTuple):
    """What AWS answered."""

    status: int
    headers: Message
    body: bytes


class NotSent(Exception):
    """The request has not left whole, so nothing can have run."""

    def __init__(self, reason: str, *, was_stale: bool) -> None:
        super().__init__(reason)
        self.was_stale = was_stale


class Lost(Exception):
    """The request has left and no whole answer came: whether it ran is unknown.

    `was_stale`: the connection was an old one, and it ended before the first byte of an answer.
    """

    def __init__(self, reason: str, *, was_stale: bool) -> None:
        super().__init__(reason)
        self.was_stale = was_stale


class _Idle(NamedTuple):
    connection: HTTPConnection
    since: float


class Connections:
    """The connections of one client; `clock` answers epoch seconds (a frozen environment's other clocks may stop)."""

    def __init__(self, endpoint: Endpoint, *, clock: Callable[[], float], limits: Limits, bundle: str = "") -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._limits = limits
        self._bundle = bundle
        self._trusts = trust.narrow
        self._idle: list[_Idle] = []
        self._lock = Lock()

    def exchange(self, headers: Mapping[str, str], body: bytes, *, anew: bool = False) -> Reply:
        """Post a body and return the answer; NotSent or Lost. `anew` drops what is idle and connects again."""
        if anew:
            self.close()
        kept = self._kept()
        connection = kept or self._connected()
        try:
            reply = _exchanged(connection, self._endpoint.path, headers, body, is_old=kept is not None)
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return reply

    def close(self) -> None:
        """Drop what is idle."""
        with self._lock:
            dropped, self._idle = self._idle, []
        for each in dropped:
            each.connection.close()

    def _kept(self) -> HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection, since = self._idle.pop()
            if 0 <= self._clock() - since < _IDLE_SECONDS and not _has_ended(connection.sock):
                return connection
            connection.close()

    def _keep(self, connection: HTTPConnection) -> None:
        if connection.sock is None:  # `Connection: close`
            return
        with self._lock:
            if len(self._idle) < _MOST_IDLE:
                self._idle.append(_Idle(connection, self._clock()))
                return
        connection.close()

    def _connected(self) -> HTTPConnection:
        try:
            return self._opened()
        except ssl.SSLCertVerificationError:
            return self._opened_believing_more()
        except OSError as failure:
            raise NotSent(_named(failure), was_stale=False) from failure

    def _opened_believing_more(self) -> HTTPConnection:
        self._trusts = trust.wide
        try:
            return self._opened()
        except OSError as failure:
            raise NotSent(_named(failure), was_stale=False) from failure

    def _opened(self) -> HTTPConnection:
        connection = self._made()
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.sock.settimeout(self._limits.read)
        return connection

    def _made(self) -> HTTPConnection:
        _, host, port, _, _ = self._endpoint
        if not self._endpoint.is_tls:
            return HTTPConnection(host, port, timeout=self._limits.connect)
        return HTTPSConnection(host, port, timeout=self._limits.connect, context=self._trusts(self._bundle))


def _exchanged(
    connection: HTTPConnection, path: str, headers: Mapping[str, str], body: bytes, *, is_old: bool
) -> Reply:
    try:
        connection.request("POST", path, body, dict(headers))
    except OSError as failure:  # less than its Content-Length has left: no service acts on that
        raise NotSent(_named(failure), was_stale=is_old) from failure
    try:
        response = connection.getresponse()
    except (
        ConnectionError,
        ssl.SSLEOFError,
    ) as failure:  # it ended in the place of an answer
        raise Lost(_named(failure), was_stale=is_old) from failure
    except (OSError, HTTPException) as failure:
        raise Lost(_named(failure), was_stale=False) from failure
    try:
        return Reply(response.status, response.headers, response.read())
    except (OSError, HTTPException) as failure:
        raise Lost(_named(failure), was_stale=False) from failure


def _has_ended(sock: socket) -> bool:
    """Tell whether the other side has closed, or said something that nobody asked for."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _named(failure: Exception) -> str:
    return type(failure).__name__
