"""From a record to what may be shown of it: never a secret, a hash, a ciphertext or a budget's inside."""

from msgspec import UNSET

from secondstep.account import Policy
from secondstep.audit import Event
from secondstep.authenticators import totp
from secondstep.session import Session
from secondstep.shapes import (
    AppAnswer,
    AuthenticatorAnswer,
    EnrollAnswer,
    EventAnswer,
    MeAnswer,
    SessionLine,
    SubscriberAnswer,
    SubscriberLine,
)
from secondstep.subscriber import Authenticator, Subscriber
from secondstep.throttle import CODES_DAY, CODES_RECENT, MOST_IN_A_ROW, NAME_PACE, RECOVERY_RECENT


def authenticators(subscriber: Subscriber) -> list[AuthenticatorAnswer]:
    """Return the bound authenticators, last used first."""
    return [authenticator(each) for each in subscriber.last_used_first()]


def authenticator(it: Authenticator) -> AuthenticatorAnswer:
    """Return a bound authenticator without its secret."""
    return AuthenticatorAnswer(
        id=it.id, type="totp", name=it.name, created_at=it.created_at, last_used_at=it.last_used_at
    )


def entry(
    token: str, secret: totp.Secret, subscriber: Subscriber, policy: Policy, *, expires_in: int, named: str = ""
) -> EnrollAnswer:
    """Return what an authenticator app is shown, once; a further entry bears its own name, to be told apart."""
    issuer = policy.issuer_for(subscriber.account)
    name = f"{subscriber.login_name} ({named})" if named else subscriber.login_name
    from secondstep.authenticators import qr

    uri = totp.otpauth_uri(secret, issuer=issuer, name=name)
    return EnrollAnswer(
        challenge=token,
        secret=secret.base32,
        otpauth_uri=uri,
        qr_svg=qr.qr_svg(uri),
        issuer=issuer,
        label=totp.label_for(issuer=issuer, name=name),
        digits=totp.DIGITS,
        period=totp.PERIOD_SECONDS,
        algorithm=totp.ALGORITHM,
        apps=[AppAnswer(app.name, app.ios_url, app.android_url) for app in policy.apps],
        apps_required=policy.apps_required,
        expires_in=expires_in,
    )


def session(it: Session, *, current_sid: str) -> SessionLine:
    """Return one of a subscriber's sessions: nothing that could stand in for a token."""
    return SessionLine(
        id=it.sid,
        current=it.sid == current_sid,
        created_at=it.created_at,
        last_used_at=it.last_used_at,
        amr=list(it.amr),
        source=it.source,
    )


def oneself(subscriber: Subscriber) -> MeAnswer:
    """Return what a subscriber sees of itself."""
    return MeAnswer(
        account=subscriber.account,
        login_name=subscriber.login_name,
        sub=subscriber.sub,
        role=subscriber.role.value,
        email=subscriber.email,
        display_name=subscriber.display_name,
        locale=subscriber.locale,
        authenticators=authenticators(subscriber),
        recovery_codes_left=len(subscriber.recovery_codes),
    )


def line(subscriber: Subscriber) -> SubscriberLine:
    """Return a subscriber as a line of the admin's list."""
    return SubscriberLine(
        login_name=subscriber.login_name,
        display_name=subscriber.display_name,
        role=subscriber.role.value,
        status=subscriber.status.value,
        enrolled=subscriber.is_bound,
        last_login_at=subscriber.last_login_at,
    )


def subscriber(it: Subscriber, *, password_tat: int, now: int) -> SubscriberAnswer:
    """Return a subscriber as its account's admin sees it."""
    return SubscriberAnswer(
        login_name=it.login_name,
        sub=it.sub,
        display_name=it.display_name,
        role=it.role.value,
        status=it.status.value,
        enrolled=it.is_bound,
        enrollment=it.enrollment.value,
        created_at=it.created_at,
        last_login_at=it.last_login_at,
        authenticators=authenticators(it),
        authenticators_disabled=it.run >= MOST_IN_A_ROW,
        recovery_codes_left=len(it.recovery_codes),
        locked_until=_locked_until(it, password_tat, now),
        email=it.email,
        locale=it.locale,
    )


def _locked_until(it: Subscriber, password_tat: int, now: int) -> int | None:
    """Return when the last drained budget lets the next try through, or None where none is drained."""
    waits = (
        NAME_PACE.retry_after(password_tat, now),
        CODES_RECENT.retry_after(it.recent, now),
        CODES_DAY.retry_after(it.day, now),
        RECOVERY_RECENT.retry_after(it.recovery_recent, now),
    )
    return now + max(waits) if any(waits) else None


def event(it: Event) -> EventAnswer:
    """Return an audit event as admins and subscribers see it."""
    return EventAnswer(
        id=it.id,
        at=it.at,
        event=str(it.event),
        outcome=it.outcome.value,
        actor=it.actor.as_map() if it.actor else None,
        subject=it.subject.as_map() if it.subject else None,
        source=it.source,
        request_id=it.request_id,
        reason=UNSET if it.reason is None else it.reason,
        detail=UNSET if it.detail is None else dict(it.detail),
    )
