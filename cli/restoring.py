"""A restore, made safe: what a backup brings back to life that was ended since, is ended again.

Everybody gets a new epoch, so no session and no challenge of the backup lives; every code until now counts as used. Who
was reset since, or whose authenticators or recovery codes changed, is reset again; who was deleted is deleted again.
Each is one transaction with a `restored` event, by which a run that was interrupted knows who is done.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import msgspec

from cli.deployment import Deployment
from cli.importing.patience import patiently
from secondstep import ticket as tickets
from secondstep.account import EnrollmentTicket
from secondstep.audit import Event, EventName, Operator, Outcome, Person, event_by
from secondstep.authenticators.totp import step_at
from secondstep.context import RequestContext
from secondstep.errors import Conflict
from secondstep.store.restoring import Overtaken, Rebinding, Restoring, Return, Revived
from secondstep.subscriber import Enrollment, Role, Subscriber, new_epoch

_WORKERS, _LOOKS = 8, 5
_STEPS_AHEAD = 1  # a phone that is fast may have used the next step's code already

# What makes the authenticators of a backup others than its owner's: the lost phone, the spent code would work again.
RESETS = frozenset(
    {
        EventName.RESET,
        EventName.ENROLLED,
        EventName.AUTHENTICATOR_REMOVED,
        EventName.RECOVERY_CODE_USED,
        EventName.RECOVERY_CODES_RENEWED,
    }
)
# What the backup undoes besides, and only somebody who knows the person can do again.
BY_HAND = frozenset(
    {
        EventName.PASSWORD_SET,
        EventName.PASSWORD_CHANGED,
        EventName.PASSWORD_RESET,
        EventName.INVITED,
        EventName.STATUS_CHANGED,
        EventName.ROLE_CHANGED,
        EventName.AUTHENTICATOR_ADDED,
        EventName.AUTHENTICATOR_DISABLED,
    }
)


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one subscriber; `because` are the events since, `by_hand` those that somebody has to do again."""

    account: str
    login_name: str
    did: str  # `restored` · `reset` · `deleted` · `done_before`
    because: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    ticket: str | None = None
    ticket_expires_at: int | None = None


