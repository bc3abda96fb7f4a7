"""The account's policy: every value in force and where it comes from, and its change by an admin."""

from collections.abc import Sequence
from typing import Any

import msgspec

from secondstep import picture
from secondstep.account import Application, Policy
from secondstep.acting import PRIVILEGE_MAX_AGE_SECONDS, Acting
from secondstep.audit import EventName, Outcome, account_event
from secondstep.context import RequestContext
from secondstep.errors import InvalidRequest, InvalidToken, PreconditionFailed, PreconditionRequired
from secondstep.session import OWN_CLIENT
from secondstep.shapes import PictureAnswer, PolicyAnswer, PolicyRequest, given, given_fields
from secondstep.store import Store
from secondstep.store.accounts import NoPicture, PolicyChanged, StoredPolicy
from secondstep.store.administration import ActorRefused


def explain(account: str, *, store: Store) -> tuple[PolicyAnswer, str]:
    """Return the policy with the origin of each value, and its ETag."""
    stored = store.accounts.stored_policy(account)
    return _described(account, stored), etag(stored.version)


def etag(version: int) -> str:
    """Return the entity tag of a version (RFC 9110 section 8.8.3)."""
    return f'"v{version}"'


def _matches(if_match: str, version: int) -> bool:
    """Tell whether `If-Match` names this version, or any (RFC 9110 section 13.1.1)."""
    named = [each.strip() for each in if_match.split(",")]
    return "*" in named or etag(version) in named


def replace(
    wanted: PolicyRequest, if_match: str | None, actor: Acting, *, store: Store, context: RequestContext
) -> tuple[PolicyAnswer, str]:
    """Replace the whole policy; a missing field returns to its default. One transaction with the old and new values.

    Raises StepUpRequired, PreconditionRequired, PreconditionFailed (somebody else changed it), InvalidToken, and
    InvalidRequest where two applications bear one `client_id` (the redirects of both would count for either), or one
    bears the service's own, whose sessions get account tokens.
    """
    actor.require_recent(PRIVILEGE_MAX_AGE_SECONDS, context.now)
    if if_match is None:
        raise PreconditionRequired
    _refuse_unfit_ids(given(wanted.applications) or ())
    stored = store.accounts.stored_policy(actor.account)
    if not _matches(if_match, stored.version):
        raise PreconditionFailed
    fields = _given(wanted)
    changed = {name for name in {*stored.fields, *fields} if stored.fields.get(name) != fields.get(name)}
    detail = {
        "old": {name: stored.fields[name] for name in sorted(changed) if name in stored.fields},
        "new": {name: fields[name] for name in sorted(changed) if name in fields},
    }
    event = account_event(
        actor.person, actor.account, EventName.POLICY_CHANGED, Outcome.SUCCESS, context, detail=detail
    )
    try:
        after = store.accounts.change_policy(actor.account, fields, stored, actor.standing, event)
    except PolicyChanged as stale:
        raise PreconditionFailed from stale
    except ActorRefused as refused:
        raise InvalidToken from refused
    return _described(actor.account, after), etag(after.version)


def _refuse_unfit_ids(applications: Sequence[Application]) -> None:
    ids = {each.client_id for each in applications}
    if OWN_CLIENT in ids:
        raise InvalidRequest(f"cannot name {OWN_CLIENT}, which is this service itself", field="applications")
    if len(ids) != len(applications):
        raise InvalidRequest("names a client_id twice", field="applications")


def set_logo(png: bytes, actor: Acting, *, store: Store, context: RequestContext) -> PictureAnswer:
    """Store the account's picture in the place of the one before; one transaction with the audit event.

    Raises InvalidRequest (not a whole PNG of at most 2,000 pixels a side), StepUpRequired, InvalidToken.
    """
    actor.require_recent(PRIVILEGE_MAX_AGE_SECONDS, context.now)
    width, height = picture.size_of(png)
    detail = {"new": {"logo": f"{width} x {height} pixels, {len(png)} bytes"}}
    event = account_event(
        actor.person, actor.account, EventName.POLICY_CHANGED, Outcome.SUCCESS, context, detail=detail
    )
    try:
        store.accounts.set_logo(actor.account, png, actor.standing, event)
    except ActorRefused as refused:
        raise InvalidToken from refused
    return PictureAnswer(size=len(png), width=width, height=height)


def remove_logo(actor: Acting, *, store: Store, context: RequestContext) -> None:
    """Show the account's name again in the picture's place; one transaction with the audit event, or nothing at all.

    Raises StepUpRequired, InvalidToken.
    """
    actor.require_recent(PRIVILEGE_MAX_AGE_SECONDS, context.now)
    detail: dict[str, object] = {"new": {"logo": "removed"}}
    event = account_event(
        actor.person, actor.account, EventName.POLICY_CHANGED, Outcome.SUCCESS, context, detail=detail
    )
    try:
        store.accounts.remove_logo(actor.account, actor.standing, event)
    except NoPicture:
        return
    except ActorRefused as refused:
        raise InvalidToken from refused


def _given(wanted: PolicyRequest) -> dict[str, Any]:
    """Return the fields that were sent as they come back from the store: lists where the record has tuples."""
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(given_fields(wanted)))
    return plain


def _described(account: str, stored: StoredPolicy) -> PolicyAnswer:
    policy = stored.in_force
    shown = msgspec.structs.replace(
        policy, display_name=policy.display_name or account, otp_issuer=policy.issuer_for(account)
    )
    decided = {name for name in stored.decided if stored.fields[name] != ""}  # an empty text leaves it to the default
    names = Policy.__struct_fields__
    return PolicyAnswer(policy=shown, origin={name: "account" if name in decided else "default" for name in names})
