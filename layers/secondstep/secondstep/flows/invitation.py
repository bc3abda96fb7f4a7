"""Invite: a new subscriber of the admin's account; the ticket opens the first password and the first binding."""

from secondstep import ticket as tickets
from secondstep.account import EnrollmentTicket, Policy
from secondstep.acting import PRIVILEGE_MAX_AGE_SECONDS, WRITE_MAX_AGE_SECONDS, Acting
from secondstep.audit import EventName, Operator, Outcome, Person, event_by
from secondstep.context import RequestContext
from secondstep.errors import Conflict, InvalidToken
from secondstep.shapes import InviteRequest, TicketAnswer, given
from secondstep.store import Store
from secondstep.store.administration import ActorRefused, AlreadyExists
from secondstep.store.ceremonies import Stale
from secondstep.subscriber import (
    Enrollment,
    Identity,
    Role,
    Status,
    Subscriber,
    Ticket,
    canonical_login_name,
    new_epoch,
    new_id,
)


def invite(wanted: InviteRequest, actor: Acting, *, store: Store, context: RequestContext) -> TicketAnswer:
    """Make the subscriber, or give one that is still invited a new ticket; one transaction with the audit event.

    Raises StepUpRequired (inviting an admin wants a fresher authentication), Conflict (the name is taken),
    InvalidToken (the actor is an admin no more).
    """
    role = Role(wanted.role)
    max_age = PRIVILEGE_MAX_AGE_SECONDS if role is Role.ADMIN else WRITE_MAX_AGE_SECONDS
    actor.require_recent(max_age, context.now)
    identity = Identity.parse(account=actor.account, login_name=canonical_login_name(wanted.login_name))
    if actor.is_called(identity.login_name):  # a transaction may not name one item twice
        raise Conflict("The login name is taken.")
    policy = store.accounts.policy(actor.account, context.now)
    text, ticket = tickets.issue(now=context.now, ttl_seconds=policy.invitation_hours * 60 * 60)
    invited = invited_subscriber(identity, role, policy, ticket, context.now, wanted)
    event = event_by(actor.person, Person.of(invited), actor.account, EventName.INVITED, Outcome.SUCCESS, context)
    try:
        store.administration.invite(invited, actor.standing, event)
    except AlreadyExists as exists:
        _invite_again(exists.current, invited, actor, store, context)
    except ActorRefused as refused:
        raise InvalidToken from refused
    return TicketAnswer(ticket=text, expires_at=ticket.expires_at)


def _invite_again(
    before: Subscriber | None, invited: Subscriber, actor: Acting, store: Store, context: RequestContext
) -> None:
    """Give a name that is still invited a new ticket. What is `ticketed` stays so: only a binding leaves it."""
    if before is None or before.status is not Status.INVITED:
        raise Conflict("The login name is taken.")
    person = Person.of(before)
    event = event_by(actor.person, person, actor.account, EventName.INVITED, Outcome.SUCCESS, context)
    keeps_ticket = Enrollment.TICKETED in (before.enrollment, invited.enrollment)
    enrollment = Enrollment.TICKETED if keeps_ticket else Enrollment.OPEN
    try:
        store.administration.invite_again(before, invited, enrollment, actor.standing, event)
    except ActorRefused as refused:
        raise InvalidToken from refused
    except Stale as stale:
        raise Conflict("The login name is being invited or used. Look again.") from stale


def invited_subscriber(
    identity: Identity,
    role: Role,
    policy: Policy,
    ticket: Ticket,
    now: int,
    wanted: InviteRequest | None = None,
) -> Subscriber:
    """Return the record of an invitation: one ticket in both slots; an admin's first binding always wants it."""
    ticketed = role is Role.ADMIN or policy.enrollment_ticket is EnrollmentTicket.ALWAYS
    return Subscriber(
        account=identity.account,
        login_name=identity.login_name,
        sub=new_id(),
        role=role,
        status=Status.INVITED,
        enrollment=Enrollment.TICKETED if ticketed else Enrollment.OPEN,
        epoch=new_epoch(),
        created_at=now,
        password_ticket=ticket,
        enrollment_ticket=ticket,
        email=given(wanted.email) if wanted else None,
        display_name=given(wanted.display_name) if wanted else None,
        locale=given(wanted.locale) if wanted else None,
    )


def create_account(
    account: str, display_name: str, first_admin: str, operator_arn: str, *, store: Store, context: RequestContext
) -> TicketAnswer:
    """Make an account and its first admin, by the operator: one transaction with the audit event.

    Raises InvalidRequest (a name has the wrong shape), Conflict (the account exists).
    """
    identity = Identity.parse(account=account, login_name=first_admin)
    policy = Policy(display_name=display_name)
    text, ticket = tickets.issue(now=context.now, ttl_seconds=policy.invitation_hours * 60 * 60)
    admin = invited_subscriber(identity, Role.ADMIN, policy, ticket, context.now)
    operator = Operator(operator_arn)
    event = event_by(operator, Person.of(admin), account, EventName.INVITED, Outcome.SUCCESS, context)
    try:
        store.accounts.create(account, policy, admin, event, context.now)
    except AlreadyExists as exists:
        raise Conflict("The account exists, or its first admin does.") from exists
    return TicketAnswer(ticket=text, expires_at=ticket.expires_at)
