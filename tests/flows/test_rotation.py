"""Retiring a signing key in an emergency: what it ends, who signs instead, and what a race or a repeat may not undo."""

from types import SimpleNamespace
from typing import Any

import jwt
import msgspec
import pytest

from functions.rotate import app
from functions.rotate.app import handler
from local.cloud import Cloud
from secondstep import wiring
from secondstep.audit import Operator, signing_key_rotated
from secondstep.context import RequestContext
from secondstep.errors import Conflict, NotFound
from secondstep.flows import rotation
from secondstep.keys import retires_at
from secondstep.settings import Settings
from secondstep.store import Store
from secondstep.store.signing_keys import SealedSigningKey, SigningKeys
from tests.service import Person, Service, race
from tests.templates import questions, role_of

HOUR, DAY = 3600, 86400
OPERATOR = "arn:aws:iam::123456789012:user/kim"


def asked(**payload: Any) -> dict[str, Any]:
    """Invoke the rotation function as the command does."""
    return handler(payload, SimpleNamespace(aws_request_id="rotation"))


def keys(service: Service) -> list[SealedSigningKey]:
    return service.services.store.signing_keys.read()


def only_key(service: Service) -> str:
    [key] = keys(service)
    return key.kid


def forget_keys(service: Service) -> None:
    """Give the functions new environments: parts that hold nothing yet, with the same clock and clients."""
    wiring.install(msgspec.structs.replace(service.services, keyring=new_keyring(service)))


def new_keyring(service: Service) -> Any:
    old = service.services.keyring
    return type(old)(old._client, old._key_id, service.services.store.signing_keys)


def signed_by(service: Service, person: Person) -> tuple[str, str]:
    """Log in and return the key id of the access token, and the token."""
    service.clock.advance(30)
    token = str(service.session(person)["access_token"])
    return str(jwt.get_unverified_header(token)["kid"]), token


def published(service: Service) -> list[str]:
    return [key["kid"] for key in service.get("/.well-known/jwks.json").body["keys"]]


def context(service: Service) -> RequestContext:
    return RequestContext(
        now=service.now(),
        milliseconds=service.now() * 1000,
        source="rotation",
        charged_address=None,
        request_id="r",
        issuer="",
    )


def retire(service: Service, kid: str, store: Store | None = None) -> SealedSigningKey:
    it = service.services
    return rotation.retire(kid, store=store or it.store, rotation=it.rotation, context=context(service))


# --- what it ends


def test_the_tokens_of_a_retired_key_are_refused_and_another_key_signs_at_once(
    service: Service, enrolled: Person
) -> None:
    old, token = signed_by(service, enrolled)
    assert service.get("/me", token=token).status == 200
    answer = asked(action="retire", kid=old)
    forget_keys(service)
    assert service.get("/me", token=token).code == "invalid_token"
    assert service.get("/me", token=token).status == 401
    assert published(service) == [answer["kid"]]
    assert answer == {"retired": old, "kid": answer["kid"], "signs_from": service.now()}
    new, new_token = signed_by(service, enrolled)
    assert new == answer["kid"] != old
    assert service.get("/me", token=new_token).status == 200


