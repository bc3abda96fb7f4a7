"""The README's walks, pasted into a shell against `python -m local`; only the ports differ from what a reader types."""

import ast
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import jwt
import pytest

from tests.readme import ROOT, walk

pytestmark = pytest.mark.e2e

_READY_SECONDS = 20
_TICKET = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}")


def _two_free_ports() -> int:
    """Return a port that is free together with the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


class Shell:
    """A reader's terminal beside a running local cloud."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._aws = f"http://127.0.0.1:{port + 1}"

    def paste(self, *walks: str, before: str = "", after: str = "") -> list[str]:
        """Paste walks one after the other and return the lines that were shown."""
        script = before + walk(*walks) + after
        script = script.replace("http://127.0.0.1:3000", self.base).replace("http://127.0.0.1:3001", self._aws)
        ran = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603, S607
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert not ran.stderr, ran.stderr
        return ran.stdout.splitlines()

    def claims(self, token: str) -> dict[str, object]:
        """Return the claims of a token, checked as an application checks it."""
        key = jwt.PyJWKClient(f"{self.base}/.well-known/jwks.json").get_signing_key_from_jwt(token)
        found: dict[str, object] = jwt.decode(token, key, algorithms=["RS256"], issuer=self.base, audience="acme")
        return found


@pytest.fixture(scope="module")
def _running() -> Iterator[Shell]:
    port = _two_free_ports()
    environment = os.environ | {"PORT": str(port)}
    command = [sys.executable, "-m", "local"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL) as local:  # noqa: S603
        shell = Shell(port)
        try:
            _wait_for(shell, local)
            yield shell
        finally:
            local.terminate()
            local.wait(timeout=20)


def _wait_for(shell: Shell, local: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _READY_SECONDS
    while time.monotonic() < until and local.poll() is None:
        try:
            with urllib.request.urlopen(f"{shell.base}/health", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the local cloud did not start")


@pytest.fixture
def shell(_running: Shell) -> Shell:
    """Return a terminal whose local cloud stands at its seeds."""
    request = urllib.request.Request(f"{_running.base}/_local/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        return _running


def test_the_walk_from_a_password_ends_in_a_token_that_pyjwt_verifies(shell: Shell) -> None:
    shown = shell.paste("words", "login", "code", "token", "me")
    assert shown[0].startswith("otpauth://totp/Acme%20Support:agent?secret=")
    claims = ast.literal_eval(shown[-2])
    assert (claims["iss"], claims["aud"], claims["login_name"]) == (shell.base, "acme", "agent")
    assert claims["amr"] == ["pwd", "otp", "mfa"]
    assert json.loads(shown[-1])["recovery_codes_left"] == 10


def test_the_walk_from_a_lost_phone_ends_in_a_new_token_and_the_old_one_is_dead(shell: Shell) -> None:
    keep = "old=$access; old_secret=$secret\n"
    look = (
        '\necho "$access"\n'
        'curl -sS -H "Authorization: Bearer $old" "$BASE/me" | field code\n'
        'challenge=$(post /login \'{"account": "acme", "login_name": "agent", '
        '"password": "correct horse battery staple"}\' | field challenge)\n'
        'post /verify \'{"challenge": "\'"$challenge"\'", "code": "\'"$(digits "$old_secret")"\'"}\' | field code\n'
    )
    before = walk("words", "login", "code") + keep
    shown = shell.paste("reset", "new-phone", before=before, after=look)
    me, token, old_token_says, old_phone_says = shown[-4:]
    assert any(_TICKET.fullmatch(line) for line in shown)
    assert len(json.loads(me)["authenticators"]) == 1
    assert shell.claims(token)["login_name"] == "agent"
    assert (old_token_says, old_phone_says) == ("invalid_token", "invalid_code")


def test_the_walk_of_the_first_account_ends_in_an_invitation_by_its_admin(shell: Shell) -> None:
    [ticket] = {found for line in shell.paste("words", "account") for found in _TICKET.findall(line)}
    shown = shell.paste("words", "first-admin", before=f"ticket={ticket}\n")
    assert _TICKET.fullmatch(json.loads(shown[-1])["ticket"])


def test_moving_the_clock_takes_the_place_of_waiting_for_the_next_code(shell: Shell) -> None:
    shown = shell.paste("words", "login", "code", "clock")
    assert re.fullmatch(r"[0-9a-f]{32}\.[\w-]{16}\.[\w-]{43}", shown[-1])
