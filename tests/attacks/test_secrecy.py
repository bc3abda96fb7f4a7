"""Attack A38: a secret is shown once, in the answer that it was made for, and lies nowhere else in the clear."""

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest

from secondstep import contract, shapes
from secondstep.authenticators.totp import Secret
from secondstep.contract import Route
from secondstep.session import SigningKey
from secondstep.subscriber import Identity
from secondstep.telemetry import Level, telemetry
from tests.attacks import raw
from tests.attacks.raw import assert_has_fixed_headers
from tests.attacks.successes import JSON_WRITES, NEW_PASSWORD, READS, SUCCESSES, named
from tests.service import PASSWORD, Person, Service, secret_of
from tests.spilled import ANSWERED, SENT, Secrets
from tests.told import told

logger = logging.getLogger("careless")


def _walk(service: Service) -> tuple[Person, dict[str, Any], dict[str, Any]]:
    """Meet every secret there is: invite, enroll, log in, step up, refresh, recover, fail, add, change, log out."""
    boss = service.bound_admin("boss")
    admin = service.session(boss)["account_token"]
    invited = service.post("/admin/subscribers", {"login_name": "newcomer", "role": "agent"}, token=admin).body
    name = {"account": "acme", "login_name": "newcomer"}
    service.post("/password", {**name, "ticket": invited["ticket"], "new_password": PASSWORD})
    person = service.bound_person("other")._replace(identity=Identity("acme", "newcomer"))
    shown = service.enroll(person, ticket=invited["ticket"]).body
    person = person._replace(secret=secret_of(shown["secret"]))
    session = service.verify(shown["challenge"], service.code(person)).body
    service.verify(service.challenge(person), service.code(person))  # replayed
    service.verify(service.challenge(person), service.wrong_code(person))
    service.verify(service.challenge(person), service.code(person, steps=-3))
    service.log_in(person, "not the right password")
    service.clock.advance(60)
    service.post("/step-up", {"code": service.code(person)}, token=session["account_token"])
    service.post("/step-up", {"recovery_code": session["recovery_codes"][0]}, token=session["account_token"])
    recovery = {"challenge": service.challenge(person), "recovery_code": session["recovery_codes"][1]}
    service.post("/verify", recovery)
    service.post("/refresh", {"refresh_token": session["refresh_token"]})
    service.clock.advance(30)
    service.post("/refresh", {"refresh_token": session["refresh_token"]})  # used before: ends the session
    service.clock.advance(60)
    last = service.session(person)
    _look_after_oneself(service, person, last["account_token"])
    service.post("/admin/subscribers/newcomer/password-reset", {"reason": "forgot it"}, token=_fresh(service, boss))
    service.post("/logout", token=last["account_token"])
    service.clock.advance(60)
    return person, session, service.session(person)


def _fresh(service: Service, person: Person) -> str:
    return str(service.session(person)["account_token"])


def _look_after_oneself(service: Service, person: Person, token: str) -> None:
    """Add an authenticator, renew the recovery codes, change the password and back again."""
    adding = service.post("/me/authenticators", {"name": "Tablet"}, token=token).body
    first = {"challenge": adding["challenge"], "code": service.code_of(secret_of(adding["secret"]))}
    assert service.post("/verify", {**first, "code": service.wrong_code(person)}, token=token).status == 401
    assert service.post("/verify", first, token=token).status == 200
    assert service.post("/me/recovery-codes", token=token).status == 200
    for old, new in ((PASSWORD, NEW_PASSWORD), (NEW_PASSWORD, PASSWORD)):
        body = {"current_password": old, "new_password": new}
        assert service.post("/me/password", body, token=token).status == 204


def test_nothing_in_the_tables_is_a_secret_in_the_clear(service: Service, secrets_seen: Secrets) -> None:
    """Sealed secrets and hashes are there; not one text that a person or a client holds."""
    _walk(service)
    stored = repr([*service.state(), *service.events()])
    found = secrets_seen.texts | secrets_seen.codes
    assert len(found) > 40
    secrets_seen.sealed.clear()
    assert secrets_seen.found_in(stored) == []
    assert PASSWORD not in stored