def test_sessions_outlive_the_key(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    answer = asked(action="retire", kid=only_key(service))
    forget_keys(service)
    refreshed = service.post("/refresh", {"refresh_token": tokens["refresh_token"]})
    assert jwt.get_unverified_header(refreshed.body["access_token"])["kid"] == answer["kid"]


def test_an_environment_that_holds_the_retired_key_refuses_it_within_a_minute(
    service: Service, enrolled: Person
) -> None:
    """Attack: a leaked key, and functions that go on working: nothing is deployed or started anew."""
    old, token = signed_by(service, enrolled)
    asked(action="retire", kid=old)
    service.clock.advance(60)
    assert service.get("/me", token=token).code == "invalid_token"
    assert signed_by(service, enrolled)[0] != old


def test_the_retirement_is_audited_with_who_did_it(service: Service) -> None:
    old = only_key(service)
    answer = asked(action="retire", kid=old, operator=OPERATOR)
    [event] = service.events("signing_key_rotated")
    assert event["detail"] == {"kid": answer["kid"], "retired": old}
    assert event["actor"] == {"operator": OPERATOR}
    assert (event["pk"], event["outcome"]) == ("DEPLOYMENT", "success")


# --- who signs instead


def test_the_next_key_signs_at_once_because_applications_know_it(service: Service) -> None:
    old = only_key(service)
    waiting = asked(action="rotate")["kid"]
    service.clock.advance(HOUR)
    answer = asked(action="retire", kid=old)
    assert answer == {"retired": old, "kid": waiting, "signs_from": service.now()}
    forget_keys(service)
    assert service.services.keyring is not wiring.services().keyring
    assert wiring.services().keyring.signing_key(service.now()).kid == waiting
    assert published(service) == [waiting]


def test_where_the_next_key_is_retired_the_present_one_goes_on_until_it_has_a_successor(service: Service) -> None:
    present = only_key(service)
    waiting = asked(action="rotate")
    assert asked(action="retire", kid=waiting["kid"])["kid"] == present
    forget_keys(service)
    assert published(service) == [present]
    service.clock.advance(3 * DAY)  # past the retired one's turn, and past the end that its predecessor had
    assert wiring.services().keyring.signing_key(service.now()).kid == present
    assert published(service) == [present]
    following = asked(action="rotate")
    assert following["signs_from"] == service.now() + DAY
    ends = {key.kid: key.retires_at for key in keys(service)}
    assert ends == {present: retires_at(following["signs_from"]), following["kid"]: None}


def test_an_older_key_that_only_verifies_is_retired_without_any_other_change(service: Service) -> None:
    first = only_key(service)
    second = asked(action="rotate")["kid"]
    service.clock.advance(DAY + 60)
    third = asked(action="rotate")["kid"]
    before = {key.kid: key for key in keys(service)}
    assert [asked(action="retire", kid=first)["kid"] for _ in range(2)] == [second, second]
    after = {key.kid: key for key in keys(service)}
    assert (after[second], after[third]) == (before[second], before[third])
    assert after[first].retires_at == service.now()
    forget_keys(service)
    assert set(published(service)) == {second, third}


def test_all_keys_one_after_the_other_leave_one_that_nobody_knew(service: Service, enrolled: Person) -> None:
    """The key that seals signing keys was misused: neither the present nor the next key is a secret."""
    known = [only_key(service), asked(action="rotate")["kid"]]
    for kid in known:
        asked(action="retire", kid=kid)
    forget_keys(service)
    [left] = published(service)
    assert left not in known
    assert signed_by(service, enrolled)[0] == left


def test_a_retired_key_never_signs_even_when_its_turn_comes(service: Service) -> None:
    waiting = asked(action="rotate")
    asked(action="retire", kid=waiting["kid"])
    forget_keys(service)
    for seconds in (0, DAY, DAY, 6 * DAY):
        service.clock.advance(seconds)
        assert wiring.services().keyring.signing_key(service.now()).kid != waiting["kid"]


def test_the_next_rotation_removes_it(service: Service) -> None:
    old = only_key(service)
    new = asked(action="retire", kid=old)["kid"]
    service.clock.advance(7 * DAY)
    following = asked(action="rotate")["kid"]
    assert {key.kid for key in keys(service)} == {new, following}


# --- repeats and races


def test_a_second_retirement_changes_nothing(service: Service) -> None:
    """A lost reply, asked again."""
    old = only_key(service)
    first = asked(action="retire", kid=old)
    before = service.state()
    service.clock.advance(30)
    assert asked(action="retire", kid=old) == first
    assert service.state() == before
    assert len(service.events("signing_key_rotated")) == 1


def test_of_many_retirements_at_once_one_takes_place(service: Service) -> None:
    old = only_key(service)
    answers = race(*[lambda: asked(action="retire", kid=old)["kid"]] * 8)
    assert len(set(answers)) == 1
    assert {key.kid for key in keys(service)} == {old, answers[0]}
    assert len(service.events("signing_key_rotated")) == 1


def test_a_rotation_at_the_same_moment_does_not_bring_a_retired_key_back(service: Service) -> None:
    """Attack: the schedule has read the keys, and gives the retired key the later end that it has worked out."""
    it, old = service.services, only_key(service)
    late = it.rotation.make(made_at=service.now(), signs_from=service.now() + DAY)
    asked(action="retire", kid=old)
    before = service.state()
    event = signing_key_rotated(late.kid, context(service))
    ending = {old: retires_at(late.signs_from)}
    assert not it.store.signing_keys.rotate(late, retiring=ending, retired=[], event=event)
    assert service.state() == before


def test_rotations_and_retirements_in_parallel_leave_one_signer_and_no_retired_one(service: Service) -> None:
    old = only_key(service)
    retirements = [lambda: asked(action="retire", kid=old)] * 4
    rotations = [lambda: asked(action="rotate")] * 4
    race(*retirements, *rotations)
    forget_keys(service)
    signer = wiring.services().keyring.signing_key(service.now()).kid
    assert signer != old
    assert old not in published(service)
    assert [key.kid for key in keys(service) if key.retires_at is None] != []


class Contested(SigningKeys):
    """Signing keys that somebody else changes right before each retirement."""

    def __init__(self, keys: SigningKeys) -> None:
        super().__init__(keys._database)
        self.tries = 0

    def retire(self, *_: Any, **__: Any) -> bool:
        self.tries += 1
        return False


def test_a_retirement_that_always_comes_second_is_told_and_not_claimed(service: Service) -> None:
    contested = Contested(service.services.store.signing_keys)
    service.services.store.signing_keys = contested
    before = service.state()
    with pytest.raises(Conflict):
        retire(service, only_key(service))
    service.services.store.signing_keys = SigningKeys(contested._database)
    assert contested.tries == 3
    assert service.state() == before


# --- what is refused


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"action": "retire", "kid": "unknown"}, "not_found"),
        ({"action": "retire", "kid": ""}, "not_found"),
        ({"action": "retire"}, "invalid_request"),
        ({"action": "retire", "kid": ["x"]}, "invalid_request"),
        ({"action": "delete"}, "invalid_request"),
        ({"action": None}, "invalid_request"),
        ({"kid": "x"}, "invalid_request"),
        ({"source": "aws.events", "action": "delete"}, "invalid_request"),
        ({"action": "rotate", "operator": "kim"}, "invalid_request"),
        ({"action": "rotate", "operator": "arn:\x1b[2J"}, "invalid_request"),
        ({"action": "rotate", "operator": "arn:" + "x" * 2048}, "invalid_request"),
    ],
)
def test_what_the_function_does_not_know_is_refused_and_changes_nothing(
    service: Service, payload: dict[str, Any], code: str
) -> None:
    before = service.state()
    answer = asked(**payload)
    assert (answer["code"], set(answer)) == (code, {"code", "detail"})
    assert answer["detail"].endswith(".")
    assert service.state() == before
    assert service.events() == []


