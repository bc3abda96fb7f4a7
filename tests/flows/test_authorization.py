"""An application's users: through the pages and back, with a code that becomes a session of its own."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from tests.browsing import Browser
from tests.conftest import ORIGIN, PUBLIC_URL
from tests.relying_party import DESK, REDIRECT_URI, REGISTERED, SHOP, RelyingParty, answered, destination, post_form
from tests.service import ACCOUNT, PASSWORD, Person, Service, secret_of


@pytest.fixture
def desk(service: Service) -> RelyingParty:
    """Return an application that the account has registered."""
    service.account(applications=REGISTERED)
    return RelyingParty(service)


@pytest.fixture
def browser(service: Service) -> Browser:
    """Return a browser that was never here."""
    return Browser(service)


@pytest.fixture
def signed_in(desk: RelyingParty, browser: Browser, enrolled: Person) -> Browser:
    """Return a browser whose user has signed in with both steps."""
    browser.log_in(enrolled)
    assert browser.path == "/ui/account"
    return browser


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def step_up(browser: Browser, person: Person) -> Browser:
    browser.service.clock.advance(30)
    return browser.submit("/ui/step-up", code=browser.service.code(person))


# --- through the pages and back


def test_a_user_goes_through_both_steps_and_comes_back_with_a_code(
    service: Service, desk: RelyingParty, browser: Browser, enrolled: Person
) -> None:
    browser.get(desk.address())
    assert (browser.path, browser.query) == ("/ui/login", {"account": ACCOUNT})
    browser.submit("/ui/login", login_name="enrolled", password=PASSWORD)
    browser.submit("/ui/verify", code=service.code(enrolled))
    assert browser.path == "/ui/continue"
    assert destination(browser).startswith(f"{REDIRECT_URI}?code=")
    came_back = answered(browser)
    assert came_back == {"code": came_back["code"], "state": desk.state, "iss": PUBLIC_URL}
    assert "__Host-authorize" not in browser.cookies
    assert "Service Desk" in browser.text

    reply = desk.redeem(came_back["code"])
    assert reply.status == 200
    assert set(reply.body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (reply.body["token_type"], reply.body["expires_in"]) == ("Bearer", 900)
    said = claims(reply.body["access_token"])
    assert (said["aud"], said["iss"], said["client_id"]) == (ACCOUNT, PUBLIC_URL, "desk")
    assert (said["sub"], said["amr"], said["acr"]) == (enrolled.sub, ["pwd", "otp", "mfa"], "aal2")
    assert service.get("/me", token=reply.body["access_token"]).body["login_name"] == "enrolled"
    assert reply.headers["Cache-Control"] == "no-store"


def test_the_session_is_the_applications_own_and_is_recorded(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    service.clock.advance(1200)
    [browsers] = service.sessions(enrolled)
    tokens = desk.redeem(desk.code(signed_in)).body
    [own] = [each for each in service.sessions(enrolled) if each["sk"] != browsers["sk"]]
    assert (own["ci"], own["at"], own["am"], own["z"]) == ("desk", browsers["at"], browsers["am"], browsers["z"])
    assert "by" not in own  # carried by tokens, never by a cookie
    [event] = service.events("authorized")
    assert event["detail"] == {"client_id": "desk", "sid": claims(tokens["access_token"])["sid"]}
    assert event["subject"] == {"sub": enrolled.sub, "login_name": "enrolled"}


def test_a_living_session_skips_the_password(desk: RelyingParty, signed_in: Browser) -> None:
    signed_in.get(desk.address())
    assert signed_in.path == "/authorize"
    assert answered(signed_in)["state"] == desk.state
    assert desk.redeem(answered(signed_in)["code"]).status == 200


def test_the_account_is_the_sessions_where_none_is_named(desk: RelyingParty, signed_in: Browser) -> None:
    assert desk.redeem(desk.code(signed_in, account=None)).status == 200


def test_the_account_is_the_last_one_where_nobody_is_signed_in(desk: RelyingParty, signed_in: Browser) -> None:
    del signed_in.cookies["__Host-session"]
    signed_in.get(desk.address(account=None))
    assert (signed_in.path, signed_in.query) == ("/ui/login", {"account": ACCOUNT})


def test_the_account_is_asked_for_where_nothing_names_it(
    service: Service, desk: RelyingParty, browser: Browser, enrolled: Person
) -> None:
    desk.state = """a b"c<d>&e=f+g%20h'"""
    browser.get(desk.address(account=None, ui_locales="en", max_age="900"))
    assert (browser.path, browser.status) == ("/authorize", 200)
    browser.submit("/authorize", account=ACCOUNT)
    browser.submit("/ui/login", login_name="enrolled", password=PASSWORD)
    browser.submit("/ui/verify", code=service.code(enrolled))
    assert answered(browser)["state"] == desk.state
    assert desk.redeem(answered(browser)["code"]).status == 200


