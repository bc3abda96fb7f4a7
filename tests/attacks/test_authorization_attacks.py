"""Attacks A24 and A44 on the way to an application: foreign addresses, copied codes, forged cookies, and races."""

import base64
import json
from collections.abc import Callable
from html import escape
from typing import Any

import jwt
import msgspec
import pytest

from secondstep.account import Application
from secondstep.authenticators import password
from secondstep.aws import AwsUnavailable
from secondstep.store.codec import encode_item
from secondstep.subscriber import Status, new_epoch, new_id
from tests.browsing import Browser
from tests.conftest import PUBLIC_URL
from tests.recording import Called
from tests.relying_party import DESK, REDIRECT_URI, REGISTERED, SHOP, RelyingParty, answered, destination
from tests.service import ACCOUNT, PASSWORD, Person, Reply, Service, count, race
from tests.spilled import Secrets

HOST = "app.example.test"
FOREIGN = [
    f"{REDIRECT_URI}x",
    REDIRECT_URI[:-1],
    f"{REDIRECT_URI}/",
    f"{REDIRECT_URI}?",
    f"{REDIRECT_URI}?x=1",
    f"{REDIRECT_URI}#",
    f"{REDIRECT_URI}#x",
    f"{REDIRECT_URI}%00",
    f"{REDIRECT_URI}%2f",
    f"{REDIRECT_URI}\t",
    f" {REDIRECT_URI}",
    f"{REDIRECT_URI}\n",
    f"https://{HOST}:443/callback",
    f"https://{HOST}:8443/callback",
    f"https://user@{HOST}/callback",
    f"https://{HOST}@evil.test/callback",
    f"https://{HOST}.evil.test/callback",
    "https://evil.test/callback",
    f"https://evil.test/{REDIRECT_URI}",
    f"https://{HOST}//callback",
    f"https:///{HOST}/callback",
    f"//{HOST}/callback",
    f"https:{HOST}/callback",
    "/callback",
    f"http://{HOST}/callback",
    f"HTTPS://{HOST}/callback",
    f"https://{HOST.upper()}/callback",
    f"https://{HOST}/Callback",
    f"https://{HOST}./callback",
    f"https://{HOST}/%63allback",
    f"https://{HOST}/x/../callback",
    f"https://{HOST}/./callback",
    f"https://{HOST}\\@evil.test/callback",
    f"https%3A%2F%2F{HOST}%2Fcallback",
    f"https://{HOST}/callback,https://evil.test",
    "https://аpp.example.test/callback",
    "javascript:alert(1)",
    "data:text/html,x",
    SHOP.redirect_uris[0],  # another application's
    "",
]


@pytest.fixture
def desk(service: Service) -> RelyingParty:
    """Return an application that the account has registered."""
    service.account(applications=REGISTERED)
    return RelyingParty(service)


@pytest.fixture
def signed_in(service: Service, desk: RelyingParty, enrolled: Person) -> Browser:
    """Return a browser whose user has signed in with both steps."""
    browser = Browser(service).log_in(enrolled)
    assert browser.path == "/ui/account"
    return browser


def assert_leads_nowhere(browser: Browser) -> None:
    assert browser.status == 400, browser.text
    assert not [said for tag, said in browser.page.tags if "http-equiv" in said]
    assert all(link.startswith(("#", "/ui/")) for link in browser.page.links)
    assert "Location" not in browser.headers
    assert "__Host-authorize" not in browser.cookies


def assert_refused(reply: Reply, error: str = "invalid_grant") -> None:
    assert (reply.status, reply.body["error"]) == (400, error)
    assert set(reply.body) == {"error", "error_description"}


def of_application(service: Service, person: Person) -> list[dict[str, Any]]:
    return [each for each in service.sessions(person) if each["ci"] != "secondstep"]


def waiting(**sent: Any) -> str:
    """Return what a browser would hold of a request that waits."""
    raw = json.dumps(sent, ensure_ascii=False).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# --- where a code goes


