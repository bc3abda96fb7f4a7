"""The README's walks, pasted into a shell against `python -m local`, on a port that `PORT` names as for a reader."""

import ast
import json
import os
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest

from tests.e2e import running
from tests.readme import ROOT, walk

pytestmark = pytest.mark.e2e

_TICKET = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}")


class Shell:
    """A reader's terminal beside a running local cloud; `told` is what that has printed."""

    def __init__(self, port: int, told: str) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.told = told
        self._port = port

    def type(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Type a script, in a terminal that knows the port."""
        environment = os.environ | {"PORT": str(self._port)}
        return subprocess.run(  # noqa: S603
            ["bash", "-c", script],  # noqa: S607
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def paste(self, *walks: str, before: str = "", after: str = "") -> list[str]:
        """Paste walks one after the other and return the lines that were shown."""
        ran = self.type(before + walk(*walks) + after)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert not ran.stderr, ran.stderr
        return ran.stdout.splitlines()

    def claims(self, token: str) -> dict[str, object]:
        """Return the claims of a token, checked as an application checks it."""
        key = jwt.PyJWKClient(f"{self.base}/.well-known/jwks.json").get_signing_key_from_jwt(token)
        found: dict[str, object] = jwt.decode(token, key, algorithms=["RS256"], issuer=self.base, audience="acme")
        return found


@contextmanager
def _local(console: Path, **settings: str) -> Iterator[Shell]:
    """Run `python -m local` and yield a terminal beside it; what it prints is written to `console`."""
    with running.local(console, **settings) as started:
        yield Shell(started.port, started.told)


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    with _local(tmp_path_factory.mktemp("local") / "console") as shell:
        yield shell


@pytest.fixture
def shell(_running: Shell) -> Shell:
    """Return a terminal whose local cloud stands at its seeds."""
    request = urllib.request.Request(f"{_running.base}/_local/reset", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310
        return _running


def test_the_walk_from_a_password_ends_in_a_token_that_pyjwt_verifies(shell: Shell) -> None:
    shown = shell.paste("words", "begin-again", "login", "code", "token", "me")
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


def test_the_walk_of_the_first_account_ends_in_its_audit_and_its_list(shell: Shell) -> None:
    """From nothing to an account that runs: admin, agent, reset, audit."""
    shown = shell.paste("words", "account", "first-admin", "first-agent", after='\necho "==="\n' + walk("audit"))
    before, after = (part.strip() for part in "\n".join(shown).split("==="))
    assert _TICKET.fullmatch(shown[0])
    assert _TICKET.fullmatch(json.loads(before.splitlines()[-1])["ticket"])
    audit, listed = (json.loads(text) for text in re.split(r"\n(?=\{)", after))
    told = [(each["event"], each["actor"]["login_name"]) for each in audit["events"]]
    assert told == [("reset", "kim"), ("enrolled", "lee"), ("password_set", "lee"), ("invited", "kim")]
    assert [(each["login_name"], each["enrolled"]) for each in listed["subscribers"]] == [("kim", True), ("lee", False)]


def test_moving_the_clock_takes_the_place_of_waiting_for_the_next_code(shell: Shell) -> None:
    shown = shell.paste("words", "login", "code", "clock", "clock")
    assert re.fullmatch(r"[0-9a-f]{32}\.[\w-]{16}\.[\w-]{43}", shown[-1])


def test_a_walk_that_is_typed_again_shows_the_answer_that_stopped_it_and_leaves_the_shell_open(shell: Shell) -> None:
    ran = shell.type(walk("words", "login", "code", "login") + "echo still here\n")
    assert ran.stdout.splitlines()[-1] == "still here"
    assert ran.stderr.splitlines()[0].startswith('no secret in this answer: {"type":"urn:secondstep:problem:')
    assert '"code":"challenge_invalid"' in ran.stderr


@pytest.mark.parametrize("answer", ["", "not JSON", "[]", '"text"', "null", '{"other": 1}'])
def test_a_field_that_is_not_there_is_a_failure_that_shows_the_answer(shell: Shell, answer: str) -> None:
    ran = shell.type(walk("words") + f"field challenge <<< '{answer}'\n")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr == f"no challenge in this answer: {answer}\n\n"


def test_over_tls_the_walks_need_the_two_lines_that_the_local_cloud_prints(tmp_path: Path) -> None:
    with _local(tmp_path / "console", TLS="1") as shell:
        lines = [line for line in shell.told.splitlines() if line.startswith("export ")]
        trusting = walk("words") + "\n".join(lines) + "\n"
        shown = shell.paste("begin-again", "login", "code", "token", "me", "account", before=trusting)
    assert len(lines) == 2
    claims = next(ast.literal_eval(line) for line in shown if line.startswith("{'"))
    assert claims["iss"] == shell.base.replace("http:", "https:")
    assert _TICKET.search("\n".join(shown))
