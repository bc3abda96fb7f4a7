"""Eighty bits for people: what is made, what is forgiven, what is refused."""

import re
import secrets
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondstep import secret_text

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FORM = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}")
PLAIN = "0123456789ABCDEF"


def test_the_alphabet_is_crockfords() -> None:
    assert secret_text.ALPHABET == CROCKFORD
    assert not set("ILOU") & set(secret_text.ALPHABET)


def test_a_secret_has_eighty_bits() -> None:
    assert len(set(secret_text.ALPHABET)) ** secret_text.CHARACTERS == 2**80


def test_a_secret_is_four_groups_of_four() -> None:
    assert all(FORM.fullmatch(secret_text.generate()) for _ in range(500))


def test_no_two_secrets_are_the_same() -> None:
    assert len({secret_text.generate() for _ in range(2000)}) == 2000


def test_every_character_is_drawn_in_every_place() -> None:
    """Thirty-two equally likely characters: in 4,000 draws each place misses one with odds below 1e-50."""
    drawn = [secret_text.generate().replace("-", "") for _ in range(4000)]
    for place in range(secret_text.CHARACTERS):
        assert set(Counter(each[place] for each in drawn)) == set(CROCKFORD)


def test_the_characters_come_from_the_operating_systems_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []

    def choice(alphabet: str) -> str:
        drawn.append(alphabet)
        return alphabet[-1]

    monkeypatch.setattr(secrets, "choice", choice)
    assert secret_text.generate() == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert drawn == [CROCKFORD] * 16


@pytest.mark.parametrize(
    "typed",
    [
        "0123-4567-89AB-CDEF",
        "0123456789abcdef",
        "0123 4567 89ab cdef",
        "01-23-45-67-89-ab-cd-ef",
        "--0123456789ABCDEF--",
        "o1234567-89abcdef",
        "Ol23-4567-89AB-CDEF",
        "0i23-4567-89AB-CDEF",
        "0I23456789ABCDEF",
        "0L23456789ABCDEF",
        "  0123-4567-89AB-CDEF \r\n",
    ],
)
def test_case_hyphens_blanks_and_look_alikes_are_forgiven(typed: str) -> None:
    assert secret_text.parse(typed) == PLAIN


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "0123456789ABCDE",
        "0123456789ABCDEFG",
        "U123456789ABCDEF",
        "0123456789ABCDE*",
        "0123_4567_89AB_CDEF",
        "0123\n456789ABCDEF",
        "0123\x00456789ABCDEF",
        "０１２３456789ABCDEF",
        "٠123456789ABCDEF",
        "ı123456789ABCDEF",
        "ſ123456789ABCDEF",
        "0123–4567–89AB–CDEF",
        "0123456789ABCDE\ud800",
    ],
)
def test_anything_else_is_no_such_secret(typed: str) -> None:
    assert secret_text.parse(typed) is None


@given(st.text(alphabet=CROCKFORD, min_size=16, max_size=16))
def test_the_plain_form_is_its_own_parse(plain: str) -> None:
    assert secret_text.parse(plain) == plain
    assert secret_text.parse(plain.lower()) == plain


@given(st.text())
def test_whatever_is_typed_becomes_sixteen_characters_of_the_alphabet_or_nothing(typed: str) -> None:
    found = secret_text.parse(typed)
    assert found is None or (len(found) == 16 and set(found) <= set(CROCKFORD))


def test_what_is_made_is_read_back() -> None:
    made = secret_text.generate()
    assert secret_text.parse(made) == made.replace("-", "")
