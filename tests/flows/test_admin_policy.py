"""The account's policy and its picture: every field, where each value comes from, ETag and If-Match (A26)."""

from typing import Any

import pytest

from secondstep import contract, wiring
from secondstep.account import Policy
from secondstep.store.layout import account_key, logo_key
from tests.attacks import raw
from tests.pictures import NO_PNG, WHOLE, png
from tests.service import Person, Reply, Service

POLICY, LOGO = "/admin/policy", "/admin/policy/logo"
APP = {"name": "Ours", "ios_url": "https://apps.example/ios", "android_url": "https://apps.example/android"}
APPLICATION = {
    "client_id": "desk.v2",
    "name": "Support desk",
    "redirect_uris": ["https://desk.example/back", "http://localhost:8080/back", "http://127.0.0.1/x"],
}

# Every field of the contract: a value that an account may decide, and values that it may not.
FIELDS: dict[str, tuple[Any, list[Any]]] = {
    "display_name": ("Acme Help", ["x" * 65, "a\nb", 5, None]),
    "mfa_required": (False, ["no", 0, None]),
    "enrollment_ticket": ("always", ["sometimes", "", None]),
    "otp_issuer": ("Acme", ["x" * 65, "a\x00b"]),
    "apps": ([APP], [[APP] * 11, [{**APP, "ios_url": "http://apps.example"}], [{"name": "x"}], [{**APP, "x": 1}], {}]),
    "apps_required": (True, ["yes", 1]),
    "tolerance_steps": (0, [-1, 2, 1.5, "1", True]),
    "session_hours": (24, [0, 25]),
    "idle_minutes": (20, [19, 61]),
    "max_authenticators": (5, [0, 6]),
    "invitation_hours": (24, [23, 169]),
    "accent_colour": ("#00FF00", ["green", "#00ff0", "#00ff00;", "#00ff00\n"]),
    "help_text": ("Call 555-0100.\nAsk for Kim.", ["x" * 501, "a\tb"]),
    "applications": (
        [APPLICATION],
        [
            [APPLICATION] * 11,
            [{**APPLICATION, "redirect_uris": []}],
            [{**APPLICATION, "redirect_uris": ["http://desk.example/back"]}],
            [{**APPLICATION, "redirect_uris": ["https://desk.example/#x"]}],
            [{**APPLICATION, "client_id": "a b"}],
        ],
    ),
}


def put(service: Service, token: str, policy: object, if_match: str | None = "*") -> Reply:
    headers = {} if if_match is None else {"If-Match": if_match}
    return service.call("PUT", POLICY, policy, token=token, headers=headers)


def etag(service: Service, token: str) -> str:
    return str(service.get(POLICY, token=token).headers["ETag"])


# --- every field


def test_the_fields_are_those_of_the_contract() -> None:
    assert set(FIELDS) == set(Policy.__struct_fields__)


def test_every_field_is_decided_shown_and_named_as_the_accounts_own(service: Service, admin_token: str) -> None:
    wanted = {name: value for name, (value, _) in FIELDS.items()}
    reply = put(service, admin_token, wanted)
    assert (reply.status, reply.body["policy"]) == (200, wanted)
    assert set(reply.body["origin"].items()) == {(name, "account") for name in FIELDS}
    again = service.get(POLICY, token=admin_token)
    assert (again.body, again.headers["ETag"]) == (reply.body, reply.headers["ETag"])


@pytest.mark.parametrize("name", FIELDS)
def test_one_field_alone_leaves_the_others_to_their_defaults(service: Service, admin_token: str, name: str) -> None:
    value, refused = FIELDS[name]
    reply = put(service, admin_token, {name: value})
    assert reply.body["policy"][name] == value
    assert [each for each, origin in reply.body["origin"].items() if origin == "account"] == [name]
    assert reply.body["origin"].keys() == FIELDS.keys()
    before = service.state()
    for each in refused:
        assert put(service, admin_token, {name: each}).code == "invalid_request", each
    assert service.state() == before


def test_an_empty_policy_is_the_defaults_of_the_contract(service: Service, admin_token: str) -> None:
    body = put(service, admin_token, {}).body
    shown = body["policy"]
    assert set(body["origin"].values()) == {"default"}
    apps = [each["name"] for each in shown.pop("apps")]
    assert apps == ["Google Authenticator", "Authy", "Okta Verify"]
    assert shown == {
        "display_name": "acme",
        "mfa_required": True,
        "enrollment_ticket": "after_reset",
        "otp_issuer": "acme",
        "apps_required": False,
        "tolerance_steps": 1,
        "session_hours": 12,
        "idle_minutes": 60,
        "max_authenticators": 3,
        "invitation_hours": 72,
        "accent_colour": "#1a5fb4",
        "help_text": "",
        "applications": [],
    }
    named = put(service, admin_token, {"display_name": "Acme Help"}).body
    assert (named["policy"]["otp_issuer"], named["origin"]["otp_issuer"]) == ("Acme Help", "default")


