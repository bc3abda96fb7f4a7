"""Attacks on the cursors of the admin's lists: another's, of another list, made up, enormous; never a 500."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.attacks.raw import assert_is_problem
from tests.service import Person, Reply, Service

SUBSCRIBERS, AUDIT = "/admin/subscribers", "/admin/audit"
EVENT_PLACE = "1700000000000#AAAAAAAAAAAAAAAA"


def encoded(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def page(service: Service, token: str, path: str, cursor: str, **query: str) -> Reply:
    more = "".join(f"&{name}={quote(value)}" for name, value in query.items())
    return service.get(f"{path}?cursor={quote(cursor)}{more}", token=token)


@pytest.fixture
def people(service: Service) -> None:
    for name in ("ann", "andy", "bea"):
        service.person(name)


def cursor_of(service: Service, token: str, path: str, **query: str) -> str:
    more = "".join(f"&{name}={quote(value)}" for name, value in query.items())
    return str(service.get(f"{path}?limit=1{more}", token=token).body["cursor"])


@pytest.fixture
def audit_token(service: Service, admin_token: str, people: None) -> str:
    """Return the token of an admin whose audit has several pages."""
    for name in ("ann", "bea"):
        for _ in range(2):
            service.post(f"/admin/subscribers/{name}/unlock", token=admin_token)
    return admin_token


def test_a_cursor_is_good_for_its_own_caller_and_list_alone(service: Service, audit_token: str) -> None:
    colleague = service.session(service.bound_admin("colleague"))["account_token"]
    service.account("other")
    foreign = service.session(service.bound_admin("boss", account="other"))["account_token"]
    lists: list[tuple[str, dict[str, str]]] = [
        (SUBSCRIBERS, {}),
        (SUBSCRIBERS, {"prefix": "a"}),
        (SUBSCRIBERS, {"prefix": "an"}),
        (AUDIT, {}),
        (AUDIT, {"login_name": "ann"}),
        (AUDIT, {"login_name": "bea"}),
    ]
    cursors = [cursor_of(service, audit_token, path, **query) for path, query in lists]
    for mine, cursor in zip(lists, cursors, strict=True):
        for path, query in lists:
            reply = page(service, audit_token, path, cursor, **query)
            if (path, query) == mine:
                assert reply.status == 200
            else:
                assert_is_problem(reply, "invalid_request")
        for stranger in (colleague, foreign):
            assert_is_problem(page(service, stranger, mine[0], cursor, **mine[1]), "invalid_request")


def test_another_spelling_of_a_prefix_is_the_same_list(service: Service, audit_token: str) -> None:
    cursor = cursor_of(service, audit_token, SUBSCRIBERS, prefix="an")
    reply = page(service, audit_token, SUBSCRIBERS, cursor, prefix="AN")
    assert [each["login_name"] for each in reply.body["subscribers"]] == ["ann"]


MALFORMED = {
    "text": "hello",
    "not base64": "!!!!",
    "base64 with a space": "WyJh IiwiYiJd",
    "not ascii": "ééé",
    "one character": "A",
    "not utf-8": encoded(b"\xff\xfe\xfd"),
    "utf-16": encoded('["a","b","c"]'.encode("utf-16")),
    "a zero byte": encoded(b"\x00"),
    "ten kilobytes": "A" * 10_000,
    "ten kilobytes of brackets": encoded(b"[" * 7_500),
    "deep": encoded(b"[" * 3_000 + b"]" * 3_000),
    "deep objects": encoded(b'{"a":' * 1_500 + b"1" + b"}" * 1_500),
    "an enormous number": encoded(b"9" * 7_000),
    "an object": encoded({"a": 1}),
    "null": encoded(None),
    "not a number": encoded(b"NaN"),
    "nothing": encoded([]),
    "too few": encoded(["a", "b"]),
    "too many": encoded(["a", "b", "c", "d"]),
    "numbers": encoded([1, 2, 3]),
    "nested": encoded([["a"], ["b"], ["c"]]),
    "another's": encoded(["somebody", "subscribers ", "ann"]),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_no_cursor_is_refused(service: Service, admin_token: str, people: None, name: str) -> None:
    for path in (SUBSCRIBERS, AUDIT):
        reply = page(service, admin_token, path, MALFORMED[name])
        assert_is_problem(reply, "invalid_request")
        assert reply.body["errors"][0]["field"] == "cursor"
    assert_is_problem(page(service, admin_token, AUDIT, MALFORMED[name], login_name="ann"), "invalid_request")


SUBSCRIBER_PLACES = [
    "",
    " ",
    "ANN",
    " ann",
    "a/b",
    "a\x00b",
    "\ud800",
    "a" * 129,
    "x" * 5_000,
    1,
    None,
    ["ann"],
    {"S": "ann"},
]


@pytest.mark.parametrize("place", SUBSCRIBER_PLACES, ids=lambda place: repr(place)[:12])
def test_a_place_that_the_list_cannot_have_is_refused(
    service: Service, admin: Person, admin_token: str, people: None, place: object
) -> None:
    forged = encoded([admin.sub, "subscribers ", place])
    assert_is_problem(page(service, admin_token, SUBSCRIBERS, forged), "invalid_request")


def test_a_place_outside_the_prefix_is_refused(service: Service, admin: Person, admin_token: str, people: None) -> None:
    """DynamoDB refuses a key outside of what is asked for: a defect's 500, were it asked."""
    for place in ("bea", "a", "am", "b"):
        forged = encoded([admin.sub, "subscribers an", place])
        assert_is_problem(page(service, admin_token, SUBSCRIBERS, forged, prefix="an"), "invalid_request")


