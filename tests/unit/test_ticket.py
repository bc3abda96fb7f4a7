"""Tickets: one text, one hash, one end."""

import hashlib
from collections.abc import Callable

import pytest

from secondstep import secret_text, ticket
from secondstep.subscriber import Ticket
from tests.unit.records import NOW


def test_a_ticket_matches_itself_until_its_last_second() -> None:
    text, stored = ticket.issue(now=NOW, ttl_seconds=60)
    assert ticket.match(text, stored, now=NOW)
    assert ticket.match(text, stored, now=NOW + 59)
    assert not ticket.match(text, stored, now=NOW + 60)
    assert not ticket.match(text, stored, now=NOW + 61)


def test_the_end_is_counted_from_the_issue() -> None:
    _, stored = ticket.issue(now=NOW, ttl_seconds=ticket.AFTER_RESET_SECONDS)
    assert stored.expires_at == NOW + 24 * 60 * 60


def test_what_is_stored_is_sixteen_bytes_of_sha_256() -> None:
    text, stored = ticket.issue(now=NOW, ttl_seconds=60)
    assert stored.hash == hashlib.sha256(text.replace("-", "").encode()).digest()[:16]


@pytest.mark.parametrize("spelled", [str.lower, lambda text: text.replace("-", ""), lambda text: f" {text} "])
def test_a_ticket_is_forgiven_its_spelling(spelled: Callable[[str], str]) -> None:
    text, stored = ticket.issue(now=NOW, ttl_seconds=60)
    assert ticket.match(spelled(text), stored, now=NOW)


@pytest.mark.parametrize("presented", [None, "", "0123", "0123-4567-89AB-CDEF", "０123456789ABCDEF", "é"])
def test_another_text_or_none_does_not_match(presented: str | None) -> None:
    _, stored = ticket.issue(now=NOW, ttl_seconds=60)
    assert not ticket.match(presented, stored, now=NOW)


def test_where_no_ticket_is_stored_nothing_matches() -> None:
    text, _ = ticket.issue(now=NOW, ttl_seconds=60)
    assert not ticket.match(text, None, now=NOW)
    assert not ticket.match(None, None, now=NOW)


def test_a_ticket_matches_no_other() -> None:
    text, _ = ticket.issue(now=NOW, ttl_seconds=60)
    _, other = ticket.issue(now=NOW, ttl_seconds=60)
    assert not ticket.match(text, other, now=NOW)


def test_a_hash_that_was_cut_or_is_empty_does_not_match() -> None:
    text, stored = ticket.issue(now=NOW, ttl_seconds=60)
    assert not ticket.match(text, Ticket(stored.hash[:8], stored.expires_at), now=NOW)
    assert not ticket.match(text, Ticket(b"", stored.expires_at), now=NOW)


def test_a_ticket_has_eighty_bits_in_the_form_that_people_type() -> None:
    texts = {ticket.issue(now=NOW, ttl_seconds=60)[0] for _ in range(200)}
    assert len(texts) == 200
    assert all(secret_text.parse(text) == text.replace("-", "") for text in texts)
