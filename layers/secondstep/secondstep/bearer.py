"""Who a bearer token belongs to, read live: signature, audience and time, then session and subscriber as they are.

The authorizer of the admin routes does the same and hands over an ActingAdmin; the handler verifies the token again,
and every write of an admin checks the standing once more in its own transaction.
"""

import base64
from collections.abc import Mapping
from typing import NamedTuple

from secondstep.acting import ActingAdmin
from secondstep.audit import Person
from secondstep.context import RequestContext
from secondstep.errors import Conflict, Forbidden, InvalidToken, StepUpRequired
from secondstep.keys import Keyring
from secondstep.session import Accepts, Claims, Session, Standing, key_id, verify_token
from secondstep.store import Store
from secondstep.subscriber import Identity, Role, Subscriber

FRESH_SECONDS = 5 * 60


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
