"""Reset: what an account admin does for somebody who lost the phone (the manual's M7 and M8).

The ticket it answers opens the next enrollment, beside the password: a stolen password never becomes a new phone.
"""

from secondstep import ticket as tickets
from secondstep.account import EnrollmentTicket
from secondstep.acting import WRITE_MAX_AGE_SECONDS, Acting
from secondstep.audit import EventName, Outcome, event_by
from secondstep.context import RequestContext
from secondstep.errors import Conflict, Forbidden, InvalidToken, NotFound
from secondstep.shapes import TicketAnswer
from secondstep.store import Store
from secondstep.store.administration import ActorRefused
from secondstep.store.ceremonies import Stale
from secondstep.subscriber import Enrollment, Identity, Role, Subscriber, new_epoch


def reset(login_name: str, reason: str, actor: Acting, *, store: Store, context: RequestContext) -> TicketAnswer:
    """Remove authenticators and recovery codes, end challenges and sessions, and answer a new enrollment ticket.

    One transaction with the check on the actor and the audit event; the subject is read by the authorizer. Raises
    StepUpRequired, Forbidden (oneself), NotFound, Conflict, InvalidToken (the actor is an admin no more).
    """
    identity = Identity(actor.account, login_name)
    actor.require_recent(WRITE_MAX_AGE_SECONDS, context.now)
    if actor.subject is None or actor.subject.login_name != login_name:
        raise NotFound
    if actor.is_oneself(actor.subject.sub):
        raise Forbidden("Nobody resets themselves. Ask another admin of the account.")
    role = Role(actor.subject_role)
    policy = store.accounts.policy(actor.account, context.now)
    without_ticket = policy.enrollment_ticket is EnrollmentTicket.NEVER and role is not Role.ADMIN
    text, ticket = tickets.issue(now=context.now, ttl_seconds=tickets.AFTER_RESET_SECONDS)
    event = event_by(
        actor.person, actor.subject, actor.account, EventName.RESET, Outcome.SUCCESS, context, reason=reason
    )
    try:
        store.administration.reset(
            identity,
            actor.subject.sub,
            role,
            Enrollment.OPEN if without_ticket else Enrollment.TICKETED,
            None if without_ticket else ticket,
            new_epoch(),
            actor.standing,
            event,
        )
    except ActorRefused as refused:
        raise InvalidToken from refused
    except Stale as stale:
        raise _lost_to(stale.current, actor.subject.sub) from stale
    return TicketAnswer(
        ticket=None if without_ticket else text, expires_at=None if without_ticket else ticket.expires_at
    )


def _lost_to(current: Subscriber | None, subject_sub: str) -> NotFound | Conflict:
    if current is None or current.sub != subject_sub:
        return NotFound()
    return Conflict("The subscriber's role is being changed. Try again.")