def test_an_empty_text_leaves_it_to_the_default_and_is_told_as_that(service: Service, admin_token: str) -> None:
    body = put(service, admin_token, {"display_name": "", "otp_issuer": "", "help_text": "", "session_hours": 12}).body
    assert (body["policy"]["display_name"], body["policy"]["otp_issuer"]) == ("acme", "acme")
    assert [name for name, origin in body["origin"].items() if origin == "account"] == ["session_hours"]


def test_a_text_that_was_stored_before_the_rules_grew_is_still_in_force(service: Service, admin_token: str) -> None:
    """Strict at the door, never at the store: what cannot be read counts as the defaults, as a whole."""
    app = {"name": "An\u200bapp", "ios_url": "https://a.example/", "android_url": "https://a.example/"}
    service.account(display_name="Ac\u202eme", help_text="a\u200bb", session_hours=3, apps=[app])
    body = service.get("/admin/policy", token=admin_token).body
    assert body["policy"]["display_name"] == "Ac\u202eme"
    assert body["policy"]["apps"] == [app]
    assert body["origin"]["session_hours"] == "account"


@pytest.mark.parametrize("body", [{"colour": "#00ff00"}, {"version": 9}, {"account": "other"}, [], "x", {"origin": {}}])
def test_what_is_no_field_is_refused(service: Service, admin_token: str, body: object) -> None:
    before = service.state()
    assert put(service, admin_token, body).code == "invalid_request"
    assert service.state() == before


# --- ETag and If-Match


def test_a_policy_is_replaced_only_as_it_was_read(service: Service, admin_token: str) -> None:
    read = etag(service, admin_token)
    before = service.state()
    assert put(service, admin_token, {}, None).code == "precondition_required"
    assert put(service, admin_token, {}, None).status == 428
    for wrong in ('"v0"', '"v2"', 'W/"v1"', "v1", '""', "", '"*"', '"v1', f"{read[:-1]}"):
        reply = put(service, admin_token, {}, wrong)
        assert (reply.status, reply.code) == (412, "precondition_failed"), wrong
    assert service.state() == before
    reply = put(service, admin_token, {"session_hours": 2}, read)
    assert reply.status == 200
    assert reply.headers["ETag"] not in (read, "")
    assert put(service, admin_token, {"session_hours": 3}, read).status == 412
    assert put(service, admin_token, {"session_hours": 3}, f'"other", {reply.headers["ETag"]}').status == 200
    assert put(service, admin_token, {"session_hours": 4}, "*").body["policy"]["session_hours"] == 4


def test_the_same_policy_again_is_another_version(service: Service, admin_token: str) -> None:
    first = put(service, admin_token, {"session_hours": 2})
    second = put(service, admin_token, {"session_hours": 2}, first.headers["ETag"])
    assert second.status == 200
    assert second.headers["ETag"] != first.headers["ETag"]


def test_the_change_is_recorded_with_old_and_new(service: Service, admin: Person, admin_token: str) -> None:
    put(service, admin_token, {"session_hours": 2, "help_text": "Ask Kim.", "mfa_required": False})
    put(service, admin_token, {"session_hours": 3, "mfa_required": False, "applications": [APPLICATION]})
    last = service.events("policy_changed")[-1]
    assert last["detail"] == {
        "old": {"session_hours": 2, "help_text": "Ask Kim."},
        "new": {"session_hours": 3, "applications": [APPLICATION]},
    }
    assert last["actor"] == {"sub": admin.sub, "login_name": "boss"}
    told = service.get("/admin/audit?event=policy_changed", token=admin_token).body["events"]
    assert told[0]["detail"] == last["detail"]


# --- missing or corrupt: attack A26

CORRUPT: list[dict[str, Any] | None] = [
    None,
    {},
    {"policy": {"mfa_required": "no"}, "version": 4},
    {"policy": {"mfa_required": False, "session_hours": 9000}, "version": 4},
    {"policy": {"mfa_required": False, "apps": "none"}},
    {"policy": "mfa_required: false", "version": 4},
    {"policy": ["mfa_required"], "version": 4},
    {"policy": None, "version": 4},
]