def test_an_unknown_key_is_not_found(service: Service) -> None:
    with pytest.raises(NotFound):
        retire(service, "unknown")


def test_an_operators_rotation_is_audited_with_who_did_it(service: Service) -> None:
    answer = asked(action="rotate", operator=OPERATOR)
    assert answer["signs_from"] == service.now() + DAY
    [event] = service.events("signing_key_rotated")
    assert (event["actor"], event["detail"]) == (Operator(OPERATOR).as_map(), {"kid": answer["kid"]})


# --- rights


def test_the_role_of_the_rotation_allows_every_call_of_a_retirement(service: Service, cloud: Cloud) -> None:
    """Each of the three ways to find a successor: a new one, the waiting one, the present one."""
    settings = Settings.from_environment(cloud.environment)
    names = {
        settings.state_table: "StateTable",
        settings.audit_table: "AuditTable",
        settings.signing_seal_key_id: "SigningSealKey",
    }
    service.recorder.clear()
    asked(action="retire", kid=only_key(service))
    signer = asked(action="rotate") and asked(action="rotate")["kid"]
    asked(action="retire", kid=signer)
    waiting = asked(action="rotate")["kid"]
    present = next(key.kid for key in keys(service) if key.kid != waiting and not key.is_retired(service.now()))
    asked(action="retire", kid=present)
    asked_of_iam = [each for call in service.recorder.calls for each in questions(call, names)]
    assert {each.action for each in asked_of_iam} >= {"dynamodb:UpdateItem", "dynamodb:PutItem", "kms:Encrypt"}
    for each in asked_of_iam:
        assert role_of("RotateFunction").allows(each), each


# --- what a deployment asks


def settled(monkeypatch: pytest.MonkeyPatch, kind: str = "Custom::Settings", **properties: object) -> dict[str, Any]:
    """Return the answer to CloudFormation for a resource of these properties."""
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(app, "_send", lambda url, answer: sent.append(answer))
    event: dict[str, Any] = {"RequestType": "Update", "StackId": "s", "RequestId": "r", "LogicalResourceId": "Settings"}
    event |= {"PhysicalResourceId": "p", "ResponseURL": "u", "ResourceType": kind, "ResourceProperties": properties}
    app.handler(event, None)
    return sent[0]


def test_settings_have_a_digest_that_is_another_for_any_other_value(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version is published for it: the same settings must not publish one, another value of any must."""
    one = settled(monkeypatch, PublicUrl="https://a.example", AllowedOrigins=["x", "y"])
    assert (one["Status"], one["PhysicalResourceId"]) == ("SUCCESS", "p")
    assert settled(monkeypatch, AllowedOrigins=["x", "y"], PublicUrl="https://a.example")["Data"] == one["Data"]
    others = [
        settled(monkeypatch, PublicUrl="https://b.example", AllowedOrigins=["x", "y"]),
        settled(monkeypatch, PublicUrl="https://a.example", AllowedOrigins=["x"]),
        settled(monkeypatch, PublicUrl="https://a.example", AllowedOrigins=["x", "y"], More=""),
    ]
    assert len({each["Data"]["Digest"] for each in [one, *others]}) == 4
    assert len(service.services.store.signing_keys.read()) == 1


def test_a_resource_of_another_kind_fails_the_deployment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = settled(monkeypatch, "Custom::Other")
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "Settings was not made: InvalidRequest")