@pytest.mark.parametrize("foreign", FOREIGN)
def test_a_foreign_address_gets_nobody_and_nothing(
    service: Service, desk: RelyingParty, signed_in: Browser, foreign: str
) -> None:
    assert_leads_nowhere(signed_in.get(desk.address(redirect_uri=foreign)))
    assert_leads_nowhere(Browser(service).get(desk.address(redirect_uri=foreign)))
    assert_leads_nowhere(signed_in.get(desk.address(redirect_uri=foreign, response_type="x")))
    assert not [each for each in service.state() if each["pk"].startswith("CODE#")]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": None},
        {"client_id": "unknown"},
        {"client_id": "DESK"},
        {"client_id": "shop"},
        {"client_id": "secondstep"},
        {"redirect_uri": None},
        {"account": "other"},
        {"account": "nobody-has-this"},
        {"account": "ACME"},
        {"account": "acme/../other"},
        {"account": "acme&account=other"},
    ],
)
def test_an_application_that_this_account_does_not_know_leads_nowhere(
    service: Service, desk: RelyingParty, signed_in: Browser, changes: dict[str, str | None]
) -> None:
    service.account("other")
    assert_leads_nowhere(signed_in.get(desk.address(**changes)))


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "account"])
def test_what_decides_where_to_may_not_come_twice(desk: RelyingParty, signed_in: Browser, name: str) -> None:
    for value in (desk.parameters()[name], "https://evil.test/"):
        assert_leads_nowhere(signed_in.get(f"{desk.address()}&{name}={value}"))
        assert_leads_nowhere(signed_in.get(f"/authorize?{name}={value}&{desk.address().partition('?')[2]}"))


def test_nobody_can_register_the_name_of_the_services_own_sessions(
    service: Service, desk: RelyingParty, enrolled: Person
) -> None:
    """An application of that name would get account tokens at `POST /refresh`."""
    mine = Application("secondstep", "Mine", (REDIRECT_URI,))
    service.account(applications=[msgspec.to_builtins(mine)])
    own = RelyingParty(service, mine)
    browser = Browser(service).log_in(enrolled)
    assert_leads_nowhere(browser.get(own.address()))
    tokens = service.session(enrolled)
    assert_refused(own.refresh(tokens["refresh_token"]), "invalid_client")
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).status == 200


@pytest.mark.parametrize(
    "state",
    [
        """'"><script>alert(1)</script>""",
        "a;url=https://evil.test",
        "&error=x&iss=https://evil.test",
        "%22%3E+ é",
        "\r\nX: y",
    ],
)
def test_a_state_comes_back_unchanged_and_never_as_html(desk: RelyingParty, signed_in: Browser, state: str) -> None:
    desk.state = state
    signed_in.get(desk.address())
    came_back = answered(signed_in)
    assert (came_back["state"], came_back["iss"]) == (state, PUBLIC_URL)
    assert set(came_back) == {"code", "state", "iss"}
    assert destination(signed_in).startswith(f"{REDIRECT_URI}?code=")
    assert escape(destination(signed_in)) in signed_in.html
    assert not [tag for tag, said in signed_in.page.tags if tag == "script" and "src" not in said]
    signed_in.get(desk.address(response_type="x"))
    assert answered(signed_in)["state"] == state


def test_a_hand_over_tells_no_third_party_and_is_kept_nowhere(desk: RelyingParty, signed_in: Browser) -> None:
    signed_in.get(desk.address())
    assert signed_in.headers["Referrer-Policy"] == "no-referrer"
    assert signed_in.headers["Cache-Control"] == "no-store"
    policy = signed_in.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy


def test_no_token_code_or_verifier_is_in_an_address_of_ours_or_a_log(
    service: Service, desk: RelyingParty, enrolled: Person, secrets_seen: Secrets
) -> None:
    browser = Browser(service)
    browser.get(desk.address())
    browser.submit("/ui/login", login_name="enrolled", password=PASSWORD)
    browser.submit("/ui/verify", code=service.code(enrolled))
    code = answered(browser)["code"]
    tokens = desk.redeem(code).body
    desk.redeem(code)
    for secret in (code, desk.verifier, tokens["access_token"], tokens["refresh_token"], *browser.cookies.values()):
        secrets_seen.add(secret)
        assert not [address for address in browser.seen if secret in address]
    assert code not in str(service.state())
    assert code not in str(service.events())


# --- who redeems a code


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": "w" * 42},
        {"code_verifier": "w" * 129},
        {"client_id": "shop"},
        {"client_id": "unknown"},
        {"redirect_uri": DESK.redirect_uris[1]},
        {"redirect_uri": REDIRECT_URI + "/"},
    ],
)
def test_a_code_serves_only_the_request_that_asked_for_it(
    desk: RelyingParty, signed_in: Browser, changes: dict[str, str | None]
) -> None:
    code = desk.code(signed_in)
    assert_refused(desk.redeem(code, **changes))
    assert desk.redeem(code).status == 200  # who guesses cannot spend it for its owner


