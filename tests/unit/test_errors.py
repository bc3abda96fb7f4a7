"""Each code of the contract is one class, with the contract's status; what it shows is safe to show."""

import re
from pathlib import Path

import pytest

from secondstep import errors
from secondstep.errors import ServiceError
from tests.unit import refusals

API = Path(__file__).resolve().parents[2] / "docs" / "api.md"
_ROW = re.compile(r"^\| (`[a-z_]+`(?: `[a-z_]+`)*) \| ([0-9]{3})[^|]*\|", re.MULTILINE)

# The contract, written down once more: neither the page nor a class can change without the other and this.
CODES = {
    "invalid_request": 400,
    "password_refused": 400,
    "invalid_credentials": 401,
    "challenge_invalid": 401,
    "invalid_code": 401,
    "ticket_invalid": 401,
    "invalid_token": 401,
    "step_up_required": 401,
    "forbidden": 403,
    "authenticator_disabled": 403,
    "not_found": 404,
    "conflict": 409,
    "payload_too_large": 413,
    "unsupported_media_type": 415,
    "precondition_failed": 412,
    "precondition_required": 428,
    "too_many_attempts": 429,
    "internal_error": 500,
    "unavailable": 503,
}


def test_every_code_is_one_class_with_its_status() -> None:
    classes = sorted(refusals.every_class(), key=lambda each: each.code)
    assert [(each.code, each.status) for each in classes] == sorted(CODES.items())


def test_the_page_lists_the_same_codes_with_the_same_statuses() -> None:
    table = API.read_text("utf-8").partition("## Codes")[2].partition("\n## ")[0]
    assert {code.strip("`"): int(status) for code, status in _ROW.findall(table)} == CODES


def test_every_class_is_made_here() -> None:
    assert {type(each) for each in refusals.MADE} == refusals.every_class()


@pytest.mark.parametrize("refusal", refusals.MADE, ids=lambda each: each.code)
def test_a_refusal_has_a_title_and_a_sentence_and_its_text_is_its_code(refusal: ServiceError) -> None:
    assert refusal.title
    assert not refusal.title.endswith(".")
    assert refusal.detail.endswith(".")
    assert str(refusal) == refusal.code  # what a log would show of it
    assert repr(refusal) == f"{type(refusal).__name__}('{refusal.code}')"


@pytest.mark.parametrize("refusal", refusals.MADE, ids=lambda each: each.code)
def test_a_further_member_never_hides_one_that_every_problem_has(refusal: ServiceError) -> None:
    assert not set(refusal.members()) & {"type", "title", "status", "detail", "code", "request_id"}
    assert None not in refusal.members().values()


def test_a_codes_refusal_says_only_what_is_known() -> None:
    assert errors.InvalidCode(tries_left=0).members() == {"tries_left": 0}
    assert errors.InvalidCode(tries_left=4, hint="replayed", retry_after=12).members() == {
        "tries_left": 4,
        "hint": "replayed",
        "retry_after": 12,
    }
    assert errors.InvalidCode(tries_left=4, hint="clock_behind", drift_seconds=60).members() == {
        "tries_left": 4,
        "hint": "clock_behind",
        "drift_seconds": 60,
    }


@pytest.mark.parametrize(("computed", "told"), [(-5, 1), (0, 1), (1, 1), (900, 900)])
def test_a_wait_is_at_least_a_second(computed: int, told: int) -> None:
    assert errors.TooManyAttempts(retry_after=computed).members() == {"retry_after": told}


def test_a_detail_of_ones_own_is_of_this_refusal_alone() -> None:
    assert errors.NotFound("No such page.").detail == "No such page."
    assert errors.NotFound().detail == "There is nothing here."


def test_where_one_answer_must_serve_all_it_says_nothing_of_its_own() -> None:
    """Unknown account, unknown name, wrong password, disabled subscriber (promise 9)."""
    assert errors.InvalidCredentials().members() == {}
    assert errors.ChallengeInvalid().members() == {}
    assert errors.TicketInvalid().members() == {}
    assert errors.InvalidToken().members() == {}
