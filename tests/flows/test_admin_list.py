"""What an account admin looks over: the list of subscribers."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from secondstep.subscriber import Status
from tests.service import Person, Service

LIST = "/admin/subscribers"


def pages(service: Service, token: str, query: str) -> Iterator[list[dict[str, Any]]]:
    """Yield every page of a list; a list that does not end fails."""
    cursor: str | None = ""
    for _ in range(200):
        more = f"&cursor={cursor}" if cursor else ""
        reply = service.get(f"{LIST}?{query}{more}", token=token)
        assert reply.status == 200, reply.body
        yield reply.body["subscribers"]
        cursor = reply.body["cursor"]
        if cursor is None:
            return
    pytest.fail("the list does not end")


def listed(service: Service, token: str, query: str = "limit=100") -> list[str]:
    """Return the names of the whole list, in the order in which they came."""
    return [each["login_name"] for page in pages(service, token, query) for each in page]


# --- list


def test_the_list_is_in_order_of_login_name_and_of_this_account(service: Service, admin_token: str) -> None:
    service.account("other")
    service.person("aaa", account="other")
    names = ["zoe", "ann", "mia", "ann@example.com", "ärgo", "10"]
    for name in names:
        service.person(name)
    assert listed(service, admin_token) == sorted([*names, "boss"], key=str.encode)


def test_a_line_says_what_an_admin_looks_for_and_no_more(service: Service, admin_token: str, admin: Person) -> None:
    service.person("ann", display_name="Ann", status=Status.DISABLED)
    ann, boss = service.get(LIST, token=admin_token).body["subscribers"]
    assert ann == {
        "login_name": "ann",
        "display_name": "Ann",
        "role": "agent",
        "status": "disabled",
        "enrolled": False,
        "last_login_at": None,
    }
    assert (boss["role"], boss["enrolled"]) == ("admin", True)
    assert boss["last_login_at"] == service.record(admin).last_login_at


@pytest.mark.parametrize("typed", ["an", "AN", "  an ", "\uff21\uff2e"])
def test_a_prefix_is_read_as_a_login_name_is(service: Service, admin_token: str, typed: str) -> None:
    for name in ("ann", "andy", "bea", "a"):
        service.person(name)
    assert listed(service, admin_token, f"prefix={quote(typed)}") == ["andy", "ann"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=-1",
        "limit=ten",
        "status=gone",
        "enrolled=perhaps",
        "order=asc",
        "limit=1&limit=2",
        "prefix=a%00",
        "cursor=",
    ],
)
def test_what_a_list_does_not_know_is_refused(service: Service, admin_token: str, query: str) -> None:
    assert service.get(f"{LIST}?{query}", token=admin_token).code == "invalid_request"


def test_filters_show_those_of_a_state(service: Service, admin_token: str) -> None:
    service.bound_person("bound")
    service.person("open")
    service.person("off", status=Status.DISABLED)
    service.bound_person("bound-off", status=Status.DISABLED)
    service.person("new", status=Status.INVITED, password_hash=None)
    expected = {
        "status=active": ["boss", "bound", "open"],
        "status=disabled": ["bound-off", "off"],
        "status=invited": ["new"],
        "enrolled=true": ["boss", "bound", "bound-off"],
        "enrolled=false": ["new", "off", "open"],
        "enrolled=true&status=disabled": ["bound-off"],
        "prefix=bo&enrolled=true&status=active": ["boss", "bound"],
        "prefix=nobody": [],
    }
    assert {query: listed(service, admin_token, query) for query in expected} == expected
    assert listed(service, admin_token, "status=disabled&limit=1") == ["bound-off", "off"]  # pages may be short


def test_every_page_costs_the_same_and_nobody_is_lost_or_told_twice(service: Service, admin_token: str) -> None:
    names = sorted([*(f"agent-{number:03d}" for number in range(119)), "boss"])
    for name in names[:-1]:
        service.person(name)
    assert listed(service, admin_token, "limit=1&prefix=agent-00") == names[:10]
    for limit, expected in ((7, 18), (50, 3), (99, 2), (100, 2)):
        seen: list[str] = []
        costs, service.recorder.calls[:] = set[int](), []
        walked = 0
        for page in pages(service, admin_token, f"limit={limit}"):
            assert len(page) <= limit
            seen += [each["login_name"] for each in page]
            costs.add(len(service.recorder.calls))
            service.recorder.clear()
            walked += 1
        assert seen == names, limit
        assert walked == expected, limit
        assert max(costs) <= 3, (limit, costs)  # the authorizer's read, the index, the subscribers


def test_a_full_last_page_ends_the_list(service: Service, admin_token: str) -> None:
    """DynamoDB may tell of a page more that is empty; its cursor leads to the end, not in a circle."""
    service.person("ann")
    assert listed(service, admin_token, "limit=1") == ["ann", "boss"]
    assert listed(service, admin_token, "limit=2") == ["ann", "boss"]


def test_who_is_deleted_between_two_pages_is_not_missed_by_the_next(service: Service, admin_token: str) -> None:
    for name in ("a1", "a2", "a3"):
        service.person(name)
    first = service.get(f"{LIST}?limit=2", token=admin_token).body
    assert service.call("DELETE", f"{LIST}/a2", token=admin_token).status == 204
    rest = service.get(f"{LIST}?limit=2&cursor={first['cursor']}", token=admin_token).body
    assert [each["login_name"] for each in rest["subscribers"]] == ["a3", "boss"]