@pytest.mark.parametrize("missing", ["code_verifier", "client_id", "redirect_uri"])
def test_nothing_may_be_left_out(desk: RelyingParty, signed_in: Browser, missing: str) -> None:
    code = desk.code(signed_in)
    assert_refused(desk.redeem(code, **{missing: None}), "invalid_request")
    assert_refused(desk.redeem(code, **{missing: ""}), "invalid_request")


def test_the_challenge_is_no_verifier(desk: RelyingParty, signed_in: Browser) -> None:
    code = desk.code(signed_in)
    assert_refused(desk.redeem(code, code_verifier=desk.parameters()["code_challenge"]))


@pytest.mark.parametrize(("length", "expected"), [(42, 400), (43, 200), (128, 200), (129, 400)])
def test_a_verifier_has_the_length_that_cannot_be_guessed(
    desk: RelyingParty, signed_in: Browser, length: int, expected: int
) -> None:
    desk.verifier = "w" * length
    assert desk.redeem(desk.code(signed_in)).status == expected


def test_a_code_lives_for_less_than_sixty_seconds(service: Service, desk: RelyingParty, signed_in: Browser) -> None:
    in_time, late = desk.code(signed_in), desk.code(signed_in)
    service.clock.advance(59)
    assert desk.redeem(in_time).status == 200
    service.clock.advance(1)
    assert_refused(desk.redeem(late))


@pytest.mark.parametrize("code", ["x", "x" * 43, "SUBSCRIBER#0", "../STATE", "é" * 43, "0" * 32, "x" * 3000])
def test_a_code_that_was_never_given_is_worth_nothing(service: Service, desk: RelyingParty, code: str) -> None:
    assert_refused(desk.redeem(code))