@pytest.mark.parametrize("place", ["a", "ann", "anna", "zzz", "\U0010ffff", "a" * 128, "ann@example.com"])
def test_a_made_up_place_leads_on_in_ones_own_list_only(
    service: Service, admin: Person, admin_token: str, people: None, place: str
) -> None:
    service.account("other")
    service.person("bob", account="other")
    reply = page(service, admin_token, SUBSCRIBERS, encoded([admin.sub, "subscribers ", place]))
    assert reply.status == 200
    names = ["andy", "ann", "bea", "boss"]
    assert [each["login_name"] for each in reply.body["subscribers"]] == [name for name in names if name > place]


EVENT_PLACES = [
    "",
    "1#a",
    "17000000000000",
    EVENT_PLACE + "A",
    EVENT_PLACE + "\n",
    EVENT_PLACE[1:],
    "x" + EVENT_PLACE[1:],
    "\u0661" * 13 + EVENT_PLACE[13:],
    EVENT_PLACE.replace("#", "~"),
    "x" * 5_000,
    7,
    None,
]


@pytest.mark.parametrize("place", EVENT_PLACES, ids=lambda place: repr(place)[:20])
def test_a_moment_that_the_audit_cannot_have_is_refused(
    service: Service, admin: Person, admin_token: str, people: None, place: object
) -> None:
    for about in ("", "ann"):
        forged = encoded([admin.sub, f"events {about}", place])
        query = {"login_name": about} if about else {}
        assert_is_problem(page(service, admin_token, AUDIT, forged, **query), "invalid_request")


def test_a_made_up_moment_leads_on_in_ones_own_audit_only(service: Service, admin: Person, audit_token: str) -> None:
    whole = service.get(AUDIT, token=audit_token).body["events"]
    for place, expected in (
        ("0000000000000#AAAAAAAAAAAAAAAA", []),
        (EVENT_PLACE, []),
        ("9999999999999#________________", whole),
    ):
        reply = page(service, audit_token, AUDIT, encoded([admin.sub, "events ", place]))
        assert (reply.status, reply.body["events"]) == (200, expected)
        later = page(service, audit_token, AUDIT, encoded([admin.sub, "events ", place]), to="1")
        assert (later.status, later.body["events"]) == (200, [])
        after = page(service, audit_token, AUDIT, encoded([admin.sub, "events ", place]), **{"from": "9999999999"})
        assert (after.status, after.body["events"]) == (200, [])


def test_a_cursor_says_nothing_secret(service: Service, admin: Person, audit_token: str) -> None:
    """What it holds is what its caller has been shown: the own `sub`, the list, the last place."""
    shown = service.get(f"{SUBSCRIBERS}?limit=1", token=audit_token).body
    cursor = shown["cursor"]
    held = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    assert held == [admin.sub, "subscribers ", shown["subscribers"][-1]["login_name"]]
