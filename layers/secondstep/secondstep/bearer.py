"""Who a bearer token belongs to, read live: signature, audience and time, then session and subscriber as they are.

The authorizer of the admin routes does the same and hands over an ActingAdmin; the handler verifies the token again,
and every write of an admin checks the standing once more in its own transaction.
"""

import base64
import hmac
from collections.abc import Mapping
from typing import NamedTuple

from secondstep.acting import ActingAdmin
from secondstep.audit import Person
from secondstep.context import RequestContext
from secondstep.errors import Conflict, Forbidden, InvalidToken, StepUpRequired
from secondstep.keys import Keyring
from secondstep.session import (
    Accepts,
    Carrier,
    Claims,
    Session,
    Standing,
    parse_refresh_token,
)
from secondstep.store import Store
from secondstep.subscriber import Identity, Role, Subscriber

FRESH_SECONDS = 5 * 60
_NOTED_AFTER_SECONDS = 60


class Principal(NamedTuple):
    """A living session, the token that names it, and its subscriber; for an admin route also the subject."""

    claims: Claims
    session: Session
    subscriber: Subscriber
    subject: Subscriber | None = None

    def require_fresh(self, now: int) -> None:
        """Raise StepUpRequired unless this very token was earned within five minutes, with the factor that is bound."""
        is_old = now - self.claims.auth_time > FRESH_SECONDS
        lacks_factor = self.subscriber.is_bound and "mfa" not in self.claims.amr
        if is_old or lacks_factor:
            raise StepUpRequired(max_age=FRESH_SECONDS)


def verify(token: str, accepts: Accepts, keyring: Keyring, context: RequestContext) -> Claims:
    """Return a token's claims: RS256 by a key of ours, our issuer, the right audience, in its time."""
    from secondstep.tokens import key_id, verify_token

    key = keyring.public_key(key_id(token), context.now)
    return verify_token(token, key, expected_issuer=context.issuer, accepts=accepts, now=context.now)


def authenticate(
    token: str,
    accepts: Accepts,
    store: Store,
    keyring: Keyring,
    context: RequestContext,
    *,
    subject_name: str | None = None,
) -> Principal:
    """Return who the token belongs to, by one consistent read; InvalidToken where the session is not alive.

    `subject_name` is a canonical login name of the same account that is read along.
    """
    claims = verify(token, accepts, keyring, context)
    identity = Identity(claims.account, claims.login_name)
    subject = Identity(claims.account, subject_name).hash if subject_name else None
    found = store.sessions.read(identity.hash, claims.sid, subject_hash=subject)
    if found.session is None or found.subscriber is None or found.subscriber.identity != identity:
        raise InvalidToken
    if found.session.sub != claims.sub or not found.session.belongs_to(found.subscriber, context.now):
        raise InvalidToken
    return Principal(claims, found.session, found.subscriber, found.subject)


def recognize(handle: str, store: Store, context: RequestContext) -> Principal:
    """Return who a browser's session belongs to, by one consistent read; InvalidToken where it is not alive.

    The cookie holds an opaque handle and never a token, so what it opens ends on the very next call: with the session,
    the subscriber's epoch, or the account's idle time. Nothing is written.
    """
    presented = parse_refresh_token(handle)
    found = store.sessions.read(presented.subscriber_hash, presented.sid)
    session, subscriber = found.session, found.subscriber
    if session is None or subscriber is None or session.carrier is not Carrier.BROWSER:
        raise InvalidToken
    is_right = hmac.compare_digest(presented.hash, session.current_hash)
    if not is_right or not session.belongs_to(subscriber, context.now):
        raise InvalidToken
    unused_seconds = context.now - session.last_used_at
    if unused_seconds > store.accounts.policy(subscriber.account, context.now).idle_minutes * 60:
        raise InvalidToken
    return Principal(_claims_of(session, subscriber), session, subscriber)


def browsing(handle: str, store: Store, context: RequestContext) -> Principal:
    """Return who a browser's session belongs to, as `recognize`; that it was used is written once a minute at most."""
    principal = recognize(handle, store, context)
    if context.now - principal.session.last_used_at >= _NOTED_AFTER_SECONDS:
        store.sessions.note_use(principal.session, context.now)
    return principal


def _claims_of(session: Session, subscriber: Subscriber) -> Claims:
    """Return what a token of this session would say: for a browser the session itself is what is believed."""
    return Claims(
        sub=subscriber.sub,
        aud=subscriber.account,
        account=subscriber.account,
        login_name=subscriber.login_name,
        sid=session.sid,
        auth_time=session.auth_time,
        amr=session.amr,
    )


def lost_race(principal: Principal, store: Store, context: RequestContext) -> Conflict | InvalidToken:
    """Return why a write in the name of a session did not happen: its owner did something else, or it has ended."""
    found = store.sessions.read(principal.session.subscriber_hash, principal.session.sid)
    if found.session is None or not found.session.belongs_to(found.subscriber, context.now):
        return InvalidToken()
    return Conflict("Something else was changed at the same moment. Look again.")


def acting_admin(principal: Principal) -> ActingAdmin:
    """Return the admin of an admin route; Forbidden for anybody else, or without the second factor."""
    if principal.subscriber.role is not Role.ADMIN or "mfa" not in principal.claims.amr:
        raise Forbidden
    subject = principal.subject
    return ActingAdmin(
        account=principal.subscriber.account,
        person=Person.of(principal.subscriber),
        standing=principal.session.standing,
        auth_time=principal.claims.auth_time,
        subject=Person.of(subject) if subject else None,
        subject_role=subject.role.value if subject else "",
    )


def console_admin(principal: Principal, handed: Mapping[str, str]) -> ActingAdmin:
    """Return the admin of a page of the console: the one that the authorizer let pass, and still an admin now."""
    admin = acting_admin(principal)
    if from_authorizer_context(handed, principal.claims).standing != admin.standing:
        raise InvalidToken
    return admin


def to_authorizer_context(admin: ActingAdmin) -> dict[str, str]:
    """Return an admin as the authorizer hands it to API Gateway: flat texts."""
    return {
        "account": admin.account,
        "sub": admin.person.sub,
        "login_name": admin.person.login_name,
        "hash": admin.standing.subscriber_hash,
        "sid": admin.standing.sid,
        "epoch": base64.b64encode(admin.standing.epoch).decode(),
        "auth_time": str(admin.auth_time),
        "subject_sub": admin.subject.sub if admin.subject else "",
        "subject_login_name": admin.subject.login_name if admin.subject else "",
        "subject_role": admin.subject_role,
    }


def from_authorizer_context(handed: Mapping[str, str], claims: Claims) -> ActingAdmin:
    """Return the admin that the authorizer let pass; it must be the one of the verified token."""
    try:
        admin = ActingAdmin(
            account=handed["account"],
            person=Person(handed["sub"], handed["login_name"]),
            standing=Standing(handed["hash"], handed["sid"], handed["sub"], base64.b64decode(handed["epoch"])),
            auth_time=claims.auth_time,
            subject=Person(handed["subject_sub"], handed["subject_login_name"]) if handed["subject_sub"] else None,
            subject_role=handed["subject_role"],
        )
    except (KeyError, ValueError) as missing:
        raise InvalidToken from missing
    token_names = (claims.account, claims.sub, claims.sid, claims.login_name)
    if token_names != (admin.account, admin.person.sub, admin.standing.sid, admin.person.login_name):
        raise InvalidToken
    if "mfa" not in claims.amr:
        raise Forbidden
    return admin