def test_a_code_that_comes_twice_ends_the_session_that_it_made(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    code = desk.code(signed_in)
    tokens = desk.redeem(code).body
    assert service.get("/me", token=tokens["access_token"]).status == 200
    assert_refused(desk.redeem(code))
    assert of_application(service, enrolled) == []
    assert service.get("/me", token=tokens["access_token"]).code == "invalid_token"
    assert_refused(desk.refresh(tokens["refresh_token"]))
    [ended] = service.events("session_ended")
    assert ended["detail"]["why"] == "code_used_twice"
    assert signed_in.get("/ui/account").status == 200  # the browser's own session is none of theirs
    assert_refused(desk.redeem(code))
    assert len(service.events("session_ended")) == 1


@pytest.mark.parametrize("later", [61, 60 * 60])
def test_a_copied_code_betrays_itself_without_the_verifier_and_hours_later(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person, later: int
) -> None:
    code = desk.code(signed_in)
    tokens = desk.redeem(code).body
    service.clock.advance(later // 2)
    tokens = desk.refresh(tokens["refresh_token"]).body
    service.clock.advance(later // 2)
    assert_refused(desk.redeem(code, code_verifier="w" * 64, client_id="shop"))
    assert of_application(service, enrolled) == []
    assert_refused(desk.refresh(tokens["refresh_token"]))


@pytest.mark.parametrize("attempts", [2, 8])
def test_a_code_that_comes_twice_at_the_same_time_makes_no_session_that_lasts(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person, attempts: int
) -> None:
    code = desk.code(signed_in)
    replies = race(*[lambda: desk.redeem(code)] * attempts)
    assert count(replies, 200) == 1
    for reply in replies:
        if reply.status != 200:
            assert_refused(reply)
    assert of_application(service, enrolled) == []
    assert len(service.events("authorized")) == 1


def test_an_unknown_outcome_gives_no_token(service: Service, desk: RelyingParty, signed_in: Browser) -> None:
    code = desk.code(signed_in)

    def lost(called: Called, send: Callable[[], Any]) -> Any:
        if called.operation == "transact_write_items":
            send()
            raise AwsUnavailable
        return send()

    service.recorder.fault = lost
    reply = desk.redeem(code)
    service.recorder.fault = None
    assert (reply.status, reply.code) == (503, "unavailable")
    assert "access_token" not in reply.body


# --- what came in between


def _reset(service: Service, person: Person) -> None:
    token = service.session(service.bound_admin("boss"))["account_token"]
    assert service.reset(token, person.login_name).status == 200


def _disabled(service: Service, person: Person) -> None:
    service.change(person, status=Status.DISABLED)


def _new_password(service: Service, person: Person) -> None:
    new_hash = password.hash_password("quite another long phrase")
    service.change(person, password_hash=new_hash, epoch=new_epoch())


def _somebody_else(service: Service, person: Person) -> None:
    service.change(person, sub=new_id())


@pytest.mark.parametrize("ending", [_reset, _disabled, _new_password, _somebody_else])
def test_what_ends_sessions_ends_codes(
    service: Service,
    desk: RelyingParty,
    signed_in: Browser,
    enrolled: Person,
    ending: Callable[[Service, Person], None],
) -> None:
    code = desk.code(signed_in)
    ending(service, enrolled)
    assert_refused(desk.redeem(code))
    assert of_application(service, enrolled) == []


def test_who_signs_out_takes_the_codes_along(service: Service, desk: RelyingParty, signed_in: Browser) -> None:
    code = desk.code(signed_in)
    signed_in.get("/ui/account").submit("/ui/account", do="sign-out")
    assert_refused(desk.redeem(code))


def _signed_out(service: Service, person: Person) -> None:
    [browsers] = [each for each in service.sessions(person) if each.get("by") == "browser"]
    key = encode_item({"pk": browsers["pk"], "sk": browsers["sk"]})
    service._dynamodb.delete_item(TableName=service.services.settings.state_table, Key=key)


@pytest.mark.parametrize("ending", [_disabled, _new_password, _somebody_else, _signed_out])
def test_the_write_checks_what_the_read_had_seen(
    service: Service,
    desk: RelyingParty,
    signed_in: Browser,
    enrolled: Person,
    ending: Callable[[Service, Person], None],
) -> None:
    """The subscriber changes after the last read, just before the transaction."""
    code = desk.code(signed_in)

    def meanwhile(called: Called, send: Callable[[], Any]) -> Any:
        if called.operation == "transact_write_items":
            ending(service, enrolled)
        return send()

    service.recorder.fault = meanwhile
    reply = desk.redeem(code)
    service.recorder.fault = None
    assert_refused(reply)
    assert of_application(service, enrolled) == []


def test_a_reset_at_the_same_time_leaves_no_session_that_lives(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person, admin_token: str
) -> None:
    code = desk.code(signed_in)
    _, reply = race(lambda: service.reset(admin_token, "enrolled"), lambda: desk.redeem(code))
    if reply.status == 200:
        assert service.get("/me", token=reply.body["access_token"]).code == "invalid_token"
        assert_refused(desk.refresh(reply.body["refresh_token"]))
    else:
        assert_refused(reply)


# --- tokens that stray


def test_a_refresh_token_serves_its_own_application_only(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    tokens, own = desk.redeem(desk.code(signed_in)).body, service.session(enrolled)
    assert_refused(desk.refresh(tokens["refresh_token"], client_id="shop"))
    assert_refused(desk.refresh(own["refresh_token"]))
    assert_refused(desk.refresh(own["refresh_token"], client_id="secondstep"), "invalid_client")
    assert_refused(desk.refresh(signed_in.cookies["__Host-session"]))
    assert service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).code == "invalid_token"
    assert desk.refresh(tokens["refresh_token"]).status == 200  # nothing of that has changed anything
    assert service.post("/refresh", {"refresh_token": own["refresh_token"]}).status == 200


def test_an_applications_token_opens_nothing_of_this_service(
    service: Service, desk: RelyingParty, signed_in: Browser
) -> None:
    token = desk.redeem(desk.code(signed_in)).body["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == ACCOUNT
    for method, path, body in (("POST", "/step-up", {"code": "123456"}), ("GET", "/me/sessions", None)):
        assert service.call(method, path, body, token=token).code == "invalid_token"


def test_an_applications_refresh_token_is_no_browsers_cookie(
    service: Service, desk: RelyingParty, signed_in: Browser
) -> None:
    other = Browser(service)
    other.cookies["__Host-session"] = desk.redeem(desk.code(signed_in)).body["refresh_token"]
    assert other.get("/ui/account").status == 401
    assert other.get(desk.address()).path == "/ui/login"


def test_a_refresh_token_that_comes_late_a_second_time_ends_the_session(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    first = desk.redeem(desk.code(signed_in)).body
    second = desk.refresh(first["refresh_token"]).body
    service.clock.advance(11)
    assert_refused(desk.refresh(first["refresh_token"]))
    assert_refused(desk.refresh(second["refresh_token"]))
    assert of_application(service, enrolled) == []


# --- forged cookies


@pytest.mark.parametrize("handle", ["", "x", "0" * 32 + "." + "A" * 16 + "." + "B" * 43])
def test_a_forged_session_leads_to_the_password(service: Service, desk: RelyingParty, handle: str) -> None:
    browser = Browser(service)
    browser.cookies["__Host-session"] = handle
    assert browser.get(desk.address()).path == "/ui/login"


def test_a_session_with_a_guessed_secret_leads_to_the_password(desk: RelyingParty, signed_in: Browser) -> None:
    handle = signed_in.cookies["__Host-session"]
    signed_in.cookies["__Host-session"] = handle[:-43] + "A" * 43
    assert signed_in.get(desk.address()).path == "/ui/login"


def test_the_session_of_another_account_is_not_handed_over(
    service: Service, desk: RelyingParty, signed_in: Browser
) -> None:
    service.account("other", applications=REGISTERED)
    signed_in.get(desk.address(account="other"))
    assert (signed_in.path, signed_in.query) == ("/ui/login", {"account": "other"})
    signed_in.get("/ui/continue")  # still signed in to the first one
    assert_leads_nowhere(signed_in)


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://evil.test/"},
        {"redirect_uri": [REDIRECT_URI]},
        {"client_id": "shop"},
        {"client_id": "secondstep"},
        {"account": "other"},
        {"account": "../acme"},
        {"account": ""},
    ],
)
def test_a_request_that_was_changed_in_the_cookie_leads_nowhere(
    service: Service, desk: RelyingParty, signed_in: Browser, changes: dict[str, Any]
) -> None:
    signed_in.cookies["__Host-authorize"] = waiting(sent=desk.parameters() | changes, asked_at=service.now())
    signed_in.get("/ui/continue")
    if isinstance(changes.get("redirect_uri"), list):
        assert signed_in.path == "/ui/account"
    else:
        assert_leads_nowhere(signed_in)
    assert not [each for each in service.state() if each["pk"].startswith("CODE#")]


@pytest.mark.parametrize(
    "value", ["", "x", "%%%", "e30", "W10", "bnVsbA", "//8", "x" * 3000, waiting(sent={}, asked_at=1)]
)
def test_a_cookie_that_holds_no_request_is_none(signed_in: Browser, value: str) -> None:
    signed_in.cookies["__Host-authorize"] = value
    assert signed_in.get("/ui/continue").path == "/ui/account"
    assert "__Host-authorize" not in signed_in.cookies


@pytest.mark.parametrize("age", [-1, -1000, 30 * 60 + 1, 10**6])
def test_a_request_waits_half_an_hour_and_never_comes_from_the_future(
    service: Service, desk: RelyingParty, signed_in: Browser, age: int
) -> None:
    signed_in.cookies["__Host-authorize"] = waiting(sent=desk.parameters(), asked_at=service.now() - age)
    assert signed_in.get("/ui/continue").path == "/ui/account"
    signed_in.cookies["__Host-authorize"] = waiting(sent=desk.parameters(), asked_at=service.now() - 30 * 60)
    assert answered(signed_in.get("/ui/continue"))["code"]


def test_a_waiting_request_without_pkce_goes_back_as_refused(
    service: Service, desk: RelyingParty, signed_in: Browser
) -> None:
    bare = {name: value for name, value in desk.parameters().items() if not name.startswith("code_challenge")}
    signed_in.cookies["__Host-authorize"] = waiting(sent=bare, asked_at=service.now())
    assert answered(signed_in.get("/ui/continue"))["error"] == "invalid_request"


def test_the_cookie_of_a_request_is_for_this_host_and_no_script(service: Service, desk: RelyingParty) -> None:
    browser = Browser(service)
    browser._ask("GET", desk.address(), None, {})
    [sent] = [each for each in browser.set_cookies if each.startswith("__Host-authorize=")]
    for attribute in ("Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=1800"):
        assert f"; {attribute}" in sent
    assert "Domain" not in sent


def test_a_waiting_request_signs_nobody_in(service: Service, desk: RelyingParty) -> None:
    """Only a living session hands over; the cookie of a request is no proof of anything."""
    browser = Browser(service)
    browser.cookies["__Host-authorize"] = waiting(sent=desk.parameters(), asked_at=service.now())
    assert browser.get("/ui/continue").path == "/ui/login"


def test_five_wrong_codes_on_the_way_end_the_session_and_hand_nothing_over(
    service: Service, desk: RelyingParty, signed_in: Browser, enrolled: Person
) -> None:
    service.clock.advance(60)
    signed_in.get(desk.address(max_age="10"))
    for _ in range(5):
        signed_in.submit("/ui/step-up", code=service.wrong_code(enrolled))
    signed_in.get("/ui/continue")
    assert signed_in.path == "/ui/login"
