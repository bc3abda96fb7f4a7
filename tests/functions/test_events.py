"""Every file of `events/` is run through the real handler, directly, with the state that it needs.

The events are what API Gateway sends, complete; so they also hold the functions to what is really in an event.
"""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest

from local.event import EVENTS, filled, main, names
from local.functions import LambdaContext, new_context
from local.seeds import EXAMPLE
from local.walk import World
from secondstep import contract, site_map
from secondstep.contract import EVERYWHERE, Route
from secondstep.subscriber import Role
from tests.service import Service

# What each event leads to: the status, and the code of a problem, or `ok`. The authorizer has words of its own.
EXPECTED: dict[str, tuple[int, str]] = {
    "login.right_password_bound": (200, "ok"),
    "login.right_password_not_enrolled": (200, "ok"),
    "login.right_password_no_factor_required": (200, "ok"),
    "login.wrong_password": (401, "invalid_credentials"),
    "login.unknown_name": (401, "invalid_credentials"),
    "login.unknown_account": (401, "invalid_credentials"),
    "login.too_many_attempts": (429, "too_many_attempts"),
    "login.unknown_field": (400, "invalid_request"),
    "login.too_large": (413, "payload_too_large"),
    "login.form_encoded": (415, "unsupported_media_type"),
    "enroll.first_secret": (200, "ok"),
    "enroll.another_secret": (200, "ok"),
    "enroll.with_ticket": (200, "ok"),
    "enroll.wrong_ticket": (401, "ticket_invalid"),
    "enroll.missing_ticket": (401, "ticket_invalid"),
    "enroll.spent_challenge": (401, "challenge_invalid"),
    "enroll.unknown_field": (400, "invalid_request"),
    "enroll.too_large": (413, "payload_too_large"),
    "enroll.form_encoded": (415, "unsupported_media_type"),
    "verify.right_code": (200, "ok"),
    "verify.first_code": (200, "ok"),
    "verify.recovery_code": (200, "ok"),
    "verify.wrong_code": (401, "invalid_code"),
    "verify.used_code": (401, "invalid_code"),
    "verify.wrong_recovery_code": (401, "invalid_code"),
    "verify.code_of_five_digits": (400, "invalid_request"),
    "verify.code_and_recovery_code": (400, "invalid_request"),
    "verify.spent_challenge": (401, "challenge_invalid"),
    "verify.ticket_expired_meanwhile": (401, "ticket_invalid"),
    "verify.authenticator_disabled": (403, "authenticator_disabled"),
    "verify.too_many_attempts": (429, "too_many_attempts"),
    "verify.further_authenticator": (200, "ok"),
    "verify.further_authenticator_without_its_session": (401, "invalid_token"),
    "verify.unknown_field": (400, "invalid_request"),
    "verify.too_large": (413, "payload_too_large"),
    "verify.form_encoded": (415, "unsupported_media_type"),
    "password.right_ticket": (204, "ok"),
    "password.wrong_ticket": (401, "ticket_invalid"),
    "password.too_short": (400, "password_refused"),
    "password.too_common": (400, "password_refused"),
    "password.unknown_field": (400, "invalid_request"),
    "password.too_large": (413, "payload_too_large"),
    "password.form_encoded": (415, "unsupported_media_type"),
    "refresh.right_token": (200, "ok"),
    "refresh.used_token": (401, "invalid_token"),
    "refresh.unknown_token": (401, "invalid_token"),
    "refresh.unknown_field": (400, "invalid_request"),
    "refresh.too_large": (413, "payload_too_large"),
    "refresh.form_encoded": (415, "unsupported_media_type"),
    "step-up.right_code": (200, "ok"),
    "step-up.recovery_code": (200, "ok"),
    "step-up.right_password": (200, "ok"),
    "step-up.wrong_code": (401, "invalid_code"),
    "step-up.wrong_password": (401, "invalid_credentials"),
    "step-up.password_of_somebody_bound": (400, "invalid_request"),
    "step-up.access_token": (401, "invalid_token"),
    "step-up.authenticator_disabled": (403, "authenticator_disabled"),
    "step-up.unknown_field": (400, "invalid_request"),
    "step-up.too_large": (413, "payload_too_large"),
    "step-up.form_encoded": (415, "unsupported_media_type"),
    "me.account_token": (200, "ok"),
    "me.access_token": (200, "ok"),
    "me.no_token": (401, "invalid_token"),
    "me.query_parameter": (400, "invalid_request"),
    "profile.changed": (200, "ok"),
    "profile.name_after_a_while": (200, "ok"),
    "profile.address_after_a_while": (401, "step_up_required"),
    "profile.access_token": (401, "invalid_token"),
    "profile.unknown_field": (400, "invalid_request"),
    "profile.too_large": (413, "payload_too_large"),
    "profile.form_encoded": (415, "unsupported_media_type"),
    "add-authenticator.second": (200, "ok"),
    "add-authenticator.first": (200, "ok"),
    "add-authenticator.wrong_ticket": (401, "ticket_invalid"),
    "add-authenticator.as_many_as_allowed": (409, "conflict"),
    "add-authenticator.stale_login": (401, "step_up_required"),
    "add-authenticator.access_token": (401, "invalid_token"),
    "add-authenticator.unknown_field": (400, "invalid_request"),
    "add-authenticator.too_large": (413, "payload_too_large"),
    "add-authenticator.form_encoded": (415, "unsupported_media_type"),
    "rename-authenticator.renamed": (200, "ok"),
    "rename-authenticator.unknown_one": (404, "not_found"),
    "rename-authenticator.access_token": (401, "invalid_token"),
    "rename-authenticator.unknown_field": (400, "invalid_request"),
    "rename-authenticator.too_large": (413, "payload_too_large"),
    "rename-authenticator.form_encoded": (415, "unsupported_media_type"),
    "remove-authenticator.one_of_two": (204, "ok"),
    "remove-authenticator.last_one": (409, "conflict"),
    "remove-authenticator.unknown_one": (404, "not_found"),
    "remove-authenticator.stale_login": (401, "step_up_required"),
    "remove-authenticator.access_token": (401, "invalid_token"),
    "remove-authenticator.unknown_field": (400, "invalid_request"),
    "remove-authenticator.too_large": (413, "payload_too_large"),
    "remove-authenticator.form_encoded": (415, "unsupported_media_type"),
    "recovery-codes.renewed": (200, "ok"),
    "recovery-codes.nothing_bound": (409, "conflict"),
    "recovery-codes.stale_login": (401, "step_up_required"),
    "recovery-codes.access_token": (401, "invalid_token"),
    "recovery-codes.unknown_field": (400, "invalid_request"),
    "recovery-codes.too_large": (413, "payload_too_large"),
    "recovery-codes.form_encoded": (415, "unsupported_media_type"),
    "change-password.right_password": (204, "ok"),
    "change-password.wrong_password": (401, "invalid_credentials"),
    "change-password.too_common": (400, "password_refused"),
    "change-password.stale_login": (401, "step_up_required"),
    "change-password.access_token": (401, "invalid_token"),
    "change-password.unknown_field": (400, "invalid_request"),
    "change-password.too_large": (413, "payload_too_large"),
    "change-password.form_encoded": (415, "unsupported_media_type"),
    "sessions.listed": (200, "ok"),
    "sessions.access_token": (401, "invalid_token"),
    "sessions.query_parameter": (400, "invalid_request"),
    "end-session.another_one": (204, "ok"),
    "end-session.unknown_one": (404, "not_found"),
    "end-session.access_token": (401, "invalid_token"),
    "end-session.unknown_field": (400, "invalid_request"),
    "end-session.too_large": (413, "payload_too_large"),
    "end-session.form_encoded": (415, "unsupported_media_type"),
    "own-events.newest": (200, "ok"),
    "own-events.cursor_of_another_list": (400, "invalid_request"),
    "own-events.access_token": (401, "invalid_token"),
    "own-events.query_parameter": (400, "invalid_request"),
    "logout.account_token": (204, "ok"),
    "logout.refresh_token": (204, "ok"),
    "logout.no_token": (401, "invalid_token"),
    "logout.unknown_field": (400, "invalid_request"),
    "logout.too_large": (413, "payload_too_large"),
    "logout.form_encoded": (415, "unsupported_media_type"),
    "subscribers.listed": (200, "ok"),
    "subscribers.enrolled_under_a_prefix": (200, "ok"),
    "subscribers.limit_of_101": (400, "invalid_request"),
    "subscribers.cursor_of_another_list": (400, "invalid_request"),
    "subscribers.another_token_than_the_authorizers": (401, "invalid_token"),
    "subscribers.query_parameter": (400, "invalid_request"),
    "summary.counted": (200, "ok"),
    "summary.another_token_than_the_authorizers": (401, "invalid_token"),
    "summary.query_parameter": (400, "invalid_request"),
    "invite.agent": (201, "ok"),
    "invite.admin": (201, "ok"),
    "invite.name_taken": (409, "conflict"),
    "invite.stale_login": (401, "step_up_required"),
    "invite.another_token_than_the_authorizers": (401, "invalid_token"),
    "invite.unknown_field": (400, "invalid_request"),
    "invite.too_large": (413, "payload_too_large"),
    "invite.form_encoded": (415, "unsupported_media_type"),
    "subscriber.read": (200, "ok"),
    "subscriber.unknown_name": (404, "not_found"),
    "subscriber.another_token_than_the_authorizers": (401, "invalid_token"),
    "subscriber.query_parameter": (400, "invalid_request"),
    "change-subscriber.disabled": (200, "ok"),
    "change-subscriber.contact_data": (200, "ok"),
    "change-subscriber.promoted": (200, "ok"),
    "change-subscriber.promoted_without_an_authenticator": (409, "conflict"),
    "change-subscriber.unknown_name": (404, "not_found"),
    "change-subscriber.oneself": (403, "forbidden"),
    "change-subscriber.stale_login": (401, "step_up_required"),
    "change-subscriber.another_token_than_the_authorizers": (401, "invalid_token"),
    "change-subscriber.unknown_field": (400, "invalid_request"),
    "change-subscriber.too_large": (413, "payload_too_large"),
    "change-subscriber.form_encoded": (415, "unsupported_media_type"),
    "delete-subscriber.removed": (204, "ok"),
    "delete-subscriber.unknown_name": (404, "not_found"),
    "delete-subscriber.oneself": (403, "forbidden"),
    "delete-subscriber.stale_login": (401, "step_up_required"),
    "delete-subscriber.another_token_than_the_authorizers": (401, "invalid_token"),
    "delete-subscriber.unknown_field": (400, "invalid_request"),
    "delete-subscriber.too_large": (413, "payload_too_large"),
    "delete-subscriber.form_encoded": (415, "unsupported_media_type"),
    "reset.agent": (200, "ok"),
    "reset.unknown_name": (404, "not_found"),
    "reset.oneself": (403, "forbidden"),
    "reset.no_reason": (400, "invalid_request"),
    "reset.stale_login": (401, "step_up_required"),
    "reset.another_token_than_the_authorizers": (401, "invalid_token"),
    "reset.unknown_field": (400, "invalid_request"),
    "reset.too_large": (413, "payload_too_large"),
    "reset.form_encoded": (415, "unsupported_media_type"),
    "password-reset.agent": (200, "ok"),
    "password-reset.disabled_subscriber": (409, "conflict"),
    "password-reset.unknown_name": (404, "not_found"),
    "password-reset.oneself": (403, "forbidden"),
    "password-reset.no_reason": (400, "invalid_request"),
    "password-reset.stale_login": (401, "step_up_required"),
    "password-reset.another_token_than_the_authorizers": (401, "invalid_token"),
    "password-reset.unknown_field": (400, "invalid_request"),
    "password-reset.too_large": (413, "payload_too_large"),
    "password-reset.form_encoded": (415, "unsupported_media_type"),
    "unlock.agent": (200, "ok"),
    "unlock.unknown_name": (404, "not_found"),
    "unlock.oneself": (403, "forbidden"),
    "unlock.stale_login": (401, "step_up_required"),
    "unlock.another_token_than_the_authorizers": (401, "invalid_token"),
    "unlock.unknown_field": (400, "invalid_request"),
    "unlock.too_large": (413, "payload_too_large"),
    "unlock.form_encoded": (415, "unsupported_media_type"),
    "policy.read": (200, "ok"),
    "policy.another_token_than_the_authorizers": (401, "invalid_token"),
    "policy.query_parameter": (400, "invalid_request"),
    "change-policy.replaced": (200, "ok"),
    "change-policy.without_if_match": (428, "precondition_required"),
    "change-policy.changed_meanwhile": (412, "precondition_failed"),
    "change-policy.value_out_of_range": (400, "invalid_request"),
    "change-policy.stale_login": (401, "step_up_required"),
    "change-policy.another_token_than_the_authorizers": (401, "invalid_token"),
    "change-policy.unknown_field": (400, "invalid_request"),
    "change-policy.too_large": (413, "payload_too_large"),
    "change-policy.form_encoded": (415, "unsupported_media_type"),
    "logo.set": (200, "ok"),
    "logo.not_a_png": (400, "invalid_request"),
    "logo.too_large": (413, "payload_too_large"),
    "logo.json": (415, "unsupported_media_type"),
    "logo.stale_login": (401, "step_up_required"),
    "logo.another_token_than_the_authorizers": (401, "invalid_token"),
    "audit.newest": (200, "ok"),
    "audit.of_one_name_and_event": (200, "ok"),
    "audit.malformed_time": (400, "invalid_request"),
    "audit.cursor_of_another_list": (400, "invalid_request"),
    "audit.another_token_than_the_authorizers": (401, "invalid_token"),
    "audit.query_parameter": (400, "invalid_request"),
    "jwks.served": (200, "ok"),
    "jwks.query_parameter": (400, "invalid_request"),
    "discovery.served": (200, "ok"),
    "discovery.query_parameter": (400, "invalid_request"),
    "openapi.served": (200, "ok"),
    "openapi.query_parameter": (400, "invalid_request"),
    "health.served": (200, "ok"),
    "health.query_parameter": (400, "invalid_request"),
    "token.right_code": (200, "ok"),
    "token.right_refresh_token": (200, "ok"),
    "token.unknown_code": (400, "invalid_grant"),
    "token.unknown_grant_type": (400, "unsupported_grant_type"),
    "token.json": (415, "invalid_request"),
    "authorize.signed_in": (200, "ok"),
    "authorize.signed_out": (303, "ok"),
    "authorize.unknown_application": (400, "page"),
    "ui.entered": (303, "ok"),
    "ui-login.shown": (200, "ok"),
    "ui-logo.none": (404, "page"),
    "preflight.listed_origin": (204, "ok"),
    "preflight.another_origin": (204, "ok"),
    "authorizer.admin": (200, "Allow"),
    "authorizer.agent": (403, "Deny"),
    "authorizer.access_token": (401, "Unauthorized"),
    "authorizer.no_such_session": (401, "Unauthorized"),
    "rotate.schedule": (200, "kid"),
}

