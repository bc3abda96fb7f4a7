"""A subscriber's own account: contact data, authenticators, recovery codes.

Whatever could turn a borrowed session into a lasting one (another address, a removed authenticator, new recovery
codes) wants fresh proof: `auth_time` within five minutes, with the second factor where one is bound.
"""

from typing import Any

import msgspec

from secondstep import describing
from secondstep.account import EnrollmentTicket, Policy
from secondstep.audit import PROFILE_FIELDS, Event, EventName, Outcome, event_about, what_changed
from secondstep.authenticators import recovery_codes
from secondstep.bearer import Principal, lost_race
from secondstep.context import RequestContext
from secondstep.errors import Conflict, NotFound
from secondstep.shapes import AuthenticatorAnswer, MeAnswer, ProfileRequest, RecoveryCodesAnswer, given_fields
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.subscriber import Authenticator, Enrollment, Role, new_epoch


def change_profile(principal: Principal, wanted: ProfileRequest, *, store: Store, context: RequestContext) -> MeAnswer:
    """Change name, language or address; of the address the old one is told. One transaction with the audit event.

    Raises StepUpRequired (for the address), Conflict, InvalidToken (what else happened meanwhile).
    """
    fields = given_fields(wanted)
    if "email" in fields:
        principal.require_fresh(context.now)
    before = principal.subscriber
    after = msgspec.structs.replace(before, **fields)
    detail = what_changed(before, after, PROFILE_FIELDS)
    if detail:
        event = _event(principal, EventName.PROFILE_CHANGED, context, detail)
        try:
            store.own_account.change_profile(principal.session, before, after, event, context.now)
        except Stale as stale:
            raise lost_race(principal, store, context) from stale
    return describing.oneself(after)


def rename_authenticator(
    principal: Principal, authenticator_id: str, name: str, *, store: Store, context: RequestContext
) -> AuthenticatorAnswer:
    """Give a bound authenticator another name; one transaction. Raises NotFound, InvalidToken."""
    held = _held(principal, authenticator_id)
    if held.name != name:
        detail = {"authenticator": held.id, "old": held.name, "new": name}
        event = _event(principal, EventName.AUTHENTICATOR_RENAMED, context, detail)
        try:
            store.own_account.rename(principal.session, held.id, name, event, context.now)
        except Stale as stale:
            raise lost_race(principal, store, context) from stale
    return describing.authenticator(msgspec.structs.replace(held, name=name))


def remove_authenticator(principal: Principal, authenticator_id: str, *, store: Store, context: RequestContext) -> None:
    """Remove an authenticator and end every other session; the last one takes the recovery codes with it.

    One transaction. Raises StepUpRequired, NotFound, Conflict (the last one, where there must be one), InvalidToken.
    """
    principal.require_fresh(context.now)
    held, session = _held(principal, authenticator_id), principal.session
    event = _event(principal, EventName.AUTHENTICATOR_REMOVED, context, {"authenticator": held.id, "name": held.name})
    try:
        if len(principal.subscriber.authenticators) > 1:
            store.own_account.remove(session, held.id, new_epoch(), event, context.now)
        else:
            enrollment = _enrollment_after_the_last(principal, store, context)
            store.own_account.remove_last(session, held.id, enrollment, new_epoch(), event, context.now)
    except Stale as stale:
        raise lost_race(principal, store, context) from stale


def _enrollment_after_the_last(principal: Principal, store: Store, context: RequestContext) -> Enrollment:
    policy: Policy = store.accounts.policy(principal.subscriber.account, context.now)
    if policy.mfa_required or principal.subscriber.role is Role.ADMIN:
        raise Conflict("The last authenticator stays: the account asks for a second factor. Add another one first.")
    wants_ticket = policy.enrollment_ticket is EnrollmentTicket.ALWAYS
    return Enrollment.TICKETED if wants_ticket else Enrollment.OPEN


def renew_recovery_codes(principal: Principal, *, store: Store, context: RequestContext) -> RecoveryCodesAnswer:
    """Make a new set of recovery codes; the old one is dead from then on. One transaction.

    Raises StepUpRequired, Conflict (no authenticator is bound), InvalidToken.
    """
    principal.require_fresh(context.now)
    if not principal.subscriber.is_bound:
        raise Conflict("Recovery codes stand in for an authenticator, and none is bound. Add one first.")
    texts, hashes = recovery_codes.issue(principal.subscriber.sub)
    event = _event(principal, EventName.RECOVERY_CODES_RENEWED, context, {"left": len(texts)})
    try:
        store.own_account.renew_recovery_codes(principal.session, hashes, event, context.now)
    except Stale as stale:
        raise lost_race(principal, store, context) from stale
    return RecoveryCodesAnswer(recovery_codes=texts, recovery_codes_left=len(texts))


def _held(principal: Principal, authenticator_id: str) -> Authenticator:
    held = principal.subscriber.authenticators.get(authenticator_id)
    if held is None:
        raise NotFound
    return held


def _event(principal: Principal, name: EventName, context: RequestContext, detail: dict[str, Any]) -> Event:
    return event_about(principal.subscriber, name, Outcome.SUCCESS, context, detail=detail)