@pytest.mark.parametrize("item", CORRUPT, ids=str)
def test_a_policy_that_is_gone_or_broken_is_the_safe_default_and_can_be_replaced(
    service: Service, admin_token: str, agent: Person, enrolled: Person, item: dict[str, Any] | None
) -> None:
    """A26: who has a factor is always asked for it; who has none must enroll; nothing in between is believed."""
    _lose_policy(service)
    if item is not None:
        service.put(account_key("acme") | item)
    shown = service.get(POLICY, token=admin_token)
    assert set(shown.body["origin"].values()) == {"default"}
    assert (shown.body["policy"]["mfa_required"], shown.body["policy"]["display_name"]) == (True, "acme")
    assert service.log_in(agent).body["next"] == "enroll"
    assert service.log_in(enrolled).body["next"] == "verify"
    reply = put(service, admin_token, {"mfa_required": False}, shown.headers["ETag"])
    assert reply.status == 200, reply.body
    assert reply.body["origin"]["mfa_required"] == "account"
    assert service.log_in(agent).body["next"] == "done"
    assert service.log_in(enrolled).body["next"] == "verify"


@pytest.mark.parametrize("version", ["four", -1, [1], {"v": 1}, True], ids=str)
def test_a_broken_version_can_be_replaced(service: Service, admin_token: str, version: object) -> None:
    service.put(account_key("acme") | {"policy": {"mfa_required": False}, "version": version})
    tag = etag(service, admin_token)
    assert put(service, admin_token, {"session_hours": 2}, tag).status == 200
    assert etag(service, admin_token) != tag


# What only the console, a script or a restore of something else can have written, as DynamoDB holds it.
ODD_POLICIES: dict[str, Any] = {
    "a fraction": {"M": {"session_hours": {"N": "1.5"}, "mfa_required": {"BOOL": False}}},
    "null": {"M": {"mfa_required": {"NULL": True}, "apps_required": {"NULL": True}}},
    "a set": {"M": {"apps": {"SS": ["a", "b"]}, "mfa_required": {"BOOL": False}}},
    "numbers": {"NS": ["1", "2"]},
    "bytes": {"B": b"mfa_required"},
}


@pytest.mark.parametrize("policy", ODD_POLICIES)
def test_a_policy_of_odd_types_is_the_safe_default_and_can_be_replaced(
    service: Service, admin_token: str, agent: Person, policy: str
) -> None:
    """A26: a slip at the console takes the account neither its factor nor its logins."""
    _put_raw(service, {"policy": ODD_POLICIES[policy], "version": {"N": "4"}})
    shown = service.get(POLICY, token=admin_token)
    assert shown.status == 200, shown.body
    assert shown.body["policy"]["mfa_required"] is True
    assert service.log_in(agent).body["next"] == "enroll"
    assert put(service, admin_token, {"mfa_required": False}, shown.headers["ETag"]).status == 200
    assert service.log_in(agent).body["next"] == "done"


@pytest.mark.parametrize(
    "version",
    [
        {"N": "1.5"},
        {"NULL": True},
        {"SS": ["a"]},
        {"B": b"a"},
    ],
    ids=str,
)
def test_a_version_of_an_odd_type_can_be_replaced(
    service: Service, admin_token: str, agent: Person, version: dict[str, Any]
) -> None:
    _put_raw(service, {"policy": {"M": {}}, "version": version})
    assert service.log_in(agent).body["next"] == "enroll"
    assert put(service, admin_token, {"session_hours": 2}, etag(service, admin_token)).status == 200


def _put_raw(service: Service, attributes: dict[str, Any]) -> None:
    key = {name: {"S": value} for name, value in account_key("acme").items()}
    service._dynamodb.put_item(TableName=service.services.settings.state_table, Item=key | attributes)
    service.services.store.accounts._policies.clear()


def _lose_policy(service: Service) -> None:
    key = {name: {"S": value} for name, value in account_key("acme").items()}
    service._dynamodb.delete_item(TableName=service.services.settings.state_table, Key=key)
    service.services.store.accounts._policies.clear()


# --- takes effect


def test_a_change_takes_effect_within_a_minute_in_every_environment(
    service: Service, admin_token: str, agent: Person
) -> None:
    here = service.services
    elsewhere = wiring.build(here.settings, clock=service.clock)
    wiring.install(elsewhere)
    assert service.log_in(agent).body["next"] == "enroll"  # so it knows the policy of before
    wiring.install(here)
    assert put(service, admin_token, {"mfa_required": False}).status == 200
    assert service.log_in(agent).body["next"] == "done"
    service.clock.advance(60)
    wiring.install(elsewhere)
    assert service.log_in(agent).body["next"] == "done"


# --- the picture


def put_logo(service: Service, token: str, body: bytes, media_type: str = "image/png") -> Reply:
    return raw.send(service, "PUT", LOGO, body, headers=(("Content-Type", media_type),), token=token)