def test_the_audit_holds_no_secret_in_any_form_and_no_password_text(service: Service, secrets_seen: Secrets) -> None:
    person, _, session = _walk(service)
    admin = service.session(service.bound_admin("boss2"))["account_token"]
    service.reset(admin, person.login_name, reason="lost phone")
    events = service.events()
    assert {event["event"] for event in events} >= {"login", "verify", "enrolled", "step_up", "recovery_code_used"}
    assert {event["event"] for event in events} >= {"refresh_reuse", "logout", "invited", "reset", "password_set"}
    assert secrets_seen.found_in(repr(events)) == []
    assert session["refresh_token"] in secrets_seen.texts


def _members(shown: object) -> set[str]:
    """Return the names of all members, however deep."""
    if isinstance(shown, list):
        return set().union(*map(_members, shown))
    if not isinstance(shown, dict):
        return set()
    return set(shown) | set().union(*map(_members, shown.values()))


def test_no_get_route_shows_a_secret(service: Service, secrets_seen: Secrets) -> None:
    """After activation there is no second look at a secret, a QR code, a recovery code, a ticket or a password."""
    person, _, session = _walk(service)
    service.clock.advance(60)
    tokens = {"admin": _fresh(service, service.bound_admin("boss2")), "none": None}
    met = secrets_seen.texts | secrets_seen.codes
    assert len(met) > 60
    for route in READS:
        path = route.path.replace("{login_name}", person.login_name)
        client = service.gateway.client()
        token = tokens.get(route.bearer, session["account_token"])
        reply = client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {})
        assert reply.status_code == 200, route
        assert secrets_seen.found_in(reply.get_data(as_text=True)) == [], route
        if route is not contract.OPENAPI:  # its description names the fields
            assert not _members(reply.get_json()) & ((SENT | ANSWERED) - {"code"}), route


def test_a_login_after_the_enrollment_shows_no_secret_again(service: Service, enrolled: Person) -> None:
    reply = service.log_in(enrolled)
    assert set(reply.body) == {"next", "challenge", "methods", "authenticators", "expires_in"}
    [shown] = reply.body["authenticators"]
    assert set(shown) == {"id", "name"}
    assert service.post("/enroll", {"challenge": reply.body["challenge"]}).code == "challenge_invalid"


def test_recovery_codes_are_shown_when_they_are_made_and_never_again(service: Service, agent: Person) -> None:
    reply, secret = service.bind(agent)
    assert len(reply.body["recovery_codes"]) == 10
    person = agent._replace(secret=secret)
    service.clock.advance(60)
    assert "recovery_codes" not in service.session(person)
    assert "recovery_codes" not in service.get("/me", token=reply.body["access_token"]).body


@pytest.mark.parametrize("route", [each for each in contract.ROUTES if not each.cached_seconds], ids=named)
def test_no_answer_but_keys_and_discovery_may_be_stored(service: Service, route: Route) -> None:
    success = SUCCESSES[route](service)
    for reply in (success.send_bytes(service, b'{"x": 1}'), success.send(service)):
        assert reply.headers["Cache-Control"] == "no-store"
        assert_has_fixed_headers(reply)


TYPED = "TYPED-BY-THE-CALLER"


@pytest.mark.parametrize("route", [route for route in JSON_WRITES if route.takes is not shapes.Nothing], ids=named)
def test_an_error_never_echoes_what_was_typed(service: Service, route: Route) -> None:
    """What lands in a wrong field may be a password; an answer ends in logs and in screenshots."""
    success = SUCCESSES[route](service)
    for name in success.body:
        for value in (TYPED, [TYPED], {TYPED: TYPED}, TYPED * 3000, f"{TYPED}\x00", f"{TYPED}/"):
            reply = success.send(service, {**success.body, name: value})
            if reply.status >= 400:
                assert TYPED not in json.dumps(reply.body), (name, value)
                assert TYPED not in repr(list(reply.headers))


def test_a_path_is_never_echoed(service: Service, admin_token: str) -> None:
    for path in (f"/{TYPED}", f"/admin/subscribers/{TYPED}/reset", f"/admin/subscribers/{TYPED}%00/reset"):
        reply = raw.send(service, "POST", path, b'{"reason": "x"}', token=admin_token)
        assert reply.status in (400, 404)
        assert TYPED not in json.dumps(reply.body)
    for route in contract.ROUTES:
        if "{" in route.path:
            made = SUCCESSES[route](service)
            for typed in (TYPED, f"{TYPED}%00"):
                reply = made._replace(path=re.sub(r"\{\w+\}", typed, route.path)).send(service)
                assert reply.status in (400, 404), route
                assert TYPED.lower() not in json.dumps(reply.body).lower()


