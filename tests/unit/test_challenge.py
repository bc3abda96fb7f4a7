"""The challenge token: opaque, of one purpose, in its epoch, in its time."""

import base64
import hashlib

import msgspec
import pytest

from secondstep import challenge
from secondstep.errors import ChallengeInvalid
from secondstep.subscriber import Challenge, Pending, Purpose
from tests.unit.records import EPOCH, NOW, a_subscriber

HASH = a_subscriber().identity.hash
PENDING = Pending(authenticator_id="a1", name="Phone", sealed_secret=b"sealed", made=1)
ALL = frozenset(Purpose)


def opened(purpose: Purpose = Purpose.VERIFY) -> tuple[str, Challenge]:
    return challenge.open_challenge(HASH, purpose, epoch=EPOCH, now=NOW)


def test_a_token_names_its_item_and_its_challenge() -> None:
    token, held = opened()
    assert challenge.parse(token) == challenge.Presented(HASH, held.key)


def test_the_token_holds_256_random_bits_and_is_never_the_same() -> None:
    tokens = {opened()[0] for _ in range(500)}
    assert len(tokens) == 500
    assert {len(base64.urlsafe_b64decode(token.partition(".")[2] + "=")) for token in tokens} == {32}


def test_only_the_hash_of_the_tokens_second_half_is_kept() -> None:
    token, held = opened()
    secret = token.partition(".")[2]
    by_hand = base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()[:16]).rstrip(b"=").decode()
    assert held.key == by_hand
    assert secret not in str(msgspec.to_builtins(held))


@pytest.mark.parametrize(("purpose", "seconds"), [(Purpose.VERIFY, 300), (Purpose.ENROLL, 900), (Purpose.CONFIRM, 900)])
def test_a_challenge_lives_as_long_as_the_contract_says(purpose: Purpose, seconds: int) -> None:
    _, held = opened(purpose)
    assert held.expires_at - held.opened_at == seconds
    assert held.tries_left == 5


def test_every_purpose_has_a_lifetime() -> None:
    assert set(challenge.LIFETIME_SECONDS) == set(Purpose)


def junk(token: str) -> list[str]:
    first, _, second = token.partition(".")
    return [
        "",
        ".",
        first,
        second,
        f"{first}{second}",
        f"{first}..{second}",
        f".{second}",
        f"{first}.",
        f"{token}\n",
        f" {token}",
        f"{token}=",
        f"{token}A",
        token[:-1],
        token[1:],
        f"{first.upper()}.{second}" if first != first.upper() else "A" * 32,
        f"{first}.{second[:-1]}+",
        f"{first}.{second[:-1]}é",
        f"{first}.{second[:-1]}\x00",
        f"{first[:-1]}g.{second}",
        f"SUBSCRIBER#{first}.{second}",
        f"{first}.{second}.{second}",
        "eyJhbGciOiJub25lIn0.e30.",
        "x" * 5000,
    ]


def test_what_we_never_issued_is_no_challenge() -> None:
    token, _ = opened()
    for text in junk(token):
        with pytest.raises(ChallengeInvalid):
            challenge.parse(text)


def test_a_challenge_is_open_for_its_own_purpose_only() -> None:
    for purpose in Purpose:
        _, held = opened(purpose)
        for wanted in Purpose:
            assert challenge.is_open(held, frozenset({wanted}), epoch=EPOCH, now=NOW) == (wanted is purpose)


def test_a_challenge_is_open_until_its_last_second() -> None:
    _, held = opened()
    assert challenge.is_open(held, ALL, epoch=EPOCH, now=NOW)
    assert challenge.is_open(held, ALL, epoch=EPOCH, now=NOW + 299)
    assert not challenge.is_open(held, ALL, epoch=EPOCH, now=NOW + 300)


def test_a_challenge_of_another_epoch_is_closed() -> None:
    _, held = opened()
    assert not challenge.is_open(held, ALL, epoch=b"epoch-02", now=NOW)
    assert not challenge.is_open(held, ALL, epoch=b"", now=NOW)


@pytest.mark.parametrize(("tries_left", "is_open"), [(5, True), (1, True), (0, False), (-1, False)])
def test_a_challenge_whose_tries_are_used_up_is_closed(tries_left: int, is_open: bool) -> None:
    held = msgspec.structs.replace(opened()[1], tries_left=tries_left)
    assert challenge.is_open(held, ALL, epoch=EPOCH, now=NOW) == is_open


def test_no_challenge_is_closed() -> None:
    assert not challenge.is_open(None, ALL, epoch=EPOCH, now=NOW)
    assert not challenge.is_open(opened()[1], frozenset(), epoch=EPOCH, now=NOW)


def test_the_confirm_challenge_keeps_the_time_and_the_tries_of_the_one_it_follows() -> None:
    before = msgspec.structs.replace(opened(Purpose.ENROLL)[1], tries_left=2)
    token, after = challenge.succeed(HASH, before, PENDING)
    assert (after.opened_at, after.expires_at, after.tries_left) == (before.opened_at, before.expires_at, 2)
    assert (after.purpose, after.pending, after.epoch) == (Purpose.CONFIRM, PENDING, EPOCH)
    assert challenge.parse(token).key == after.key != before.key


def test_a_chain_of_secrets_never_gains_time_or_tries() -> None:
    held = msgspec.structs.replace(opened(Purpose.ENROLL)[1], tries_left=1)
    for _ in range(3):
        _, after = challenge.succeed(HASH, held, PENDING)
        assert after.expires_at == held.expires_at
        assert after.tries_left == 1
        held = after