def test_a_first_sign_in_enrolls_on_the_way_and_comes_back_after_the_recovery_codes(
    service: Service, desk: RelyingParty, browser: Browser, agent: Person
) -> None:
    browser.get(desk.address())
    browser.submit("/ui/login", login_name="agent", password=PASSWORD)
    browser.submit("/ui/enroll")
    [uri] = [link for link in browser.page.links if link.startswith("otpauth:")]
    browser.submit("/ui/verify", code=service.code_of(secret_of(parse_qs(urlsplit(uri).query)["secret"][0])))
    assert browser.path == "/ui/verify"  # the recovery codes are the answer to this form
    without = browser.copy()
    [typed] = [word for word in browser.text.split() if word.count("-") == 3][:1]
    browser.submit("/ui/saved", recovery_code=typed)
    assert browser.path == "/ui/continue"
    assert desk.redeem(answered(browser)["code"]).status == 200
    assert answered(without.get("/ui/continue"))["code"]  # the link of who goes on without


def test_the_address_keeps_its_own_query(desk: RelyingParty, signed_in: Browser) -> None:
    desk.redirect_uri = DESK.redirect_uris[1]
    signed_in.get(desk.address())
    assert destination(signed_in).startswith("https://app.example.test/other?tenant=1&code=")
    assert desk.redeem(answered(signed_in)["code"]).status == 200


def test_a_request_without_state_gets_none(desk: RelyingParty, signed_in: Browser) -> None:
    signed_in.get(desk.address(state=None))
    assert set(answered(signed_in)) == {"code", "iss"}


def test_unknown_parameters_are_ignored_and_empty_ones_are_none(desk: RelyingParty, signed_in: Browser) -> None:
    signed_in.get(desk.address(scope="openid", max_age="", acr_values="", nonce="n") + "&scope=again")
    assert set(answered(signed_in)) == {"code", "state", "iss"}


def test_the_language_that_is_asked_for_is_spoken_to_the_end(
    service: Service, desk: RelyingParty, browser: Browser, enrolled: Person
) -> None:
    browser.get(desk.address(ui_locales="fr-CA de"))
    assert '<html lang="fr"' in browser.html
    browser.submit("/ui/login", login_name="enrolled", password=PASSWORD)
    assert '<html lang="fr"' in browser.html
    browser.submit("/ui/verify", code=service.code(enrolled))
    assert '<html lang="fr"' in browser.html


# --- how fresh, and by what