def test_a_query_is_never_echoed(service: Service) -> None:
    names = ("prefix", "status", "enrolled", "cursor", "limit", "login_name", "from", "to", "x")
    for route in READS:
        made = SUCCESSES[route](service)
        for name in names:
            reply = made.send_bytes(service, b"", query=f"{name}={TYPED}")
            if reply.status >= 400:
                assert TYPED not in json.dumps(reply.body), (route, name)


def test_a_login_name_that_was_typed_is_in_no_log(
    service: Service, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """People type their password into the field of the name."""
    body = {"account": "acme", "login_name": TYPED, "password": TYPED}
    service.post("/login", body)
    service.post("/login", {**body, "account": TYPED})
    service.post(f"/admin/subscribers/{TYPED}/reset", {"reason": "x"})
    out, err = capfd.readouterr()
    logged = out + err + repr([vars(record) for record in caplog.records])
    assert "invalid_credentials" in logged
    assert TYPED not in logged
    assert TYPED.casefold() not in logged


def test_a_defect_is_logged_by_its_kind_and_place_not_by_its_message(
    service: Service, enrolled: Person, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> Any:
        raise ValueError(f"cannot handle {TYPED}")

    service.recorder.fault = broken
    reply = service.log_in(enrolled)
    service.recorder.fault = None
    assert (reply.status, reply.code) == (500, "internal_error")
    printed = capsys.readouterr().out
    [line] = told(printed, "defect")
    assert line["kind"] == "ValueError"
    assert TYPED not in json.dumps(reply.body) + printed


@pytest.mark.parametrize(
    "shown",
    [
        lambda service: repr(Secret(b"x" * 20)),
        lambda service: str(Secret(b"x" * 20)),
        lambda service: repr(shapes.LoginRequest(account="a", login_name=TYPED, password=TYPED)),
        lambda service: repr(shapes.VerifyRequest(challenge=TYPED, code=TYPED)),
        lambda service: repr(service.services.keyring.signing_key(service.now())),
    ],
)
def test_a_secrets_own_repr_hides_it(service: Service, shown: Callable[[Service], str]) -> None:
    text = shown(service)
    assert TYPED not in text
    assert "xxxx" not in text
    assert "PRIVATE" not in text
    assert SigningKey.__name__ in text or "…" in text


# --- the search itself, so that its silence means something


def test_the_search_finds_what_a_careless_line_would_print(service: Service, secrets_seen: Secrets) -> None:
    person, session, _ = _walk(service)
    for careless in (
        json.dumps(session),
        f"token={session['refresh_token'].split('.')[2]}",
        f"secret {person.secret.base32}",
        f"raw {person.secret.raw!r}",
        f"raw {person.secret.raw.hex()}",
        f"password {PASSWORD}",
        session["recovery_codes"][0].replace("-", ""),
        f"code {next(iter(secrets_seen.codes))}, wrong",
    ):
        assert secrets_seen.found_in(careless), careless
    assert secrets_seen.found_in("answered status=200 code=ok route=/verify at 1795521700 1000000") == []


def test_the_search_reads_the_services_own_log_lines_and_metrics(
    service: Service, enrolled: Person, secrets_seen: Secrets, capfd: pytest.CaptureFixture[str]
) -> None:
    code = service.code(enrolled)
    service.verify(service.challenge(enrolled), code)
    telemetry.say(Level.INFO, "careless", code=code)
    printed = capfd.readouterr().out
    assert "CloudWatchMetrics" in printed
    assert secrets_seen.found_in(printed)


def test_a_test_that_logs_a_secret_in_a_field_is_told_so(
    service: Service, enrolled: Person, secrets_seen: Secrets
) -> None:
    token = service.session(enrolled)["refresh_token"]
    logger.warning("careless", extra={"token": token})
    assert secrets_seen.found_in("".join(secrets_seen.logged.lines))
    secrets_seen.logged.lines.clear()  # else this very test would fail
