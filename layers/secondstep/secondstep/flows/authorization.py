"""Authorization: from a browser's living session to a code, and from the code to an application's own session."""

from enum import Enum, auto

import msgspec

from secondstep.audit import Event, EventName, Outcome, event_about
from secondstep.bearer import Principal
from secondstep.context import RequestContext
from secondstep.oauth import (
    CODE_SECONDS,
    AuthorizationRequest,
    HandOverCode,
    TokenRefused,
    answer_address,
    hash_code,
    is_code,
    is_registered,
    is_verifier,
    new_code,
)
from secondstep.session import Carrier, Login, Session, start
from secondstep.store import Store
from secondstep.store.codes import NotSpent
from secondstep.subscriber import Enrollment, Subscriber


class Next(Enum):
    """What a browser's session lacks for a request, if anything."""

    HAND_OVER = auto()
    STEP_UP = auto()
    LOG_IN = auto()  # its login leads through an enrollment
    NOTHING_HELPS = auto()


def next_step(request: AuthorizationRequest, principal: Principal, *, store: Store, context: RequestContext) -> Next:
    """Return what comes next for a session of the request's account.

    A session without the second factor is not handed over where the policy or an authenticator asks for one now.
    """
    session, subscriber = principal.session, principal.subscriber
    policy = store.accounts.policy(subscriber.account, context.now)
    wants_factor = request.wants_second_factor or policy.mfa_required or subscriber.is_bound
    if wants_factor and "mfa" not in session.amr:
        if subscriber.is_bound:
            return Next.STEP_UP
        enrolls = policy.mfa_required or subscriber.enrollment is Enrollment.TICKETED
        return Next.LOG_IN if enrolls else Next.NOTHING_HELPS
    return Next.STEP_UP if session.auth_time < request.oldest_login() else Next.HAND_OVER


def hand_over(request: AuthorizationRequest, principal: Principal, *, store: Store, context: RequestContext) -> str:
    """Keep a new code that stands on this session, and return the address that takes it to the application."""
    code = new_code()
    store.codes.keep(
        HandOverCode(
            hash=hash_code(code),
            standing=principal.session.standing,
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            code_challenge=request.code_challenge,
            expires_at=context.now + CODE_SECONDS,
        )
    )
    return answer_address(request.redirect_uri, state=request.state, issuer=context.issuer, code=code)


def redeem(
    code: str, *, client_id: str, redirect_uri: str, code_verifier: str, store: Store, context: RequestContext
) -> Login:
    """Make a session of its own for the application that asked for this code; one transaction spends it.

    A code that is shown twice ends the session that it made, whoever shows it: one of the two had copied it (RFC 6749
    section 4.1.2). Raises TokenRefused, Unavailable.
    """
    held = store.codes.read(hash_code(code)) if is_code(code) else None
    if held is None:
        raise _invalid_grant()
    if held.spent_by is not None:
        _end(held, held.spent_by, store, context)
        raise _invalid_grant()
    is_theirs = held.is_for(client_id=client_id, redirect_uri=redirect_uri, code_verifier=code_verifier)
    if not is_theirs or not is_verifier(code_verifier) or context.now >= held.expires_at:
        raise _invalid_grant()
    browser, subscriber = _living(held, store, context)
    secret, session = _session_of(held, browser, subscriber, store, context)
    event = _event(subscriber, EventName.AUTHORIZED, context, client_id=client_id, sid=session.sid)
    try:
        store.codes.spend(held, session, event, context.now)
    except NotSpent as lost:
        if lost.spent_by is not None:
            _end(held, lost.spent_by, store, context)
        raise _invalid_grant() from lost
    return Login(subscriber, session, secret)


def _living(held: HandOverCode, store: Store, context: RequestContext) -> tuple[Session, Subscriber]:
    """Return the browser's session and its subscriber, unless anything has ended the one or changed the other."""
    found = store.sessions.read(held.standing.subscriber_hash, held.standing.sid)
    session, subscriber = found.session, found.subscriber
    if session is None or subscriber is None or session.standing != held.standing:
        raise _invalid_grant()
    if not session.belongs_to(subscriber, context.now):
        raise _invalid_grant()
    return session, subscriber


def _session_of(
    held: HandOverCode, browser: Session, subscriber: Subscriber, store: Store, context: RequestContext
) -> tuple[str, Session]:
    """Return secret and session for the application: proven as the browser's was, and never longer than that."""
    policy = store.accounts.policy(subscriber.account, context.now)
    if not is_registered(policy.applications, held.client_id, held.redirect_uri):
        raise TokenRefused("invalid_client", "The account has no such application any more.")
    secret, session = start(
        subscriber,
        epoch=subscriber.epoch,
        amr=browser.amr,
        source=browser.source,
        now=context.now,
        hours=policy.session_hours,
        carrier=Carrier.TOKENS,
    )
    ends_at = min(session.expires_at, browser.expires_at)
    return secret, msgspec.structs.replace(
        session, client_id=held.client_id, auth_time=browser.auth_time, expires_at=ends_at
    )


def _end(held: HandOverCode, sid: str, store: Store, context: RequestContext) -> None:
    found = store.sessions.read(held.standing.subscriber_hash, sid)
    if found.session is not None and found.subscriber is not None:
        event = _event(found.subscriber, EventName.SESSION_ENDED, context, sid=sid, why="code_used_twice")
        store.sessions.end(found.session, event)


def _event(subscriber: Subscriber, name: EventName, context: RequestContext, **detail: str) -> Event:
    return event_about(subscriber, name, Outcome.SUCCESS, context, detail=detail)


def _invalid_grant() -> TokenRefused:
    return TokenRefused("invalid_grant", "The code is unknown, used, expired, or was not given to this request.")
