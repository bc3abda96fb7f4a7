"""`MAIL=1 make local` shows on its console which notices would be sent, beside the request that caused them."""

import time

import pyotp

from local.run import options
from tests.local.test_runner import Run, free_port, login, running

SECONDS = 60


def enroll(run: Run) -> None:
    begun = run.post("/enroll", challenge=login(run, "agent")["challenge"])
    run.post("/verify", challenge=begun["challenge"], code=pyotp.TOTP(begun["secret"]).at(int(time.time())))


def test_the_notices_show_on_the_console_where_they_are_asked_for() -> None:
    with running(free_port(), MAIL="1") as run:
        run.wait_until_ready()
        enroll(run)
        assert "mail to agent@example.com: Acme Support: Your authenticator app is set up" in told(run)


def test_nothing_shows_where_nobody_asked() -> None:
    assert not options({}).mail
    assert options({"MAIL": "1"}).mail
    assert options({"LOG": "1"}).mail


def told(run: Run) -> str:
    """End the run and return what it has said since it was ready."""
    run.process.terminate()
    said, errors = run.process.communicate(timeout=SECONDS)
    assert not errors
    return said