def test_an_old_login_is_proven_again_where_max_age_asks_for_it(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    service.clock.advance(600)
    signed_in.get(desk.address(max_age="900"))
    assert answered(signed_in)["code"]
    signed_in.get(desk.address(max_age="599"))
    assert signed_in.path == "/ui/step-up"
    step_up(signed_in, enrolled)
    assert signed_in.path == "/ui/continue"
    said = claims(desk.redeem(answered(signed_in)["code"]).body["access_token"])
    assert said["auth_time"] == service.now()


def test_max_age_zero_asks_once_and_never_goes_in_circles(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    service.clock.advance(5)
    signed_in.get(desk.address(max_age="0"))
    assert signed_in.path == "/ui/step-up"
    step_up(signed_in, enrolled)
    assert answered(signed_in)["code"]


def test_a_login_that_just_took_place_is_fresh_however_long_the_rest_took(
    service: Service, desk: RelyingParty, browser: Browser, enrolled: Person
) -> None:
    browser.get(desk.address(max_age="0"))
    browser.log_in(enrolled)
    assert browser.path == "/ui/continue"
    assert answered(browser)["code"]


def test_who_is_bound_steps_up_by_code_where_aal2_is_asked_for(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    signed_in.get(desk.address(acr_values="aal2"))
    said = claims(desk.redeem(answered(signed_in)["code"]).body["access_token"])
    assert said["acr"] == "aal2"


def test_aal2_is_told_to_be_out_of_reach_where_nothing_leads_there(
    service: Service, browser: Browser, agent: Person
) -> None:
    service.account(applications=REGISTERED, mfa_required=False)
    desk = RelyingParty(service)
    browser.log_in(agent)
    assert browser.path == "/ui/account"
    browser.get(desk.address(acr_values="aal2"))
    assert answered(browser) == {
        "error": "unmet_authentication_requirements",
        "state": desk.state,
        "iss": PUBLIC_URL,
    }
    assert claims(desk.redeem(desk.code(browser)).body["access_token"])["acr"] == "aal1"
    browser.get(desk.address(acr_values="aal1 aal2"))
    assert answered(browser)["code"]


def test_a_session_without_a_factor_enrolls_once_the_policy_asks_for_one(
    service: Service, browser: Browser, agent: Person
) -> None:
    service.account(applications=REGISTERED, mfa_required=False)
    browser.log_in(agent)
    service.account(applications=REGISTERED)
    browser.get(RelyingParty(service).address())
    assert browser.path == "/ui/login"
    browser.submit("/ui/login", login_name="agent", password=PASSWORD)
    assert browser.path == "/ui/enroll"


# --- refusals that go back to the application


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "a" * 42}, "invalid_request"),
        ({"code_challenge": "a" * 44}, "invalid_request"),
        ({"code_challenge": "a" * 42 + "="}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "s256"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "1.5"}, "invalid_request"),
        ({"max_age": "٣"}, "invalid_request"),
        ({"acr_values": "aal3"}, "unmet_authentication_requirements"),
    ],
)
def test_a_request_that_is_not_whole_goes_back_with_its_state(
    service: Service, desk: RelyingParty, browser: Browser, changes: dict[str, str | None], error: str
) -> None:
    browser.get(desk.address(**changes))
    assert answered(browser) == {"error": error, "state": desk.state, "iss": PUBLIC_URL}
    assert destination(browser).startswith(REDIRECT_URI)


@pytest.mark.parametrize("name", ["response_type", "code_challenge", "code_challenge_method", "max_age", "state"])
def test_a_parameter_that_comes_twice_is_refused(desk: RelyingParty, browser: Browser, name: str) -> None:
    asked = desk.parameters(max_age="900")
    browser.get(f"{desk.address(max_age='900')}&{urlencode({name: asked[name]})}")
    assert answered(browser)["error"] == "invalid_request"


def test_a_state_that_no_cookie_could_hold_is_refused(desk: RelyingParty, browser: Browser) -> None:
    desk.state = "x" * 1024
    assert browser.get(desk.address()).path == "/ui/login"
    assert len(browser.cookies["__Host-authorize"]) < 4000
    desk.state = "x" * 1025
    assert answered(browser.get(desk.address())) == {
        "error": "invalid_request",
        "state": desk.state,
        "iss": PUBLIC_URL,
    }


# --- the token endpoint


