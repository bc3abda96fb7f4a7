"""A threaded HTTP server on the loopback address for a WSGI application, over TLS where it is given a certificate."""

import errno
import logging
import socket
import ssl
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

HOST = "127.0.0.1"
SENT_HEADERS = "local.headers"  # environ key: the headers as the client spelt and repeated them
logger = logging.getLogger("local.server")


class PortBusy(Exception):
    """Another process listens on the port."""


class PortRefused(Exception):
    """The system does not give the port away."""


def bound(port: int) -> socket.socket:
    """Take a port of the loopback address (0: any free one); PortBusy or PortRefused where it cannot be had."""
    taken = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((HOST, port))
        taken.listen(128)
    except OSError as error:
        taken.close()
        if error.errno != errno.EADDRINUSE:
            raise PortRefused(f"Port {port} cannot be taken: {error.strerror}.") from error
        raise PortBusy(str(port)) from error
    return taken


class Server:
    """One application on one bound socket; every request has a thread of its own."""

    def __init__(
        self, application: "WSGIApplication", taken: socket.socket, certificate: tuple[Path, Path] | None = None
    ) -> None:
        self.port: int = taken.getsockname()[1]
        self._server = make_server(
            HOST,
            self.port,
            application,
            threaded=True,
            request_handler=_RequestHandler,
            fd=taken.detach(),
        )
        if certificate is not None:
            self._secure(certificate)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests; those under way end with the process."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _secure(self, certificate: tuple[Path, Path]) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        # The handshake belongs into the request's own thread: browsers open connections that they do not use yet,
        # and one of those would hold up everybody else.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.ssl_context = context


class _RequestHandler(WSGIRequestHandler):
    """werkzeug's, quiet, with the headers as the client spelt them."""

    server_version = "secondstep-local"
    sys_version = ""
    wbufsize = -1  # one packet for head and body: two cost 40 ms each (delayed acknowledgement)
    disable_nagle_algorithm = True

    def make_environ(self) -> dict[str, Any]:
        """Add headers and target as they were sent: WSGI keeps no spelling, and http.server makes `/x` of `//x`."""
        target = self.requestline.split()[1]
        return super().make_environ() | {SENT_HEADERS: tuple(self.headers.items()), "REQUEST_URI": target}

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002, ARG002  werkzeug's name
        """Leave it to `logging`, where LOG=1 shows it: requests, and clients that break off or distrust TLS."""
        logger.info(message, *args)
