"""The account's audit, as its admin reads it: newest first, filtered, page by page (A52)."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service import PASSWORD, Person, Service

AUDIT = "/admin/audit"


def pages(service: Service, token: str, query: str) -> Iterator[list[dict[str, Any]]]:
    """Yield every page of the audit; one that does not end fails."""
    cursor: str | None = ""
    for _ in range(300):
        more = f"&cursor={cursor}" if cursor else ""
        reply = service.get(f"{AUDIT}?{query}{more}", token=token)
        assert reply.status == 200, reply.body
        yield reply.body["events"]
        cursor = reply.body["cursor"]
        if cursor is None:
            return
    pytest.fail("the audit does not end")


def read(service: Service, token: str, query: str = "limit=100") -> list[dict[str, Any]]:
    """Return the whole audit, in the order in which it came."""
    return [each for page in pages(service, token, query) for each in page]


def names(events: list[dict[str, Any]]) -> list[str]:
    return [each["event"] for each in events]


def test_an_event_says_who_did_what_to_whom(service: Service, admin: Person, admin_token: str) -> None:
    agent = service.bound_person("ann")
    service.reset(admin_token, "ann", reason="phone was stolen")
    (event,) = read(service, admin_token, "event=reset")
    (stored,) = service.events("reset")
    assert event == {
        "id": stored["sk"].partition("#")[2],
        "at": stored["at"],
        "event": "reset",
        "outcome": "success",
        "actor": {"sub": admin.sub, "login_name": "boss"},
        "subject": {"sub": agent.sub, "login_name": "ann"},
        "reason": "phone was stolen",
        "source": "203.0.113.7",
        "request_id": stored["request_id"],
    }


def test_newest_come_first(service: Service, admin_token: str, enrolled: Person) -> None:
    for path, body in (("unlock", None), ("password-reset", {"reason": "x"}), ("reset", {"reason": "x"})):
        service.clock.advance(1)
        assert service.post(f"/admin/subscribers/enrolled/{path}", body, token=admin_token).status == 200
    assert names(read(service, admin_token)) == ["reset", "password_reset", "unlocked", "verify"]


def test_filters_narrow_the_audit(service: Service, admin_token: str) -> None:
    for name in ("ann", "bea"):
        service.person(name)
    start = service.now()
    for minute, name in enumerate(("ann", "bea", "ann", "bea")):
        service.clock.advance(60)
        body = {"display_name": f"{name} {minute}"}
        assert service.call("PATCH", f"/admin/subscribers/{name}", body, token=admin_token).status == 200

    def shown(query: str) -> list[str]:
        return [each["detail"]["new"]["display_name"] for each in read(service, admin_token, query)]

    assert shown("event=profile_changed") == ["bea 3", "ann 2", "bea 1", "ann 0"]
    assert shown("login_name=ann") == shown("login_name=ANN") == shown("login_name=%20ann%20") == ["ann 2", "ann 0"]
    assert shown("login_name=ann&event=profile_changed&limit=1") == ["ann 2", "ann 0"]
    assert shown(f"from={start + 120}") == ["bea 3", "ann 2", "bea 1"]  # both ends are included
    assert shown(f"from={start + 1}&to={start + 120}") == ["bea 1", "ann 0"]
    assert shown(f"from={start + 120}&to={start + 120}") == ["bea 1"]
    assert shown(f"from={start + 121}&to={start + 179}") == []
    assert shown(f"from={start + 180}&to={start + 120}") == []
    assert shown(f"from={start + 61}&login_name=ann&limit=1") == ["ann 2"]
    assert shown("event=reset") == shown("event=nothing") == shown("login_name=nobody") == []
    assert names(read(service, admin_token, f"to={start}")) == ["verify"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "from=-1",
        "from=yesterday",
        "to=99999999999",
        "from=1.5",
        "login_name=",
        "login_name=a%00",
        "cursor=",
        "actor=boss",
        "from=1&from=2",
    ],
)
def test_what_the_audit_does_not_know_is_refused(service: Service, admin_token: str, query: str) -> None:
    assert service.get(f"{AUDIT}?{query}", token=admin_token).code == "invalid_request"


@pytest.fixture
def hundred(service: Service, admin_token: str) -> list[str]:
    """Make a hundred events in pairs of the same millisecond, and a few rare ones; return all ids, newest first."""
    service.person("ann")
    for number in range(50):
        wanted = {"status": ("disabled", "active")[number % 2], "display_name": f"Ann {number}"}
        assert service.call("PATCH", "/admin/subscribers/ann", wanted, token=admin_token).status == 200
        if number in (2, 3, 17, 30, 44):
            assert service.post("/admin/subscribers/ann/unlock", token=admin_token).status == 200
    stored = sorted(service.events(), key=lambda each: str(each["sk"]), reverse=True)
    assert len({each["sk"].partition("#")[0] for each in stored}) == 56
    assert len({each["as"] for each in stored}) == 8  # of the index, all shards
    return [each["sk"].partition("#")[2] for each in stored]


def test_the_audit_is_paged_over_its_shards_without_loss_or_repeat(
    service: Service, admin_token: str, hundred: list[str]
) -> None:
    for limit in (1, 3, 10, 33, 100):
        seen: list[str] = []
        service.recorder.clear()
        for page in pages(service, admin_token, f"limit={limit}"):
            assert len(page) <= limit
            assert len(service.recorder.calls) <= 9, limit  # the authorizer's read, and one query a shard
            seen += [each["id"] for each in page]
            service.recorder.clear()
        assert seen == hundred, limit


def test_filters_hold_on_every_page(service: Service, admin_token: str, hundred: list[str]) -> None:
    stored = sorted(service.events("unlocked"), key=lambda each: str(each["sk"]), reverse=True)
    unlocked = [each["sk"].partition("#")[2] for each in stored]
    for limit in (2, 7, 50):
        changed = read(service, admin_token, f"limit={limit}&event=status_changed")
        assert names(changed) == ["status_changed"] * 50, limit
        assert [each["detail"]["new"]["status"] for each in changed] == ["active", "disabled"] * 25
        rare = read(service, admin_token, f"limit={limit}&event=unlocked")
        assert [each["id"] for each in rare] == unlocked, limit
        about = [each["id"] for each in read(service, admin_token, f"limit={limit}&login_name=ann")]
        assert about == hundred[:-1], limit


def test_what_comes_while_one_reads_does_not_move_the_pages(
    service: Service, admin_token: str, hundred: list[str]
) -> None:
    seen: list[str] = []
    for number, page in enumerate(pages(service, admin_token, "limit=20")):
        seen += [each["id"] for each in page]
        name = {"display_name": f"Later {number}"}
        service.call("PATCH", "/admin/subscribers/ann", name, token=admin_token)
    assert seen == hundred


def test_what_failed_before_the_password_is_not_in_it(service: Service, admin_token: str, enrolled: Person) -> None:
    service.log_in(enrolled, "wrong")
    service.post("/login", {"account": "acme", "login_name": "hunter2hunter2", "password": PASSWORD})
    ticket = {"account": "acme", "login_name": "enrolled", "ticket": "0000-0000-0000-0000"}
    service.post("/password", {**ticket, "new_password": "another long phrase"})
    assert len([each for each in service.events() if each["outcome"] == "failure"]) == 3
    for query in ("limit=100", "login_name=enrolled", "login_name=hunter2hunter2"):
        assert {each["outcome"] for each in read(service, admin_token, query)} <= {"success"}
        assert "hunter2" not in str(read(service, admin_token, query))


def test_a_silent_attack_is_seen_by_the_admin(service: Service, admin_token: str, enrolled: Person) -> None:
    """A52: somebody has the password and tries codes; the owner sees nothing of it, so the audit must tell."""
    challenge = service.challenge(enrolled)
    for _ in range(5):
        service.verify(challenge, service.wrong_code(enrolled))
    told = read(service, admin_token, "login_name=enrolled&event=verify")
    assert [(each["outcome"], each["source"]) for each in told] == [("failure", "203.0.113.7")] * 5
    assert {each["subject"]["login_name"] for each in told} == {"enrolled"}
    assert len(read(service, admin_token, "event=verify")) == 6  # with the admin's own login


def test_nothing_of_another_account_is_in_it(service: Service, admin_token: str) -> None:
    """Two accounts do the same to namesakes; each reads its own, by the account and by the name."""
    service.account("acme2")  # an account whose id begins with another's
    token = service.session(service.bound_admin("boss", account="acme2"))["account_token"]
    for account, bearer in (("acme", admin_token), ("acme2", token)):
        service.bound_person("ann", account=account)
        service.reset(bearer, "ann", reason=f"reason of {account}")
        service.call("PUT", "/admin/policy", {"help_text": account}, token=bearer, headers={"If-Match": "*"})
    for account, bearer in (("acme", admin_token), ("acme2", token)):
        for query, expected in (("limit=2", ["policy_changed", "reset", "verify"]), ("login_name=ann", ["reset"])):
            events = read(service, bearer, query)
            assert names(events) == expected
            assert {each["reason"] for each in events if "reason" in each} == {f"reason of {account}"}


def test_an_event_of_a_policy_has_no_subject(service: Service, admin_token: str) -> None:
    service.call("PUT", "/admin/policy", {}, token=admin_token, headers={"If-Match": "*"})
    (event,) = read(service, admin_token, "event=policy_changed")
    assert event["subject"] is None
    assert event["actor"]["login_name"] == "boss"
