"""Canonical names, and the secrets that people type."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondstep import secret_text, ticket
from secondstep.authenticators import recovery_codes
from secondstep.errors import InvalidRequest
from secondstep.subscriber import Identity, canonical_login_name


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("Kim", "kim"),
        ("  kim ", "kim"),
        ("ＫＩＭ", "kim"),
        ("STRASSE", "strasse"),
        ("straße", "strasse"),
        ("Åsa", "åsa"),
        ("A\u030asa", "åsa"),
        ("ﬁn", "fin"),
        ("KIM@Example.COM", "kim@example.com"),
    ],
)
def test_variants_of_a_name_are_one_name(typed: str, canonical: str) -> None:
    assert canonical_login_name(typed) == canonical


@pytest.mark.parametrize(
    "typed", ["", "   ", "a/b", "50%", "a#b", "a?b", "a\x00b", "a\nb", "a\u200bb", "a\u202eb", "x" * 129, "\ud800"]
)
def test_what_cannot_be_a_name_is_refused(typed: str) -> None:
    with pytest.raises(InvalidRequest):
        canonical_login_name(typed)


@given(st.text(max_size=140))
def test_a_canonical_name_is_its_own_canonical_form(typed: str) -> None:
    try:
        once = canonical_login_name(typed)
    except InvalidRequest:
        return
    assert canonical_login_name(once) == once


@pytest.mark.parametrize("account", ["", "Acme", "a b", "a_b", "x" * 41, "a\n", "acme/"])
def test_what_cannot_be_an_account_is_refused(account: str) -> None:
    with pytest.raises(InvalidRequest):
        Identity.parse(account=account, login_name="kim")


def test_the_key_is_128_bits_of_sha_256_over_account_and_name() -> None:
    identity = Identity.parse(account="acme", login_name="KIM")
    assert identity.hash == hashlib.sha256(b"acme\nkim").hexdigest()[:32]
    assert Identity.parse(account="a", login_name="bc").hash != Identity.parse(account="ab", login_name="c").hash


def test_a_typed_secret_has_eighty_bits_and_is_never_repeated() -> None:
    made = {secret_text.generate() for _ in range(2000)}
    assert len(made) == 2000
    assert all(len(each) == 19 and each.count("-") == 3 for each in made)
    assert len(secret_text.ALPHABET) ** secret_text.CHARACTERS == 2**80
    assert not set("ILOU") & set(secret_text.ALPHABET)


@pytest.mark.parametrize(
    "typed",
    ["0123-4567-89AB-CDEF", "0123 4567 89ab cdef", "o123456789abcdef", " 0l23-4567-89AB-CDEF\n", "OI23456789ABCDEF"],
)
def test_what_a_person_may_type_is_forgiven(typed: str) -> None:
    assert secret_text.parse(typed) == "0123456789ABCDEF"


@pytest.mark.parametrize(
    "typed",
    ["", "0123", "0123456789ABCDE", "0123456789ABCDEFG", "U123456789ABCDEF", "０123456789ABCDEF", "ı123456789ABCDEF"],
)
def test_what_cannot_be_such_a_secret_is_refused(typed: str) -> None:
    assert secret_text.parse(typed) is None


def test_a_set_of_recovery_codes_is_ten_and_its_owners_alone() -> None:
    codes, stored = recovery_codes.issue("kim")
    assert len(set(codes)) == len(stored) == 10
    characters = secret_text.parse(codes[0])
    assert characters is not None
    assert recovery_codes.match(characters, "kim", stored) in stored
    assert recovery_codes.match(characters, "lee", stored) is None
    assert all(code.encode() not in each for code in codes for each in stored)


def test_a_ticket_matches_itself_until_it_expires() -> None:
    text, stored = ticket.issue(now=1000, ttl_seconds=60)
    other, _ = ticket.issue(now=1000, ttl_seconds=60)
    assert ticket.match(text.lower(), stored, now=1059)
    assert not ticket.match(text, stored, now=1060)
    assert not ticket.match(other, stored, now=1000)
    assert not ticket.match(None, stored, now=1000)
    assert not ticket.match(text, None, now=1000)
