"""One call of a ceremony fails: which calls there are, how they fail, and what must be true of every answer then.

The calls are those that were recorded of one that succeeds, so a new call is struck without being listed anywhere.
"""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from secondstep.aws import Answer, AwsUnavailable, ConditionFailed, Reason, TransactionCancelled
from secondstep.boto3_client import _translated
from secondstep.contract import EVERYWHERE
from tests.attacks.ceremonies import Ceremony
from tests.attacks.outcomes import Attempt
from tests.recording import Called, Fault
from tests.service import Reply, Service
from tests.spilled import SENT

SESSION_SECRETS = {"access_token", "account_token", "refresh_token", "recovery_codes", "secret", "challenge", "ticket"}
SECRET_FIELDS = SENT | {"again"}
_STATUS = {"HTTPStatusCode": 400}


def chill(service: Service) -> None:
    """Forget what an environment remembers, so that the calls of a cold start are among those that fail."""
    service.services.store.accounts._policies.clear()
    keyring = service.services.keyring
    keyring._keys, keyring._read_at, keyring._opened = [], None, None


READS = ("get_item", "batch_get_item", "query")


class Call(NamedTuple):
    """The n-th call of an operation: calls that run beside each other have no other order."""

    operation: str
    number: int


def calls(service: Service, ceremony: Ceremony) -> list[tuple[Call, dict[str, Any]]]:
    """Return the calls of one that succeeds, cold."""
    it = ceremony.make(service)
    chill(service)
    service.recorder.clear()
    reply = it.send(service)
    assert reply.status == it.route.status, reply.body
    seen: dict[str, int] = {}
    found = []
    for called in service.recorder.calls:
        seen[called.operation] = seen.get(called.operation, 0) + 1
        found.append((Call(called.operation, seen[called.operation]), called.request))
    return found


class Failing:
    """A fault that hits one call; `times` it is hit (retries count)."""

    def __init__(self, call: Call, how: Fault, *, times: int = 99) -> None:
        self.hits = 0
        self.call, self._how, self._times = call, how, times
        self._seen = 0
        self.requests: list[dict[str, Any]] = []

    def __call__(self, called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation != self.call.operation:
            return send()
        self._seen += 1
        if self._seen < self.call.number or self.hits >= self._times:
            if self._seen >= self.call.number:
                self.requests.append(called.request)
            return send()
        self.hits += 1
        self.requests.append(called.request)
        return self._how(called, send)


def says(code: str) -> Fault:
    """Return a refusal in AWS's own word, as the service's client hands it on."""
    refused = ClientError({"Error": {"Code": code, "Message": ""}, "ResponseMetadata": _STATUS}, "")  # type: ignore[typeddict-item]

    def fail(_: Called, __: Callable[[], Answer]) -> Answer:
        raise _translated(refused)

    return fail


def unreachable(_: Called, __: Callable[[], Answer]) -> Answer:
    """No network."""
    raise AwsUnavailable("EndpointConnectionError")


def timed_out(_: Called, __: Callable[[], Answer]) -> Answer:
    """The call never arrived, which nobody knows."""
    raise AwsUnavailable("ReadTimeoutError")


def lost(_: Called, send: Callable[[], Answer]) -> Answer:
    """The call was done, which nobody knows."""
    send()
    raise AwsUnavailable("ReadTimeoutError")


def condition(_: Called, __: Callable[[], Answer]) -> Answer:
    """The item is not there any more."""
    raise ConditionFailed(None)


def cancelled(parts: int, failing: int, code: str) -> Fault:
    """Return the cancellation of a transaction for one of its parts."""

    def cancel(_: Called, __: Callable[[], Answer]) -> Answer:
        raise TransactionCancelled(tuple(Reason(code if part == failing else "None") for part in range(parts)))

    return cancel


class Struck(NamedTuple):
    """A ceremony after one of its calls has failed."""

    it: Attempt
    reply: Reply
    failing: Failing
    happened: list[bool]


def strike(service: Service, ceremony: Ceremony, call: Call, how: Fault, *, times: int = 99) -> Struck:
    """Begin a ceremony anew and let one of its calls fail; what has happened then has happened whole, or not at all."""
    it = ceremony.make(service)
    chill(service)
    failing = Failing(call, how, times=times)
    service.recorder.fault = failing
    try:
        reply = it.send(service)
    finally:
        service.recorder.fault = None
    assert failing.hits, call
    happened = ceremony.happened(service, it)
    assert len(set(happened)) == 1, ("half a state", call, happened)
    if reply.status >= 400:
        _assert_nothing_is_given_away(it, reply)
    return Struck(it, reply, failing, happened)


WORDS = ("agent", "admin", "disabled", "always")  # of the contract: a sentence may have them as well


def _assert_nothing_is_given_away(it: Attempt, reply: Reply) -> None:
    assert not SESSION_SECRETS & set(reply.body), reply.body
    told = json.dumps(reply.body)
    hidden = (
        SECRET_FIELDS if it.route.path.startswith("/ui") else set(it.body)
    )  # a page goes on showing what is no secret
    for value in (it.token, *(it.body[name] for name in hidden & set(it.body))):
        if isinstance(value, str) and value and value not in WORDS:
            assert value not in told


def assert_goes_on(service: Service, ceremony: Ceremony, struck: Struck) -> None:
    """Assert that whoever was hit gets there: by the same request again, or by what the state asks for now."""
    if struck.failing.call.operation in READS:
        return  # nothing has been written by then that the next failing call does not leave as well
    reply = ceremony.go_on(service, struck.it)
    assert reply.status in (200, 201, 204), (struck.failing.call, reply.body)


def writes(calls: list[tuple[Call, dict[str, Any]]]) -> list[Call]:
    """Return the calls that change what was there."""
    return [call for call, _ in calls if call.operation in ("transact_write_items", "update_item")]


def before_and_after(calls: list[tuple[Call, dict[str, Any]]]) -> list[tuple[Call, bool]]:
    """Return each call, and whether it comes after the last write: what is read there is only for the answer."""
    order, written = [call for call, _ in calls], writes(calls)
    last = order.index(written[-1]) if written else len(order)
    return [(call, place > last and call.operation in READS) for place, call in enumerate(order)]


def assert_documented(ceremony: Ceremony, struck: Struck) -> None:
    """Assert a refusal that the contract names, a defect is none; a page may also lead back to where one begins."""
    if struck.reply.status < 400:
        assert ceremony.is_refused(struck.reply)
        return
    known = {refusal.code for refusal in (*struck.it.route.refusals, *EVERYWHERE)} - {"internal_error"}
    ceremony.assert_refused(struck.reply, *known)


def assert_unavailable(ceremony: Ceremony, struck: Struck) -> None:
    """Assert 503, and when to come again."""
    ceremony.assert_refused(struck.reply, "unavailable")
    assert struck.reply.status == 503, struck.failing.call
    assert struck.reply.headers["Retry-After"] == "1"
