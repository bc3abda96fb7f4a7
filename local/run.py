"""Runs the local service on its two ports until it is told to end."""

import logging
import shlex
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from local.server import HOST, PortBusy, PortRefused, Server, bound

if TYPE_CHECKING:
    from local.deliveries import Mail
    from local.service import LocalService

DEFAULT_PORT = 3000


class StartRefused(Exception):
    """The run cannot start; the text is for whoever started it."""


@dataclass(frozen=True)
class Options:
    """What the environment asks for."""

    port: int
    tls: bool
    log: bool
    mail: bool

    @property
    def url(self) -> str:
        """Return where the service answers."""
        return f"{'https' if self.tls else 'http'}://{HOST}:{self.port}"

    @property
    def aws_url(self) -> str:
        """Return where AWS answers: always plain, it never leaves the machine."""
        return f"http://{HOST}:{self.port + 1}"


def options(environment: Mapping[str, str]) -> Options:
    """Read PORT, TLS, LOG and MAIL; StartRefused for a port that is none."""
    text = environment.get("PORT") or str(DEFAULT_PORT)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65534):
        raise StartRefused(f"PORT must be a number from 1 to 65534, not {text!r}; PORT+1 is taken, too.")
    log = _is_on(environment.get("LOG"))
    return Options(int(text), tls=_is_on(environment.get("TLS")), log=log, mail=log or _is_on(environment.get("MAIL")))


def run(environment: Mapping[str, str]) -> None:
    """Serve until SIGINT or SIGTERM; StartRefused where a port, the template or a package is in the way."""
    asked = options(environment)
    with _ending() as ended, ExitStack() as running:
        sockets = running.enter_context(_sockets(asked))
        service = running.enter_context(_service(asked))
        if ended.is_set():
            return
        certificate = running.enter_context(_certificate(asked))
        _serve(service, sockets, certificate, running)
        print(_told(asked, service, certificate), flush=True)
        ended.wait()


def _serve(
    service: "LocalService",
    sockets: tuple[socket.socket, socket.socket],
    certificate: tuple[Path, Path] | None,
    running: ExitStack,
) -> None:
    from local.aws_door import AwsDoor

    for server in (Server(service.application, sockets[0], certificate), Server(AwsDoor(), sockets[1])):
        server.start()
        running.callback(server.stop)


@contextmanager
def _ending() -> Iterator[Event]:
    """Yield an event that SIGINT and SIGTERM set, from here on: a start that is interrupted ends as cleanly."""
    ended = Event()
    before = {one: signal.signal(one, lambda *_: ended.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _sockets(asked: Options) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Take both ports first: a busy one is told at once."""
    with ExitStack() as taken:
        yield taken.enter_context(_taken(asked.port)), taken.enter_context(_taken(asked.port + 1))


def _taken(port: int) -> socket.socket:
    try:
        return bound(port)
    except PortBusy as busy:
        raise StartRefused(
            f"Port {port} is in use: end what listens there, or choose another, for example "
            f"`make local PORT={_another(port)}` (it takes PORT and PORT+1)."
        ) from busy
    except PortRefused as refused:
        raise StartRefused(str(refused)) from refused


@contextmanager
def _service(asked: Options) -> Iterator["LocalService"]:
    logging.basicConfig(level=logging.INFO if asked.log else logging.WARNING)
    from local.service import LocalService
    from local.template import TemplateError

    try:
        post = _show_mail if asked.mail else None
        service = LocalService(public_url=asked.url, post=post)
        with service, _quiet(asked):
            service.seed()
            yield service
    except TemplateError as error:
        raise StartRefused(str(error)) from error


def _show_mail(mail: "Mail") -> None:
    print(f"mail to {mail.recipient}: {mail.subject}", flush=True)


@contextmanager
def _certificate(asked: Options) -> Iterator[tuple[Path, Path] | None]:
    if not asked.tls:
        yield None
        return
    from local.certificate import write_certificate

    with tempfile.TemporaryDirectory(prefix="secondstep-") as folder:
        yield write_certificate(Path(folder))


@contextmanager
def _quiet(asked: Options) -> Iterator[None]:
    """Keep what a function tells of each request off the screen unless LOG=1; a defect is always told."""
    from secondstep.telemetry import Level, telemetry

    before, telemetry.least = telemetry.least, Level.INFO if asked.log else Level.WARNING
    try:
        yield
    finally:
        telemetry.least = before


def _told(asked: Options, service: "LocalService", certificate: tuple[Path, Path] | None) -> str:
    from local.seeds import ACCOUNT, DISPLAY_NAME, PASSWORD
    from local.template import REGION

    trusting = f" --cacert {certificate[0]}" if certificate else ""
    login = f'{{"account":"{ACCOUNT}","login_name":"agent","password":"{PASSWORD}"}}'
    return (
        f"Account {ACCOUNT} ({DISPLAY_NAME}), password of all three: {PASSWORD}\n"
        f"  agent, admin   not enrolled yet; admin has the role admin\n"
        f"  enrolled       TOTP secret {service.seeds.secret.base32}\n"
        f"  AWS            AWS_ENDPOINT_URL={asked.aws_url} AWS_DEFAULT_REGION={REGION} AWS_ACCESS_KEY_ID=testing "
        f"AWS_SECRET_ACCESS_KEY=testing\n"
        f"  next code      curl{trusting} {asked.url}/_local/clock -d '{{\"advance_seconds\":30}}'; "
        f"back to the start: curl{trusting} -X POST {asked.url}/_local/reset\n"
        f"{_exports(asked, certificate)}"
        f"Ready at {asked.url}; go on with: curl{trusting} {asked.url}/login "
        f"-H 'Content-Type: application/json' -d '{login}' (Ctrl-C ends it, and all is forgotten)"
    )


def _exports(asked: Options, certificate: tuple[Path, Path] | None) -> str:
    """Return the lines that let curl and Python in another terminal find the service and trust its certificate."""
    if certificate is None:
        return ""
    path = shlex.quote(str(certificate[0]))
    return (
        "For the commands of README.md, after its first words:\n"
        f"export BASE={asked.url}\n"
        f"export CURL_CA_BUNDLE={path} SSL_CERT_FILE={path}\n"
    )


def _another(port: int) -> int:
    return port + 100 if port + 101 <= 65535 else port - 100


def _is_on(value: str | None) -> bool:
    return (value or "0").lower() not in ("0", "", "no", "false", "off")