# Refusals that no single event can bring about, and why.
RACE = "only a race leads there: tests/attacks and tests/flows run it"
BY_THE_AUTHORIZER = "the authorizer says it first: see `authorizer.agent`"
NOT_BY_AN_EVENT = {
    (contract.LOGIN, "conflict"): RACE,
    (contract.ENROLL, "conflict"): RACE,
    (contract.VERIFY, "conflict"): RACE,
    (contract.PASSWORD, "conflict"): RACE,
    (contract.RESET, "conflict"): RACE,
    (contract.DELETE_SUBSCRIBER, "conflict"): RACE,
    (contract.UNLOCK, "conflict"): RACE,
    (contract.STEP_UP, "conflict"): RACE,
    (contract.CHANGE_PROFILE, "conflict"): RACE,
    (contract.RENAME_AUTHENTICATOR, "conflict"): RACE,
    (contract.CHANGE_PASSWORD, "conflict"): RACE,
    (contract.END_SESSION, "conflict"): RACE,
    (contract.LIST_SUBSCRIBERS, "forbidden"): BY_THE_AUTHORIZER,
    (contract.SUMMARY, "forbidden"): BY_THE_AUTHORIZER,
    (contract.INVITE, "forbidden"): BY_THE_AUTHORIZER,
    (contract.READ_SUBSCRIBER, "forbidden"): BY_THE_AUTHORIZER,
    (contract.READ_POLICY, "forbidden"): BY_THE_AUTHORIZER,
    (contract.REPLACE_POLICY, "forbidden"): BY_THE_AUTHORIZER,
    (contract.SET_LOGO, "forbidden"): BY_THE_AUTHORIZER,
    (contract.AUDIT, "forbidden"): BY_THE_AUTHORIZER,
}


