"""Everybody of every format logs in as before, at the makers' own cost and in numbers.

A run of the suite takes a few of each; `IMPORT_SCALE=full` takes 20 of each at full cost and 1,000 of each at a low
one, which is a matter of minutes. `-s` prints the times.
"""

import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pyotp
import pytest

from secondstep.authenticators.totp import Secret, new_secret, verify
from secondstep.store.layout import subscriber_record
from tests.importing import makers
from tests.importing.moving_in import Command, logs_in, somebody
from tests.service import ACCOUNT, Person, Service

IS_FULL = os.environ.get("IMPORT_SCALE") == "full"
pytestmark = pytest.mark.hashing
AT_FULL_COST, AT_LOW_COST, LOGGED_IN = (20, 1000, 25) if IS_FULL else (1, 30, 2)


class Crowd:
    """People of one format, and the file that they come in by: Django's columns, with a key URI."""

    def __init__(self, maker: makers.Maker, count: int) -> None:
        self.passwords = {f"person{number}": f"pass phrase {number} äöü" for number in range(count)}
        self.seeds = {name: new_secret() for name in self.passwords}
        self._maker = maker

    def write(self, path: Path) -> Path:
        """Write the file."""
        with path.open("w", encoding="utf-8") as file:
            file.write("username,password,otpauth\n")
            for name, typed in self.passwords.items():
                uri = f"otpauth://totp/Old:{name}?secret={self.seeds[name].base32}"
                file.write(f'{name},"{self._maker(typed)}",{uri}\n')
        return path

    def person(self, name: str) -> Person:
        """Return one of them."""
        return somebody(name, self.seeds[name])


def _timed(what: str, since: float) -> None:
    sys.stdout.write(f"{what}: {time.perf_counter() - since:.2f} s\n")


@pytest.mark.parametrize("name", makers.FULL)
def test_everybody_logs_in_at_full_cost(service: Service, command: Command, tmp_path: Path, name: str) -> None:
    crowd = Crowd(makers.FULL[name], AT_FULL_COST)
    code, report = command.report(ACCOUNT, crowd.write(tmp_path / "users.csv"), "--format", "rows")
    assert (code, report["imported"]) == (0, AT_FULL_COST)
    since = time.perf_counter()
    for each, typed in crowd.passwords.items():
        assert logs_in(service, crowd.person(each), typed)
    _timed(f"{name}: {AT_FULL_COST} first logins at full cost", since)
    assert _all_replaced(service, crowd.passwords)


@pytest.mark.parametrize("name", makers.REDUCED)
def test_a_crowd_logs_in(service: Service, command: Command, tmp_path: Path, name: str) -> None:
    """All of them by password and code, against what is stored; some of them through the routes as well."""
    from secondstep.authenticators import password

    crowd = Crowd(makers.REDUCED[name], AT_LOW_COST)
    since = time.perf_counter()
    code, report = command.report(ACCOUNT, crowd.write(tmp_path / "users.csv"), "--format", "rows")
    _timed(f"{name}: {AT_LOW_COST} imported", since)
    assert (code, report["imported"]) == (0, AT_LOW_COST)
    now, met = service.now(), 0
    for item in service.state():
        if item["sk"] != "STATE" or not item["pk"].startswith("SUBSCRIBER#"):
            continue
        record = subscriber_record(item)
        assert password.match(crowd.passwords[record.login_name], record.password_hash)
        [bound] = record.authenticators.values()
        held = service.services.seal_key.open(bound.sealed_secret, record, bound.id)
        verdict = verify(_code(crowd.seeds[record.login_name], now), held, last_step=-1, now=now, tolerance_steps=1)
        assert verdict.kind == "accepted"
        met += 1
    assert met == AT_LOW_COST
    some = dict(list(crowd.passwords.items())[:LOGGED_IN])
    for each, typed in some.items():
        assert logs_in(service, crowd.person(each), typed)
    assert _all_replaced(service, some)


def _code(secret: Secret, now: int) -> str:
    return pyotp.TOTP(secret.base32).at(now)


def _all_replaced(service: Service, people: Mapping[str, str]) -> bool:
    hashes = [service.record(somebody(name)).password_hash or "" for name in people]
    return all(each.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for each in hashes)