class Restoration:
    """One run of the command. `since` is the moment that the table shows; all its events have one request id."""

    def __init__(
        self,
        deployment: Deployment,
        restoring: Restoring,
        *,
        table: str,
        since: int,
        dry_run: bool,
        told: Callable[[int], object],
    ) -> None:
        self._deployment = deployment
        self._restoring = restoring
        self._operator = Operator(deployment.operator_arn)
        self._request_id = deployment.context().request_id
        self._of = {"table": table, "since": since}
        self._since = since
        self._dry_run = dry_run
        self._told = told
        self.notes: list[str] = []
        self.lines: list[Line] = []  # of all who are done, also where the run ends early: their tickets are shown once

    def run(self) -> None:
        """Bring everybody back; Unavailable where AWS falls silent, and then a second run goes on."""
        after = None
        self._note_retired_keys()
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="restore") as pool:
            while True:
                page = patiently(partial(self._restoring.page, after))
                self._note_changed_policies(page.accounts)
                if not self._dry_run:
                    self._bring_accounts(page.of_accounts)
                for line in pool.map(self._bring_back, page.people):
                    self.lines.append(line)
                    self._told(1)
                after = page.next_after
                if after is None:
                    return

    def _note_retired_keys(self) -> None:
        """In place the signing keys are the backup's as well: one that was retired since signs again."""
        for each in self._of_partition("DEPLOYMENT"):
            if each.event is EventName.SIGNING_KEY_ROTATED and each.detail and "retired" in each.detail:
                self.notes.append(f"secondstep keys retire {each.detail['retired']}")

    def _note_changed_policies(self, accounts: Iterable[str]) -> None:
        for account in accounts:
            if any(each.event is EventName.POLICY_CHANGED for each in self._of_partition(f"ACCOUNT#{account}")):
                self.notes.append(f"secondstep policy show {account}: it was changed since")

    def _of_partition(self, partition: str) -> list[Event]:
        """Return the events of what is no subscriber; from another table these things are not brought over."""
        if not self._restoring.is_in_place:
            return []
        return patiently(partial(self._restoring.events_since, partition, self._since))

    def _bring_accounts(self, items: Iterable[dict[str, object]]) -> None:
        for item in items:
            patiently(partial(self._restoring.bring_account, item))

    def _bring_back(self, revived: Revived) -> Line:
        """Bring one back as the events say; whoever changes it meanwhile (in place) is looked at again."""
        current = revived
        for _ in range(_LOOKS):
            try:
                return self._once(current)
            except Overtaken:
                found = patiently(partial(self._restoring.again, current))
                if found is None:
                    return _line(current.subscriber, "deleted")
                current = found
        raise Conflict(
            f"{revived.subscriber.login_name} is being changed all the time. Stop the traffic; run it again."
        )

    def _once(self, revived: Revived) -> Line:
        subject = revived.subscriber
        partition = f"SUBSCRIBER#{subject.identity.hash}"
        events = patiently(partial(self._restoring.events_since, partition, self._since))
        if any(each.event is EventName.RESTORED and _of_this_run(each, self._of) for each in events):
            return _line(subject, "done_before")
        happened = [each for each in events if each.outcome is Outcome.SUCCESS and _is_about(each, subject)]
        if any(each.event is EventName.DELETED for each in happened):
            return self._delete(revived)
        return self._return(revived, happened)

    def _delete(self, revived: Revived) -> Line:
        line = _line(revived.subscriber, "deleted", because=(EventName.DELETED.value,))
        if not self._dry_run:
            event = self._event(revived.subscriber, EventName.RESTORED, detail=self._detail(line))
            try:
                patiently(partial(self._restoring.take_away, revived, event))
            except Overtaken:  # the name is another person's by now
                return line
        return line

    def _return(self, revived: Revived, happened: list[Event]) -> Line:
        subject, context = revived.subscriber, self._context()
        because = tuple(sorted({str(each.event) for each in happened if each.event in RESETS}))
        by_hand = tuple(sorted({str(each.event) for each in happened if each.event in BY_HAND}))
        text, rebinding = self._rebinding(subject, context) if because else (None, None)
        how = Return(
            epoch=new_epoch(),
            burned_step=step_at(context.now) + _STEPS_AHEAD,
            rebinding=rebinding,
            password_ticket_is_spent=EventName.PASSWORD_SET.value in by_hand,
        )
        expires_at = rebinding.ticket.expires_at if rebinding and rebinding.ticket else None
        did = "reset" if rebinding else "restored"
        line = _line(subject, did, because, by_hand, None if self._dry_run else text, expires_at)
        if not self._dry_run:
            events = [self._event(subject, EventName.RESTORED, detail=self._detail(line))]
            if rebinding:  # as any other reset: listeners and notices tell of it
                events.append(self._event(subject, EventName.RESET, reason="restored from a backup"))
            self._write(revived, how, events)
        return line

    def _write(self, revived: Revived, how: Return, events: list[Event]) -> None:
        """Write once, however often AWS is asked: an attempt whose reply was lost shows by its epoch."""

        def attempt() -> None:
            try:
                self._restoring.bring_back(revived, how, *events)
            except Overtaken:
                found = self._restoring.again(revived)
                if found is None or found.subscriber.epoch != how.epoch:
                    raise

        patiently(attempt)

    def _rebinding(self, subject: Subscriber, context: RequestContext) -> tuple[str | None, Rebinding]:
        policy = self._deployment.store.accounts.policy(subject.account, context.now)
        if policy.enrollment_ticket is EnrollmentTicket.NEVER and subject.role is not Role.ADMIN:
            return None, Rebinding(Enrollment.OPEN, None)
        text, ticket = tickets.issue(now=context.now, ttl_seconds=tickets.AFTER_RESET_SECONDS)
        return text, Rebinding(Enrollment.TICKETED, ticket)

    def _event(
        self,
        subject: Subscriber,
        name: EventName,
        *,
        detail: dict[str, object] | None = None,
        reason: str | None = None,
    ) -> Event:
        return event_by(
            self._operator,
            Person.of(subject),
            subject.account,
            name,
            Outcome.SUCCESS,
            self._context(),
            reason=reason,
            detail=detail,
        )

    def _detail(self, line: Line) -> dict[str, object]:
        return {**self._of, "did": line.did, "because": list(line.because)}

    def _context(self) -> RequestContext:
        """Return the context of one write: its own time, the command's request id."""
        return msgspec.structs.replace(self._deployment.context(), request_id=self._request_id)


def _line(
    subject: Subscriber,
    did: str,
    because: tuple[str, ...] = (),
    by_hand: tuple[str, ...] = (),
    ticket: str | None = None,
    expires_at: int | None = None,
) -> Line:
    return Line(
        account=subject.account,
        login_name=subject.login_name,
        did=did,
        because=because,
        by_hand=by_hand,
        ticket=ticket,
        ticket_expires_at=expires_at if ticket else None,
    )


def _is_about(event: Event, subject: Subscriber) -> bool:
    """Tell whether an event is about this person: a name may have been deleted and given to somebody else."""
    return event.subject is not None and event.subject.sub == subject.sub


def _of_this_run(event: Event, of: dict[str, object]) -> bool:
    return event.detail is not None and all(event.detail.get(name) == value for name, value in of.items())
