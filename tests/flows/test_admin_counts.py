"""How many subscribers an account has, by state: and that no request counts for longer than another."""

from typing import Any

import pytest

from secondstep.store import counting, directory
from secondstep.store.layout import summary_key
from secondstep.subscriber import Status
from tests.browsing import Browser
from tests.service import ACCOUNT, Person, Service

SUMMARY = "/admin/summary"
UNCOUNTED = "Not everybody has been counted yet."


def summary(service: Service, token: str) -> dict[str, Any]:
    reply = service.get(SUMMARY, token=token)
    assert reply.status == 200, reply.body
    return reply.body


@pytest.fixture
def large(service: Service, admin: Person, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the number of subscribers of an account that takes three requests to count: 4 + 4 + 2.

    Not 4 + 4 + 4: after a full page DynamoDB does not know yet that it was the last one, and a fourth has to see.
    """
    monkeypatch.setattr(directory, "_WALKED", 2)
    monkeypatch.setattr(counting, "PAGES_OF_A_REQUEST", 2)
    for number in range(9):
        service.person(f"p{number}", status=Status.INVITED if number == 8 else Status.ACTIVE)
    return 10


def test_the_counts_are_by_state_and_kept_for_a_minute(service: Service, admin_token: str) -> None:
    service.bound_person("bound", status=Status.DISABLED)
    service.person("new", status=Status.INVITED)
    service.account("other")
    service.person("elsewhere", account="other")
    counted = summary(service, admin_token)
    counts = {"subscribers": 3, "enrolled": 2, "disabled": 1, "invited": 1}
    assert counted == counts | {"as_of": service.now(), "complete": True}
    service.person("late")
    service.clock.advance(58)
    assert summary(service, admin_token) == counted
    service.clock.advance(2)
    again = summary(service, admin_token)
    assert (again["subscribers"], again["as_of"]) == (4, counted["as_of"] + 60)


def test_counts_of_the_future_are_not_believed(service: Service, admin_token: str) -> None:
    """A clock that was put back must not keep old counts for good."""
    ahead = {"subscribers": 99, "enrolled": 0, "disabled": 0, "invited": 0, "as_of": service.now() + 5000}
    service.put(summary_key(ACCOUNT) | ahead | {"walk": ahead | {"after": "zz"}})
    assert summary(service, admin_token)["subscribers"] == 1


def test_a_large_account_is_counted_by_several_requests(service: Service, admin_token: str, large: int) -> None:
    """The first names are told as what they are; what is whole is as old as the count's beginning."""
    began = service.now()
    seen = []
    for _ in range(3):
        it = summary(service, admin_token)
        seen.append((it["subscribers"], it["enrolled"], it["invited"], it["complete"], it["as_of"]))
        service.clock.advance(5)
    assert seen == [(4, 1, 0, False, began), (8, 1, 0, False, began), (large, 1, 1, True, began)]
    assert summary(service, admin_token)["as_of"] == began


def test_no_request_counts_for_longer_than_another(service: Service, admin_token: str, large: int) -> None:
    asked = []
    for _ in range(8):
        service.recorder.clear()
        summary(service, admin_token)
        calls = service.recorder.dynamodb
        asked.append(len(calls[calls.index("get_item") :]))  # before: the authorizer, and the keys after a minute
        service.clock.advance(61)
    held, kept, pages = 1, 1, 2
    assert max(asked) == held + pages * 2 + kept


def test_while_it_is_counted_again_the_last_whole_count_is_told(service: Service, admin_token: str, large: int) -> None:
    whole = [summary(service, admin_token) for _ in range(3)][-1]
    service.person("zoe")
    service.clock.advance(61)
    again = [summary(service, admin_token) for _ in range(3)]
    assert again[:2] == [whole, whole]
    assert (again[2]["subscribers"], again[2]["as_of"]) == (large + 1, whole["as_of"] + 61)


def test_a_count_that_began_before_the_whole_one_that_is_kept_is_not_gone_on_with(
    service: Service, admin_token: str, large: int
) -> None:
    """As where two counted at once, or the release before, which does not know of it, counted meanwhile."""
    summary(service, admin_token)
    counts = {"subscribers": 7, "enrolled": 0, "disabled": 0, "invited": 0, "as_of": service.now()}
    begun = counts | {"subscribers": 1000, "as_of": service.now() - 10, "after": "p5"}
    service.put(summary_key(ACCOUNT) | counts | {"walk": begun})
    service.clock.advance(61)
    assert [summary(service, admin_token)["subscribers"] for _ in range(3)] == [7, 7, large]


def test_what_was_never_whole_has_the_numbers_that_the_release_before_reads(
    service: Service, admin_token: str, large: int
) -> None:
    """Going back, it finds a count that is too old to be told, and counts anew."""
    summary(service, admin_token)
    [held] = [each for each in service.state() if each["sk"] == "SUMMARY"]
    assert [held[name] for name in ("subscribers", "enrolled", "disabled", "invited", "as_of")] == [0, 0, 0, 0, 0]


def test_the_console_says_that_it_is_still_counting(service: Service, admin: Person, large: int) -> None:
    browser = Browser(service).log_in(admin)
    first = browser.get("/ui/admin").html
    browser.get("/ui/admin")
    whole = browser.get("/ui/admin").html
    assert ("1 of 4 people" in first, UNCOUNTED in first) == (True, True)
    assert (f"1 of {large} people" in whole, UNCOUNTED in whole) == (True, False)
