"""Sessions: refresh with rotation and reuse detection (RFC 9700 section 4.14.2), and log out."""

from collections.abc import Callable

from secondstep import describing
from secondstep.audit import EventName, Outcome, event_about
from secondstep.bearer import Principal, lost_race
from secondstep.context import RequestContext
from secondstep.errors import InvalidToken, NotFound, Unavailable
from secondstep.oauth import is_registered
from secondstep.session import (
    OWN_CLIENT,
    REPEAT_SECONDS,
    Carrier,
    Login,
    PresentedRefreshToken,
    Session,
    hash_refresh_secret,
    is_sid,
    parse_refresh_token,
    successor,
    was_issued_before,
)
from secondstep.shapes import SessionLine
from secondstep.store import Store
from secondstep.store.ceremonies import Stale
from secondstep.store.sessions import SessionStale
from secondstep.subscriber import Subscriber

_RACES = 3


def refresh(
    text: str, *, client_id: str = OWN_CLIENT, store: Store, ready: Callable[[], object], context: RequestContext
) -> Login:
    """Rotate a refresh token: one consistent read of session and subscriber, one transaction that checks both.

    The same token within ten seconds gets the same successor again; later it ends the session. Text that was never
    issued for the session, or a session that is not this client's, changes nothing. `ready` raises where no tokens
    could be made. Raises InvalidToken, Unavailable.
    """
    presented = parse_refresh_token(text)
    ready()
    session, subscriber = _living(presented, store, context)
    if session.client_id != client_id:  # else an application could change its token for one that opens the account
        raise InvalidToken
    _refuse_idle_or_weak(session, subscriber, store, context)
    following = successor(session.seed, presented.secret)
    for _ in range(_RACES):
        try:
            _move_on(session, subscriber, presented, following, store, context)
        except SessionStale as stale:
            if stale.current is None:
                raise InvalidToken from stale
            # Another request rotated it, so this one is a repeat or a reuse; or its owner has changed something.
            session, subscriber = _living(presented, store, context)
            _refuse_idle_or_weak(session, subscriber, store, context)
        else:
            return Login(subscriber, session, following)
    raise Unavailable


def _living(presented: PresentedRefreshToken, store: Store, context: RequestContext) -> tuple[Session, Subscriber]:
    found = store.sessions.read(presented.subscriber_hash, presented.sid)
    if found.session is None or found.subscriber is None:
        raise InvalidToken
    is_for_tokens = found.session.carrier is Carrier.TOKENS
    if not is_for_tokens or not found.session.belongs_to(found.subscriber, context.now):
        raise InvalidToken
    return found.session, found.subscriber


def _refuse_idle_or_weak(session: Session, subscriber: Subscriber, store: Store, context: RequestContext) -> None:
    """Refuse a session that was idle too long, without the second factor where one is asked for now, or whose
    application the account has given up.
    """
    policy = store.accounts.policy(subscriber.account, context.now)
    idle = context.now - session.last_used_at > policy.idle_minutes * 60
    weak = "mfa" not in session.amr and (policy.mfa_required or subscriber.is_bound)
    is_known = session.client_id == OWN_CLIENT or is_registered(policy.applications, session.client_id)
    if idle or weak or not is_known:
        raise InvalidToken


def _move_on(
    session: Session,
    subscriber: Subscriber,
    presented: PresentedRefreshToken,
    following: str,
    store: Store,
    context: RequestContext,
) -> None:
    """Rotate, repeat, or refuse, by what the presented token is to the session."""
    if presented.hash == session.current_hash:
        store.sessions.rotate(session, successor_hash=hash_refresh_secret(following), now=context.now)
    elif presented.hash == session.previous_hash and context.now - session.rotated_at <= REPEAT_SECONDS:
        store.sessions.repeat(session, presented_hash=presented.hash, now=context.now)
    elif was_issued_before(session, presented.secret):
        event = event_about(subscriber, EventName.REFRESH_REUSE, Outcome.FAILURE, context, detail={"sid": session.sid})
        store.sessions.end(session, event)
        raise InvalidToken
    else:
        raise InvalidToken


def sessions(principal: Principal, *, store: Store, context: RequestContext) -> list[SessionLine]:
    """Return the sessions that live, last used first; the ended ones that still lie there are not among them."""
    idle_seconds = store.accounts.policy(principal.subscriber.account, context.now).idle_minutes * 60
    stored = store.sessions.of(principal.session.subscriber_hash)
    living = [
        each
        for each in stored
        if each.belongs_to(principal.subscriber, context.now) and context.now - each.last_used_at <= idle_seconds
    ]
    in_order = sorted(living, key=lambda each: each.last_used_at, reverse=True)
    return [describing.session(each, current_sid=principal.session.sid) for each in in_order]


def end_session(principal: Principal, sid: str, *, store: Store, context: RequestContext) -> None:
    """End one of the subscriber's sessions, this one or another; recorded in the same transaction.

    Raises NotFound (unknown, ended, or somebody else's), InvalidToken.
    """
    if sid == principal.session.sid:
        log_out(principal, store=store, context=context)
        return
    ended = store.sessions.find(principal.session.subscriber_hash, sid) if is_sid(sid) else None
    if ended is None or not ended.belongs_to(principal.subscriber, context.now):
        raise NotFound
    detail = {"sid": sid, "why": "ended"}
    event = event_about(principal.subscriber, EventName.SESSION_ENDED, Outcome.SUCCESS, context, detail=detail)
    try:
        was_there = store.own_account.end_session(principal.session, ended, event, context.now)
    except Stale as stale:
        raise lost_race(principal, store, context) from stale
    if not was_there:
        raise NotFound


def log_out(principal: Principal, *, store: Store, context: RequestContext) -> None:
    """End the bearer's session and record it, in one transaction."""
    _end(principal.session, principal.subscriber, store, context)


def replace(principal: Principal, *, store: Store, context: RequestContext) -> None:
    """End a browser's session because another login has taken its place; recorded in the same transaction."""
    detail = {"sid": principal.session.sid, "why": "signed_in_again"}
    event = event_about(principal.subscriber, EventName.SESSION_ENDED, Outcome.SUCCESS, context, detail=detail)
    store.sessions.end(principal.session, event)


def log_out_by_refresh_token(text: str, *, store: Store, context: RequestContext) -> None:
    """End the session of a refresh token: its current one, or the one before (a reply may have been lost)."""
    presented = parse_refresh_token(text)
    session, subscriber = _living(presented, store, context)
    if presented.hash not in (session.current_hash, session.previous_hash):
        raise InvalidToken
    _end(session, subscriber, store, context)


def _end(session: Session, subscriber: Subscriber, store: Store, context: RequestContext) -> None:
    event = event_about(subscriber, EventName.LOGOUT, Outcome.SUCCESS, context, detail={"sid": session.sid})
    store.sessions.end(session, event)