def stored_logo(service: Service) -> bytes | None:
    key = logo_key("acme")
    found = [each["png"] for each in service.state() if (each["pk"], each["sk"]) == (key["pk"], key["sk"])]
    return found[0] if found else None


def test_a_logo_is_stored_as_it_was_sent_and_replaced(service: Service, admin: Person, admin_token: str) -> None:
    first, second = png(), png(2000, 1)
    reply = put_logo(service, admin_token, first)
    assert (reply.status, reply.body) == (200, {"size": len(first), "width": 2, "height": 3})
    assert stored_logo(service) == first
    assert put_logo(service, admin_token, second, "Image/PNG; charset=binary").status == 200
    assert stored_logo(service) == second
    assert [each["detail"] for each in service.events("policy_changed")] == [
        {"new": {"logo": f"2 x 3 pixels, {len(first)} bytes"}},
        {"new": {"logo": f"2000 x 1 pixels, {len(second)} bytes"}},
    ]


def test_a_logo_is_at_most_32_kilobytes(service: Service, admin_token: str) -> None:
    largest = png(filling=b"x" * (32 * 1024 - len(png()) - 12))
    assert len(largest) == 32 * 1024
    assert put_logo(service, admin_token, largest).status == 200
    for size in (1, 2, 3, 64 * 1024):
        reply = put_logo(service, admin_token, largest + b"x" * size)
        assert (reply.status, reply.code) == (413, "payload_too_large"), size
    assert stored_logo(service) == largest


@pytest.mark.parametrize("name", NO_PNG)
def test_what_is_not_a_whole_png_is_refused(service: Service, admin_token: str, name: str) -> None:
    before = service.state()
    raw.assert_is_problem(put_logo(service, admin_token, NO_PNG[name]), "invalid_request")
    assert (service.state(), service.events("policy_changed")) == (before, [])


@pytest.mark.parametrize("media_type", ["application/json", "image/svg+xml", "image/jpeg", "text/html", ""])
def test_a_logo_of_another_media_type_is_not_supported(service: Service, admin_token: str, media_type: str) -> None:
    raw.assert_is_problem(put_logo(service, admin_token, WHOLE, media_type), "unsupported_media_type")
    assert stored_logo(service) is None


def test_no_other_route_takes_a_picture(service: Service, admin_token: str, enrolled: Person) -> None:
    before = service.state()
    taking = [route for route in contract.ROUTES if route.method != "GET" and route != contract.SET_LOGO]
    for route in taking:
        path = route.path.replace("{login_name}", "enrolled").replace("{id}", "x")
        headers = (("Content-Type", "image/png"), ("If-Match", "*"))
        for body in (WHOLE, b'{"reason": "x"}'):
            reply = raw.send(service, route.method, path, body, headers=headers, token=admin_token)
            raw.assert_is_problem(reply, "unsupported_media_type")
    assert service.state() == before


@pytest.mark.parametrize(
    "address",
    [
        *(
            "https://*.example/",
            "https://a\\@b/",
            "https:///x",
            "https://[::1",
            "https://a.example:abc/",
            "https://u:p@a/",
        ),
        *("https://a.example/\u202e", "http://a.example/", "http://localhost.evil.example/", "https://a.example/#x"),
        *("javascript:alert(1)", "https://a.example/ b", "https://-a.example/", "//a.example/"),
    ],
)
def test_a_redirect_is_a_plain_address(service: Service, admin_token: str, address: str) -> None:
    application = {"client_id": "app", "name": "App", "redirect_uris": [address]}
    assert put(service, admin_token, {"applications": [application]}, "*").code == "invalid_request"


@pytest.mark.parametrize(
    "address",
    ["https://a.example/cb?x=1&y=%20", "https://a.example:8443", "http://localhost:5000/cb", "http://127.0.0.1/"],
)
def test_an_applications_own_address_is_taken(service: Service, admin_token: str, address: str) -> None:
    application = {"client_id": "app", "name": "App", "redirect_uris": [address]}
    assert put(service, admin_token, {"applications": [application]}, "*").status == 200


def test_no_application_is_registered_by_the_services_own_name(service: Service, admin_token: str) -> None:
    """It would be stored, shown, and then refused at every sign-in: that name is the one of account tokens."""
    application = {"client_id": "secondstep", "name": "App", "redirect_uris": ["https://a.example/cb"]}
    refused = put(service, admin_token, {"applications": [application]}, "*")
    assert (refused.status, refused.code) == (400, "invalid_request")
    assert [each["field"] for each in refused.body["errors"]] == ["applications"]
    assert service.get(POLICY, token=admin_token).body["policy"]["applications"] == []
