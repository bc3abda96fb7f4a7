"""The ceremonies of an application: a browser is handed over with a code, and the code becomes tokens."""

from typing import Any, NamedTuple
from urllib.parse import urlencode

from secondstep import contract, site_map
from secondstep.contract import Route
from tests.attacks import outcomes
from tests.attacks.ceremonies import Ceremony
from tests.attacks.outcomes import Attempt
from tests.attacks.posted import Posted, assert_page_refuses, is_page_refused
from tests.attacks.raw import assert_is_problem
from tests.attacks.successes import fresh_name
from tests.browsing import Browser
from tests.relying_party import REGISTERED, RelyingParty, post_form
from tests.service import Person, Reply, Service


class Redeemed(NamedTuple):
    """A form of an application's to the token endpoint that will succeed."""

    person: Person
    desk: RelyingParty
    browser: Browser
    body: dict[str, Any]
    route: Route = contract.TOKEN
    token: str | None = None
    picture: bytes = b""

    def send(self, service: Service) -> Reply:
        """Post it."""
        return post_form(service, urlencode(self.body))


def _signed_in(service: Service) -> tuple[Person, RelyingParty, Browser]:
    service.account(applications=REGISTERED)
    person = service.bound_person(fresh_name())
    return person, RelyingParty(service), Browser(service).log_in(person)


def _ask(service: Service) -> Posted:
    person, desk, browser = _signed_in(service)
    return Posted(site_map.AUTHORIZE, person, browser, {}, 200, desk.address().removeprefix("/authorize"))


def _come_back(service: Service) -> Posted:
    service.account(applications=REGISTERED)
    person, desk, browser = service.bound_person(fresh_name()), RelyingParty(service), Browser(service)
    browser.get(desk.address())
    waiting = browser.cookies["__Host-authorize"]
    browser.log_in(person)
    browser.cookies["__Host-authorize"] = waiting
    return Posted(site_map.CONTINUE, person, browser, {}, 200)


def _redeem(service: Service) -> Redeemed:
    person, desk, browser = _signed_in(service)
    body = {
        "grant_type": "authorization_code",
        "code": desk.code(browser),
        "client_id": desk.client_id,
        "redirect_uri": desk.redirect_uri,
        "code_verifier": desk.verifier,
    }
    return Redeemed(person, desk, browser, body)


def _refresh(service: Service) -> Redeemed:
    it = _redeem(service)
    refresh_token = it.send(service).body["refresh_token"]
    body = {"grant_type": "refresh_token", "refresh_token": refresh_token, "client_id": it.desk.client_id}
    return it._replace(body=body)


# --- what has happened


def _of_application(service: Service, it: Attempt) -> list[dict[str, Any]]:
    return [each for each in outcomes.sessions(service, it.person) if each["ci"] != "secondstep"]


def _redeemed(service: Service, it: Attempt) -> list[bool]:
    told = "authorized success" in outcomes.events(service, it.person.identity)
    return [len(_of_application(service, it)) == 1, told]


def _rotated(service: Service, it: Attempt) -> list[bool]:
    [session] = _of_application(service, it)
    return [session["rn"] == 1, "rp" in session]


def _assert_token_refused(reply: Reply, *codes: str) -> None:
    """Assert a word of RFC 6749 section 5.2 where something was decided, and a problem where nothing was."""
    if reply.status >= 500:
        assert_is_problem(reply, *codes)
    else:
        assert (reply.status, reply.body["error"]) == (400, "invalid_grant")
        assert set(codes) - {"unavailable", "internal_error"}


# --- how it goes on


def _again(service: Service, it: Attempt) -> Reply:
    return it.send(service)


def _with_a_new_code(service: Service, it: Attempt) -> Reply:
    """An application that got no answer sends its user once more: the session in the browser is still there."""
    assert isinstance(it, Redeemed)
    return it.desk.redeem(it.desk.code(it.browser))


CEREMONIES: dict[str, Ceremony] = {
    "a browser asks": Ceremony(_ask, outcomes.nothing, _again, assert_page_refuses, is_page_refused),
    "a browser comes back": Ceremony(_come_back, outcomes.nothing, _again, assert_page_refuses, is_page_refused),
    "a code becomes tokens": Ceremony(_redeem, _redeemed, _with_a_new_code, _assert_token_refused),
    "a refresh token is renewed": Ceremony(_refresh, _rotated, _again, _assert_token_refused),
}