def test_an_application_refreshes_its_own_session_and_gets_no_account_token(
    service: Service, desk: RelyingParty, signed_in: Browser
) -> None:
    first = desk.redeem(desk.code(signed_in)).body
    service.clock.advance(60)
    second = desk.refresh(first["refresh_token"])
    assert second.status == 200
    assert set(second.body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    before, after = claims(first["access_token"]), claims(second.body["access_token"])
    assert {name: after[name] for name in ("sid", "client_id", "auth_time", "amr", "aud")} == {
        name: before[name] for name in ("sid", "client_id", "auth_time", "amr", "aud")
    }
    repeated = desk.refresh(first["refresh_token"])  # a lost reply
    assert repeated.body["refresh_token"] == second.body["refresh_token"]
    assert service.post("/refresh", {"refresh_token": second.body["refresh_token"]}).code == "invalid_token"
    assert desk.refresh(second.body["refresh_token"]).status == 200


def test_an_application_signs_its_user_out(service: Service, desk: RelyingParty, signed_in: Browser) -> None:
    tokens = desk.redeem(desk.code(signed_in)).body
    assert service.post("/logout", {"refresh_token": tokens["refresh_token"]}).status == 204
    assert desk.refresh(tokens["refresh_token"]).body["error"] == "invalid_grant"
    assert signed_in.get("/ui/account").status == 200


def test_the_applications_session_outlives_the_sign_out_here_but_not_its_end(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    service.clock.advance(3000)
    signed_in.get("/ui/account")
    tokens = desk.redeem(desk.code(signed_in)).body
    signed_in.get("/ui/account").submit("/ui/account", do="sign-out")
    assert desk.refresh(tokens["refresh_token"]).status == 200
    [own] = service.sessions(enrolled)
    assert own["z"] == own["at"] + 12 * 3600


@pytest.mark.parametrize(
    ("fields", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "client_id": "desk"}, 400, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x", "client_id": "desk"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": "desk"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "", "client_id": "desk"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "x", "client_id": "secondstep"}, 400, "invalid_client"),
    ],
)
def test_a_refusal_has_oauths_words(
    service: Service, desk: RelyingParty, fields: dict[str, str], status: int, error: str
) -> None:
    reply = desk.post(**fields)
    assert (reply.status, reply.body["error"]) == (status, error)
    assert set(reply.body) == {"error", "error_description"}
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ('{"grant_type": "refresh_token"}', {"Content_Type": "application/json"}, 415),
        ("grant_type=refresh_token", {"Content_Type": "text/plain"}, 415),
        ("grant_type=refresh_token&grant_type=refresh_token", {}, 400),
        ("grant_type=refresh_token&refresh_token=%ff", {}, 400),
        ("nothing", {}, 400),
        ("grant_type=" + "x" * 5000, {}, 413),
    ],
)
def test_what_is_no_form_is_an_invalid_request(
    service: Service, body: str, headers: dict[str, str], status: int
) -> None:
    reply = post_form(service, body, **headers)
    assert (reply.status, reply.body["error"]) == (status, "invalid_request")


def test_who_comes_with_a_secret_is_told_that_there_are_none(service: Service) -> None:
    reply = post_form(service, "grant_type=refresh_token", Authorization="Basic ZGVzazpzZWNyZXQ=")
    assert (reply.status, reply.body["error"]) == (401, "invalid_client")
    assert reply.headers["x-amzn-Remapped-WWW-Authenticate"] == "Basic"


def test_a_web_page_of_a_listed_origin_may_ask_for_tokens(service: Service) -> None:
    reply = post_form(service, "grant_type=x", Origin=ORIGIN)
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert service.call("OPTIONS", "/token", headers={"Origin": ORIGIN}).status == 204
    assert "Access-Control-Allow-Origin" not in post_form(service, "grant_type=x", Origin="https://evil.test").headers


def test_a_page_says_nothing_to_other_origins(desk: RelyingParty, browser: Browser) -> None:
    browser.get(desk.address(), Origin=ORIGIN)
    assert "Access-Control-Allow-Origin" not in browser.headers


def test_an_application_that_the_account_gave_up_gets_nothing_more(
    service: Service, desk: RelyingParty, signed_in: Browser
) -> None:
    tokens, code = desk.redeem(desk.code(signed_in)).body, desk.code(signed_in)
    service.account(applications=REGISTERED[1:])
    assert desk.redeem(code).body["error"] == "invalid_client"
    assert desk.refresh(tokens["refresh_token"]).body["error"] == "invalid_grant"
    assert signed_in.get(desk.address()).status == 400


def test_two_applications_have_two_sessions(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    shop = RelyingParty(service, SHOP)
    first, second = desk.redeem(desk.code(signed_in)).body, shop.redeem(shop.code(signed_in)).body
    assert claims(first["access_token"])["sid"] != claims(second["access_token"])["sid"]
    assert len(service.sessions(enrolled)) == 3


def test_the_way_back_from_nowhere_is_the_account(signed_in: Browser) -> None:
    assert signed_in.get("/ui/continue").path == "/ui/account"
