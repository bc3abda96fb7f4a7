"""Names: one person, one name, one item; and what a subscriber's record answers."""

import hashlib
import string
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from secondstep.errors import InvalidRequest
from secondstep.subscriber import (
    Authenticator,
    Enrollment,
    Identity,
    Status,
    Ticket,
    canonical_login_name,
    new_epoch,
    new_id,
)
from tests.unit.records import NOW, a_subscriber


@pytest.mark.parametrize(
    ("typed", "canonical"),
    [
        ("kim", "kim"),
        ("KIM", "kim"),
        (" kim\u3000", "kim"),
        ("\u00a0kim\u2003", "kim"),
        ("kim lee", "kim lee"),
        ("STRASSE", "strasse"),
        ("straße", "strasse"),
        ("STRAẞE", "strasse"),
        ("ＫＩＭ＠ｅｘａｍｐｌｅ．ｃｏｍ", "kim@example.com"),
        ("ﬁona", "fiona"),
        ("Å", "å"),
        ("A\u030a", "å"),
        ("\u212b", "å"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"),
        ("Σίσυφος", "σίσυφοσ"),
        ("ı", "ı"),
        ("İstanbul", "i\u0307stanbul"),
        ("²", "2"),
        ("\u0390", "\u0390"),  # case folding takes it apart, the second NFKC puts it together
        ("ǅ", "dž"),
        ("a+b.c-d_e'f@g", "a+b.c-d_e'f@g"),
        ("名前", "名前"),
        ("👩", "👩"),
    ],
)
def test_the_spellings_of_a_name_are_one_name(typed: str, canonical: str) -> None:
    assert canonical_login_name(typed) == canonical


def test_turkish_dotless_i_is_another_letter_than_i() -> None:
    assert len({canonical_login_name(each) for each in ("kim", "kım", "ki\u0307m")}) == 3


def refused(typed: str) -> bool:
    try:
        canonical_login_name(typed)
    except InvalidRequest as refusal:
        return refusal.field == "login_name"
    return False


@pytest.mark.parametrize("typed", ["", " ", "\u3000\u3000", "\u2003", "\t\n"])
def test_nothing_but_blanks_is_no_name(typed: str) -> None:
    assert refused(typed)


@pytest.mark.parametrize("mark", list("/%#?") + list("／％＃？") + ["\u2100", "\u2048", "\ufe6a"])
def test_what_a_path_would_read_otherwise_is_refused_in_every_spelling(mark: str) -> None:
    """U+2100 is `a/c` in its normal form, U+2048 `?!`, U+FE6A `%`."""
    assert refused(f"a{mark}b")
    assert refused(mark)


def test_every_control_format_and_surrogate_character_is_refused() -> None:
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs"):
            assert refused(f"a{character}b"), f"U+{point:04X}"


@pytest.mark.parametrize("typed", ["a\u202eb", "a\u200db", "\ufeffa", "a\u00adb", "a\x7fb", "a\x85b", "a\ud800b"])
def test_a_character_that_nobody_sees_is_refused(typed: str) -> None:
    assert refused(typed)


def test_a_name_has_one_to_128_code_points_in_its_canonical_form() -> None:
    assert canonical_login_name("x" * 128)
    assert refused("x" * 129)
    assert canonical_login_name("𝌆" * 128)
    assert canonical_login_name(" " * 500 + "x" + " " * 500) == "x"
    assert canonical_login_name("e\u0301" * 128) == "é" * 128
    assert refused("ß" * 65)
    assert canonical_login_name("ß" * 64) == "s" * 128
    assert refused("\ufdfa" * 8)  # one ligature, eighteen letters


@given(st.text(max_size=140))
@example("\u0345\u0301")
@example("α\u0345")
@example("ŉ")
@example("\u1e9e\u00a8")
def test_the_canonical_form_is_its_own(typed: str) -> None:
    try:
        once = canonical_login_name(typed)
    except InvalidRequest:
        return
    assert canonical_login_name(once) == once


def test_each_code_point_alone_has_a_canonical_form_that_is_its_own() -> None:
    for point in range(0x30000):
        try:
            once = canonical_login_name(chr(point))
        except InvalidRequest:
            continue
        assert canonical_login_name(once) == once, f"U+{point:04X}"


@given(st.text(alphabet=string.ascii_letters + string.digits + "@.-_+ ", min_size=1, max_size=128))
def test_case_and_outer_blanks_never_make_another_name(typed: str) -> None:
    if typed.strip() in ("", ".", ".."):
        return
    assert canonical_login_name(f" {typed.upper()} ") == canonical_login_name(typed.lower())


@pytest.mark.parametrize("account", ["a", "acme", "acme-2", "0", "-", "x" * 40])
def test_an_account_id_is_one_to_forty_of_its_letters(account: str) -> None:
    assert Identity.parse(account=account, login_name="kim").account == account


@pytest.mark.parametrize(
    "account",
    ["", "Acme", "ACME", "a_b", "a.b", "a b", "acme ", " acme", "acme\n", "acme/", "acmé", "ａｃｍｅ", "a#b", "x" * 41],
)
def test_an_account_id_is_never_corrected(account: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Identity.parse(account=account, login_name="kim")
    assert refusal.value.field == "account"
    assert account not in refusal.value.message or not account


def test_the_key_is_the_first_half_of_sha_256_over_account_line_feed_and_name() -> None:
    identity = Identity.parse(account="acme", login_name="Müller")
    assert identity.hash == hashlib.sha256("acme\nmüller".encode()).hexdigest()[:32]
    assert identity.hash == identity.hash.lower()


def test_the_key_of_a_known_name_never_changes() -> None:
    """Every stored subscriber lies under it."""
    assert Identity("acme", "kim").hash == "a6227a8c0094a5f3a3a0aaab58a87739"


def test_account_and_name_cannot_be_shifted_into_each_other() -> None:
    pairs = [("a", "bc"), ("ab", "c"), ("abc", "d"), ("a", "b-c"), ("a-b", "c")]
    assert len({Identity.parse(account=a, login_name=n).hash for a, n in pairs}) == len(pairs)
    assert refused("a\nb")


def test_an_epoch_is_eight_random_bytes() -> None:
    made = {new_epoch() for _ in range(500)}
    assert len(made) == 500
    assert {len(each) for each in made} == {8}


def test_an_id_is_sixteen_url_safe_characters() -> None:
    made = {new_id() for _ in range(500)}
    assert len(made) == 500
    assert all(len(each) == 16 and set(each) <= set(string.ascii_letters + string.digits + "-_") for each in made)


def authenticator(name: str, last_used_at: int) -> Authenticator:
    return Authenticator(id=name, name=name, sealed_secret=b"", created_at=0, last_step=0, last_used_at=last_used_at)


def test_the_authenticator_that_was_used_last_is_tried_first() -> None:
    held = {each.id: each for each in (authenticator("a", 10), authenticator("b", 30), authenticator("c", 20))}
    assert [each.id for each in a_subscriber(authenticators=held).last_used_first()] == ["b", "c", "a"]
    assert a_subscriber().last_used_first() == []


@pytest.mark.parametrize("status", list(Status))
def test_only_an_active_subscriber_is_active(status: Status) -> None:
    assert a_subscriber(status=status).is_active == (status is Status.ACTIVE)


@pytest.mark.parametrize("enrollment", list(Enrollment))
def test_only_a_bound_subscriber_is_bound(enrollment: Enrollment) -> None:
    assert a_subscriber(enrollment=enrollment).is_bound == (enrollment is Enrollment.BOUND)


def test_a_stored_ticket_is_live_until_its_last_second() -> None:
    ticket = Ticket(b"hash", NOW)
    assert ticket.is_live(NOW - 1)
    assert not ticket.is_live(NOW)


@pytest.mark.parametrize("typed", [".", "..", " .. ", "\uff0e", "\u2025"])
def test_a_name_that_leads_elsewhere_in_a_path_is_refused(typed: str) -> None:
    with pytest.raises(InvalidRequest):
        canonical_login_name(typed)
