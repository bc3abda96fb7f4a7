"""Passwords: whole, in one normal form, never free of cost, and by rules that count what a person sees."""

import subprocess
import sys

import argon2
import pytest
from argon2.exceptions import VerifyMismatchError

from secondstep.authenticators import password
from secondstep.errors import PasswordRefused

STRONG = "correct horse battery staple"


def refusal(typed: str, *, shortest: int = 8, own_words: tuple[str, ...] = ("acme", "kim")) -> str | None:
    """Return why a new password is refused, or None."""
    try:
        password.refuse_weak(typed, shortest=shortest, own_words=own_words)
    except PasswordRefused as refused:
        return refused.reason
    return None


@pytest.fixture(scope="module")
def stored() -> str:
    return password.hash_password(STRONG)


class Costs:
    """What each computed hash came to; a hash that cannot be read costs nothing and is counted as its error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paid: list[str] = []
        verify = argon2.PasswordHasher.verify

        def counted(hasher: argon2.PasswordHasher, encoded: str | bytes, typed: str | bytes) -> bool:
            try:
                matched = verify(hasher, encoded, typed)
            except Exception as refused:
                self.paid.append(type(refused).__name__)
                raise
            self.paid.append("match")
            return matched

        monkeypatch.setattr(argon2.PasswordHasher, "verify", counted)


@pytest.fixture
def costs(monkeypatch: pytest.MonkeyPatch) -> Costs:
    return Costs(monkeypatch)


def test_a_password_matches_its_own_hash_and_no_other(stored: str) -> None:
    assert password.match(STRONG, stored)
    assert not password.match(STRONG + " ", stored)
    assert not password.match(STRONG.upper(), stored)
    assert not password.match("", stored)


def test_the_hash_is_argon2id_at_the_documented_cost(stored: str) -> None:
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert STRONG not in stored


def test_the_same_password_has_another_hash_every_time(stored: str) -> None:
    assert password.hash_password(STRONG) != stored


def test_two_long_passwords_that_agree_in_72_bytes_differ() -> None:
    """Attack A51: a hash that cuts its input takes the second for the first."""
    first, second = "x" * 72 + "a" * 28, "x" * 72 + "b" * 28
    assert not password.match(second, password.hash_password(first))


def test_the_last_of_128_code_points_counts() -> None:
    whole = "é" * 127 + "z"
    hashed = password.hash_password(whole)
    assert password.match(whole, hashed)
    assert not password.match(whole[:-1] + "y", hashed)
    assert not password.match(whole[:-1], hashed)


def test_a_nul_ends_nothing() -> None:
    hashed = password.hash_password("before\x00after")
    assert password.match("before\x00after", hashed)
    assert not password.match("before\x00other", hashed)
    assert not password.match("before", hashed)


@pytest.mark.parametrize(
    ("typed", "once_set"),
    [("pässwort lang", "pa\u0308sswort lang"), ("ｆｕｌｌwidth", "fullwidth"), ("ﬁnancial year", "financial year")],
)
def test_spellings_of_one_normal_form_are_one_password(typed: str, once_set: str) -> None:
    """Two keyboards, two encodings of one letter: NFKC, or its owner is locked out on the other device."""
    assert password.match(typed, password.hash_password(once_set))


def test_a_name_that_does_not_exist_costs_one_whole_hash(costs: Costs) -> None:
    assert not password.match(STRONG, None)
    assert costs.paid == [VerifyMismatchError.__name__]


def test_a_wrong_and_a_right_password_cost_one_hash_as_well(stored: str, costs: Costs) -> None:
    assert not password.match("wrong", stored)
    assert password.match(STRONG, stored)
    assert costs.paid == [VerifyMismatchError.__name__, "match"]


@pytest.mark.parametrize("unreadable", ["", "garbage", "$argon2id$v=19$m=19456,t=2,p=1$", "$2b$10$short"])
def test_a_hash_that_nobody_can_read_matches_nothing_and_costs_the_same(unreadable: str, costs: Costs) -> None:
    assert not password.match(STRONG, unreadable)
    assert costs.paid == [VerifyMismatchError.__name__]


def test_a_missing_hash_costs_the_same_as_a_present_one(stored: str) -> None:
    """The decoy has the parameters of a real hash, so that the time does not tell."""
    assert not password.needs_rehash(password._DECOY_HASH)
    assert len(password._DECOY_HASH) == len(stored)


@pytest.mark.parametrize(("passes", "kibibytes"), [(1, 19 * 1024), (2, 1024)])
def test_a_hash_of_other_parameters_still_matches_and_wants_a_rehash(passes: int, kibibytes: int) -> None:
    old = argon2.PasswordHasher(time_cost=passes, memory_cost=kibibytes, parallelism=1).hash(STRONG.encode())
    assert password.match(STRONG, old)
    assert password.needs_rehash(old)


def test_todays_hash_wants_no_rehash(stored: str) -> None:
    assert not password.needs_rehash(stored)


# Uncommon letters, so that length alone decides.
def unlike(length: int) -> str:
    return ("q7vzkx2jwp9hdm4r" * 9)[:length]


@pytest.mark.parametrize(
    ("length", "shortest", "reason"),
    [
        (7, 8, "too_short"),
        (8, 8, None),
        (14, 15, "too_short"),
        (15, 15, None),
        (128, 8, None),
        (129, 8, "too_long"),
        (128, 15, None),
        (129, 15, "too_long"),
        (0, 8, "too_short"),
    ],
)
def test_the_lengths_end_exactly_where_the_contract_says(length: int, shortest: int, reason: str | None) -> None:
    assert refusal(unlike(length), shortest=shortest) == reason


@pytest.mark.parametrize("first", ["𝌆", "🂡", "語", "ѐ"])
def test_a_code_point_counts_once_however_many_bytes_it_has(first: str) -> None:
    letters = "".join(chr(ord(first) + 7 * number % 31) for number in range(129))
    assert refusal(letters[:7]) == "too_short"
    assert refusal(letters[:8]) is None
    assert refusal(letters[:128]) is None
    assert refusal(letters) == "too_long"


def test_the_length_is_that_of_the_normal_form() -> None:
    accented = [f"{letter}\u0301" for letter in "eoagyuni"]
    assert refusal("".join(accented[:7])) == "too_short"  # seven letters, as they are hashed
    assert refusal("".join(accented)) is None


@pytest.mark.parametrize("typed", ["p q r s t", "\x07\x01\x05\x02\x19\x04\x11\x06\x08", "12 49 77 03!"])
def test_there_is_no_rule_of_composition(typed: str) -> None:
    assert refusal(typed) is None


@pytest.mark.parametrize(
    "guessed",
    [
        *("123456789012345", "passwordpassword", "password1234567", "aaaaaaaaaaaaaaa", "abcdefghijklmno", " " * 15),
        *("qwertyuiopasdfgh", "iloveyouiloveyou", "00000000", "87654321", "12341234", "jennifer", "Password1!"),
        *("P@ssw0rd!", "administrator"),
    ],
)
def test_what_is_guessed_early_is_refused_however_long_it_is(guessed: str) -> None:
    assert refusal(guessed) == "too_common"


@pytest.mark.parametrize("common", ["password", "12345678", "iloveyou", "qwertyuiop", "PASSWORD", "PassWord"])
def test_a_common_password_is_refused_in_any_case(common: str) -> None:
    assert refusal(common) == "too_common"


@pytest.mark.parametrize("common", ["ｐａｓｓｗｏｒｄ", "ＰＡＳＳＷＯＲＤ", "１２３４５６７８", "iloveyoᵤ"])
def test_a_common_password_is_refused_in_every_spelling_of_its_normal_form(common: str) -> None:
    """It is hashed as `password`, and opened by `password`."""
    assert refusal(common) == "too_common"


def test_a_common_password_within_a_longer_one_is_no_reason() -> None:
    assert refusal("password of my own making") is None


@pytest.mark.parametrize("own", ["acme2026", "Acme-Acme", "kim12345", "KIM!ACME", "acmeacmeacme", "1acme2kim"])
def test_the_accounts_own_words_make_no_password(own: str) -> None:
    assert refusal(own) == "too_common"


def test_the_accounts_own_words_are_found_in_every_spelling_of_their_normal_form() -> None:
    assert refusal("ａｃｍｅ2026") == "too_common"


@pytest.mark.parametrize("typed", ["acme and a good deal more", "kimono garden", "acmezqvwx"])
def test_an_own_word_beside_enough_else_is_no_reason(typed: str) -> None:
    assert refusal(typed) is None


def test_an_empty_own_word_takes_nothing_out() -> None:
    assert refusal("zqvwxjkp", own_words=("", "acme")) is None


def test_the_first_hash_finds_its_memory_in_place() -> None:
    """In a process of its own: the pages of 19 MiB are 4,864 faults, unless they are there."""
    code = (
        "import resource; from secondstep.authenticators import password; password.take_memory()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt; password.match('x', None)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert int(told.stdout) < 500