class InProcess:
    """The service under test, as `local.event` walks through it."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.dynamodb = service._dynamodb
        self.state_table = service.services.settings.state_table

    def call(self, method: str, path: str, body: dict[str, Any], token: str | None = None) -> dict[str, Any]:
        return self._service.call(method, path, body, token=token).body

    def advance(self, seconds: int) -> int:
        return int(self._service.clock.advance(seconds))


@pytest.fixture
def world(service: Service) -> World:
    """Return the service with the seeds of the local run that the events speak of."""
    service.account(applications=[msgspec.to_builtins(EXAMPLE)])
    service.person("agent")
    service.person("admin", role=Role.ADMIN)
    return InProcess(service)


def _context(service: Service) -> LambdaContext:
    return new_context(next(iter(service.gateway._functions._functions.values())))


def _handler(function: str) -> Any:
    return import_module(f"functions.{function}.app").handler


def _route(event: dict[str, Any]) -> Route | None:
    found = [r for r in contract.ROUTES if (r.method, r.path) == (event.get("httpMethod"), event.get("resource"))]
    return found[0] if found else None


def _function(name: str, event: dict[str, Any]) -> str:
    route = _route(event)
    prefix = name.partition(".")[0]
    if prefix in ("authorizer", "rotate") or route is None:
        page = [each.function for each in site_map.PAGES if each.path == event.get("resource")]
        return {"preflight": "published", "token": contract.TOKEN.function}.get(prefix, page[0] if page else prefix)
    return route.function


def _said(answer: dict[str, Any]) -> str:
    """Return the code of a refusal: a problem's, OAuth's, or none, where it is said in a page or a picture."""
    if answer["statusCode"] < 400:
        return "ok"
    if "json" not in answer["multiValueHeaders"]["Content-Type"][0]:
        return "page"
    body = json.loads(answer["body"])
    return str(body.get("code") or body["error"])


@pytest.mark.parametrize("name", [each for each in EXPECTED if not each.startswith(("authorizer.", "rotate."))])
def test_an_event_leads_to_what_its_name_says(service: Service, world: World, name: str) -> None:
    event = filled(name, world)
    answer = _handler(_function(name, event))(event, _context(service))
    assert (answer["statusCode"], _said(answer)) == EXPECTED[name]
    assert answer["multiValueHeaders"]["X-Content-Type-Options"] == ["nosniff"]
    assert answer["isBase64Encoded"] is False


@pytest.mark.parametrize("name", [each for each in EXPECTED if each.startswith("authorizer.")])
def test_an_event_of_the_authorizer_leads_to_what_its_name_says(service: Service, world: World, name: str) -> None:
    event, said = filled(name, world), EXPECTED[name][1]
    if said == "Unauthorized":
        with pytest.raises(Exception, match=r"^Unauthorized$"):
            _handler("authorizer")(event, _context(service))
        return
    answer = _handler("authorizer")(event, _context(service))
    [statement] = answer["policyDocument"]["Statement"]
    assert statement == {"Action": "execute-api:Invoke", "Effect": said, "Resource": event["methodArn"]}
    assert all(isinstance(value, str) for value in answer["context"].values())


def test_the_context_in_the_events_is_what_the_authorizer_hands_over(service: Service, world: World) -> None:
    """Else the admin events would run against a context that never comes."""
    handed = _handler("authorizer")(filled("authorizer.admin", world), _context(service))["context"]
    written = json.loads((EVENTS / "reset.agent.json").read_text("utf-8"))["requestContext"]["authorizer"]
    assert set(written) == set(handed) | {"principalId", "integrationLatency"}


def test_the_schedules_event_makes_the_next_signing_key(service: Service, world: World) -> None:
    answer = _handler("rotate")(filled("rotate.schedule", world), _context(service))
    assert answer["signs_from"] == service.now() + 24 * 60 * 60
    assert [event["detail"] for event in service.events("signing_key_rotated")] == [{"kid": answer["kid"]}]


def test_every_file_is_expected_and_every_expectation_has_a_file() -> None:
    assert set(names()) == set(EXPECTED)


def _events_of(route: Route) -> list[str]:
    return [name for name in names() if _route(json.loads((EVENTS / f"{name}.json").read_text("utf-8"))) == route]


@pytest.mark.parametrize("route", contract.ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_an_event_that_succeeds_and_one_for_each_refusal(route: Route) -> None:
    outcomes = {EXPECTED[name] for name in _events_of(route) if not name.startswith("authorizer.")}
    assert (route.status, "ok") in outcomes
    for refusal in route.refusals:
        known = (refusal.status, refusal.code) in outcomes
        assert known is not ((route, refusal.code) in NOT_BY_AN_EVENT), refusal.code


@pytest.mark.parametrize("path", [contract.TOKEN.path, site_map.AUTHORIZE.path, site_map.ROOT.path])
def test_what_is_no_route_of_json_has_an_event_that_succeeds_too(path: str) -> None:
    of_path = [
        name for name in names() if json.loads((EVENTS / f"{name}.json").read_text("utf-8")).get("resource") == path
    ]
    assert any(EXPECTED[name][1] == "ok" for name in of_path)


def test_the_event_of_a_right_code_makes_the_applications_session(service: Service, world: World) -> None:
    answer = _handler("refresh")(filled("token.right_code", world), _context(service))
    assert set(json.loads(answer["body"])) == {"access_token", "token_type", "expires_in", "refresh_token"}
    [authorized] = service.events("authorized")
    assert (authorized["outcome"], authorized["detail"]["client_id"]) == ("success", EXAMPLE.client_id)


def test_no_event_expects_what_the_contract_does_not_list() -> None:
    for route in contract.ROUTES:
        listed = {(refusal.status, refusal.code) for refusal in (*route.refusals, *EVERYWHERE)} | {(route.status, "ok")}
        for name in _events_of(route):
            if not name.startswith("authorizer."):
                assert EXPECTED[name] in listed, name


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_an_event_has_all_that_api_gateway_sends(name: str) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text("utf-8"))
    if name.startswith("rotate."):
        assert event["detail-type"] == "Scheduled Event"
        return
    expected = {"resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters"}
    expected |= {"multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext"}
    expected |= {"type", "methodArn"} if name.startswith("authorizer.") else {"body", "isBase64Encoded"}
    assert set(event) == expected
    assert event["multiValueHeaders"] == {key: [value] for key, value in event["headers"].items()}
    assert event["requestContext"]["resourcePath"] == event["resource"]
    assert event["requestContext"]["path"] == "/live" + event["path"]


def test_no_event_holds_a_live_secret() -> None:
    """What opens anything is a placeholder; a file in a repository is read by everybody."""
    for name in names():
        text = (EVENTS / f"{name}.json").read_text("utf-8")
        assert not re.search(r"eyJ[\w-]{20}|[0-9a-f]{32}\.[\w-]{43}", text), name
        for token in re.findall(r"Bearer ([^\"]+)", text):
            assert token.startswith("${") or token == "x.y.z", name


def test_the_readme_lists_every_event_with_its_outcome() -> None:
    listed = (EVENTS / "README.md").read_text("utf-8")
    for name, (status, code) in EXPECTED.items():
        assert f"| `{name}` | {status} | `{code}` |" in listed


def test_an_unknown_name_is_told_with_the_ones_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nothing.such"]) == 2
    assert "verify.right_code" in capsys.readouterr().err


def test_the_command_prints_an_event_that_a_function_can_take(
    service: Service, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify.right_code"], lambda _: world) == 0
    out = capsys.readouterr().out
    event = json.loads(out[out.index("{\n") :])  # in this process the functions' metrics are printed before it
    assert "${" not in json.dumps(event)
    assert _handler("verify")(event, _context(service))["statusCode"] == 200


def test_the_folder_lies_where_the_command_looks() -> None:
    assert Path(__file__).resolve().parents[2] / "events" == EVENTS
