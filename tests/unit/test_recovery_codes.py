"""Recovery codes: ten of eighty bits, one person's alone, stored as hashes."""

import hashlib
from collections.abc import Callable

import pytest

from secondstep import secret_text
from secondstep.authenticators import recovery_codes


def characters_of(code: str) -> str:
    found = recovery_codes.parse(code)
    assert found is not None
    return found


def test_a_set_is_ten_distinct_codes_and_ten_distinct_hashes() -> None:
    for _ in range(20):
        codes, stored = recovery_codes.issue("sub-of-kim")
        assert len(codes) == len(set(codes)) == len(stored) == recovery_codes.CODES_IN_A_SET == 10


def test_each_code_of_a_set_matches_a_hash_of_its_own() -> None:
    codes, stored = recovery_codes.issue("sub-of-kim")
    matched = {recovery_codes.match(characters_of(code), "sub-of-kim", stored) for code in codes}
    assert matched == stored


def test_the_order_that_is_shown_tells_nothing_of_the_order_that_they_were_made_in() -> None:
    codes, _ = recovery_codes.issue("sub-of-kim")
    assert codes == sorted(codes)


def test_a_code_is_its_owners_alone() -> None:
    codes, stored = recovery_codes.issue("sub-of-kim")
    assert all(recovery_codes.match(characters_of(code), "sub-of-lee", stored) is None for code in codes)


def test_the_owner_and_the_code_cannot_be_shifted_into_each_other() -> None:
    """The line feed between the two is in no `sub` and in no code."""
    assert "\n" not in secret_text.ALPHABET
    code = "0123456789ABCDEF"
    assert recovery_codes._hash("ab", code) != recovery_codes._hash("a", "b" + code)


def test_a_set_that_is_spent_matches_nothing() -> None:
    codes, _ = recovery_codes.issue("sub-of-kim")
    assert recovery_codes.match(characters_of(codes[0]), "sub-of-kim", frozenset()) is None


def test_what_is_stored_is_sixteen_bytes_of_sha_256_over_owner_and_code() -> None:
    codes, stored = recovery_codes.issue("sub-of-kim")
    by_hand = {hashlib.sha256(f"sub-of-kim\n{code.replace('-', '')}".encode()).digest()[:16] for code in codes}
    assert by_hand == stored


@pytest.mark.parametrize("spelled", [str.lower, lambda it: it.replace("-", " "), lambda it: it.replace("-", "")])
def test_a_code_matches_in_each_forgiven_spelling(spelled: Callable[[str], str]) -> None:
    codes, stored = recovery_codes.issue("sub-of-kim")
    assert recovery_codes.match(characters_of(spelled(codes[0])), "sub-of-kim", stored)


def test_a_code_of_another_set_does_not_match() -> None:
    _, stored = recovery_codes.issue("sub-of-kim")
    others, _ = recovery_codes.issue("sub-of-kim")
    assert all(recovery_codes.match(characters_of(code), "sub-of-kim", stored) is None for code in others)
