"""The removal of an account: its subscribers one by one, then what lies beside them, the account itself last.

Each step is a transaction with its audit event, and the account stands until nothing else is left of it. So a
removal that was interrupted is simply run again. The audit stays, and tells of every one of them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec

from cli.deployment import Deployment
from cli.importing.patience import patiently
from secondstep.audit import EventName, Operator, Outcome, Person, account_event, event_by
from secondstep.context import RequestContext
from secondstep.errors import Conflict
from secondstep.store.administration import ByOperator
from secondstep.store.ceremonies import Stale
from secondstep.store.operation import AccountChanged
from secondstep.subscriber import Subscriber

_WORKERS, _PAGE, _LOOKS = 8, 100, 5


class Removal:
    """One run of the command; all its events have one request id."""

    def __init__(self, account: str, deployment: Deployment, told: Callable[[int], object]) -> None:
        self._account = account
        self._store = deployment.store
        self._operation = deployment.operation
        self._deployment = deployment
        self._operator = Operator(deployment.operator_arn)
        self._request_id = deployment.context().request_id
        self._told = told

    def run(self) -> int:
        """Remove the account and return how many subscribers went; Conflict where others are at it as well."""
        had_policy = self._operation.account(self._account) is not None
        gone = self._remove_all()
        event = account_event(
            self._operator,
            self._account,
            EventName.DELETED,
            Outcome.SUCCESS,
            self._context(),
            detail={"subscribers": gone},
        )
        try:
            patiently(lambda: self._operation.close(self._account, event, had_policy=had_policy))
        except AccountChanged as changed:
            raise Conflict("The account is being made anew. Look again.") from changed
        # Who was invited in the last moment is seen by the index only now, and nobody can be invited any more.
        return gone + self._remove_all()

    def _remove_all(self) -> int:
        gone = self._remove_subscribers()
        while keys := patiently(partial(self._operation.beside_policy, self._account)):
            patiently(partial(self._operation.drop, keys))
        return gone

    def _remove_subscribers(self) -> int:
        gone, after, listed = 0, None, self._store.directory.subscribers
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="delete") as pool:
            while True:
                page = patiently(partial(listed, self._account, prefix="", after=after, limit=_PAGE))
                for _ in pool.map(self._remove, page.entries):
                    gone += 1
                    self._told(1)
                after = page.next_after
                if after is None:
                    return gone

    def _remove(self, subject: Subscriber) -> None:
        """Remove a subscriber as it stands: what is changed meanwhile (a reset, a login) goes all the same."""
        current: Subscriber | None = subject
        for _ in range(_LOOKS):
            if current is None:
                return
            current = patiently(partial(self._tried, current))
        raise Conflict(f"{subject.login_name} is being changed all the time. Run it again.")

    def _tried(self, subject: Subscriber) -> Subscriber | None:
        """Return None where the subscriber is gone, else what stands there by now."""
        event = event_by(
            self._operator,
            Person.of(subject),
            self._account,
            EventName.DELETED,
            Outcome.SUCCESS,
            self._context(),
            detail={"with_account": True},
        )
        try:
            self._store.administration.delete(subject, ByOperator(), event)
        except Stale as stale:
            return stale.current
        return None

    def _context(self) -> RequestContext:
        """Return the context of one write: its own time, the command's request id."""
        return msgspec.structs.replace(self._deployment.context(), request_id=self._request_id)
