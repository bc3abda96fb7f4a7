"""The budget of AWS calls of the pages and of an application's sign-in through them, counted and asserted; all warm."""

import sys
from collections.abc import Callable

import pytest

from tests.browsing import Browser
from tests.pictures import png
from tests.relying_party import REGISTERED, RelyingParty
from tests.service import PASSWORD, Person, Service

READ, ONE, COMMIT = "batch_get_item", "get_item", "transact_write_items"
CHARGED_LOGIN = ["batch_get_item", "update_item", "update_item"]  # the charge beside the read, then the challenge


@pytest.fixture
def desk(service: Service) -> RelyingParty:
    """Return an application that the account has registered; its account's policy is held."""
    service.account(applications=REGISTERED)
    service.session(service.bound_person("warm"))
    return RelyingParty(service)


def calls(service: Service, name: str, act: Callable[[], object]) -> tuple[list[str], list[str]]:
    """Return the DynamoDB operations and the KMS operations of an act; `-s` prints them."""
    service.recorder.clear()
    act()
    dynamodb, kms = sorted(service.recorder.dynamodb), list(service.recorder.kms)
    sys.stdout.write(f"{name:35} {' '.join(dynamodb) or '-'} / {' '.join(kms) or '-'}\n")
    return dynamodb, kms


def test_an_application_that_sends_a_user_who_is_signed_in_costs_two_calls(
    service: Service, desk: RelyingParty, enrolled: Person
) -> None:
    browser = Browser(service).log_in(enrolled)
    assert calls(service, "GET /authorize", lambda: browser.get(desk.address())) == ([READ, "put_item"], [])


def test_an_application_that_sends_somebody_unknown_costs_no_call(service: Service, desk: RelyingParty) -> None:
    browser = Browser(service)
    assert calls(service, "GET /authorize, nobody", lambda: browser.get(desk.address())) == ([], [])
    assert browser.path == "/ui/login"


def test_a_code_is_changed_for_tokens_by_three_calls_and_no_key(
    service: Service, desk: RelyingParty, enrolled: Person
) -> None:
    code = desk.code(Browser(service).log_in(enrolled))
    assert calls(service, "POST /token, code", lambda: desk.redeem(code)) == ([READ, ONE, COMMIT], [])


def test_an_applications_refresh_costs_what_refresh_costs(
    service: Service, desk: RelyingParty, enrolled: Person
) -> None:
    tokens = desk.redeem(desk.code(Browser(service).log_in(enrolled))).body
    refresh = calls(service, "POST /token, refresh", lambda: desk.refresh(tokens["refresh_token"]))
    assert refresh == ([READ, COMMIT], [])


@pytest.mark.parametrize("logo", [None, png()], ids=["without a logo", "with a logo"])
def test_a_sign_in_on_the_pages_costs_what_a_programs_costs_and_the_reading_of_the_challenge(
    service: Service, desk: RelyingParty, enrolled: Person, logo: bytes | None
) -> None:
    if logo:
        service.logo(logo)
        service.session(service.bound_person("warm-again"))
    browser = Browser(service)
    assert calls(service, "GET /ui/login", lambda: browser.get("/ui/login?account=acme")) == ([], [])
    password = calls(
        service, "POST /ui/login", lambda: browser.submit("/ui/login", login_name="enrolled", password=PASSWORD)
    )
    assert password == (sorted([*CHARGED_LOGIN, ONE]), [])
    code = service.code(enrolled)
    found = calls(service, "POST /ui/verify", lambda: browser.submit("/ui/verify", code=code))
    assert found[1] == ["decrypt"]
    assert found[0].count("update_item") == 1
    assert found[0].count(COMMIT) == 1


def test_the_logo_is_one_read_for_anybody_and_one_transaction_for_an_admin(
    service: Service, desk: RelyingParty, admin: Person
) -> None:
    browser = Browser(service).log_in(admin).get("/ui/admin/logo")
    stored = calls(service, "POST /ui/admin/logo", lambda: browser.submit("/ui/admin/logo", do="set", file=png()))
    assert stored[0].count(COMMIT) == 1
    assert stored[1] == []
    assert calls(service, "GET /ui/logo", lambda: Browser(service).get("/ui/logo?account=acme")) == ([ONE], [])
