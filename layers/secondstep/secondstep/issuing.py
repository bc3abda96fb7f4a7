"""From a login that has succeeded to its session, and from the stored session to the answer with its tokens."""

from msgspec import UNSET

from secondstep.account import Policy
from secondstep.context import RequestContext
from secondstep.session import Carrier, Login, Session, SigningKey, sign_access_token, sign_tokens, start
from secondstep.shapes import SessionAnswer, StepUpAnswer, TokenAnswer
from secondstep.subscriber import Subscriber


def new_session(
    subscriber: Subscriber,
    amr: tuple[str, ...],
    policy: Policy,
    carrier: Carrier,
    context: RequestContext,
    *,
    epoch: bytes | None = None,
) -> tuple[str, Session]:
    """Return secret and session of a login that has just succeeded; `epoch` where the login changes it."""
    return start(
        subscriber,
        epoch=epoch or subscriber.epoch,
        amr=amr,
        source=context.source,
        now=context.now,
        hours=policy.session_hours,
        carrier=carrier,
    )


def login_answer(key: SigningKey, login: Login, context: RequestContext) -> SessionAnswer:
    """Return the tokens of a login that was written, and the recovery codes that it has made, if any."""
    return session_answer(
        key,
        login.subscriber,
        login.session,
        login.handle,
        context,
        recovery_codes=login.recovery_codes,
        recovery_codes_left=login.recovery_codes_left,
    )


def session_answer(
    key: SigningKey,
    subscriber: Subscriber,
    session: Session,
    refresh_token: str,
    context: RequestContext,
    *,
    recovery_codes: list[str] | None = None,
    recovery_codes_left: int | None = None,
) -> SessionAnswer:
    """Return the tokens of a session. Only to be called after its write has been acknowledged."""
    signed = sign_tokens(key, subscriber, session, issuer=context.issuer, now=context.now)
    return SessionAnswer(
        access_token=signed.access_token,
        account_token=signed.account_token,
        token_type="Bearer",  # noqa: S106 - the type, not a token
        expires_in=signed.expires_in,
        refresh_token=refresh_token,
        session_expires_at=session.expires_at,
        recovery_codes=UNSET if recovery_codes is None else recovery_codes,
        recovery_codes_left=UNSET if recovery_codes_left is None else recovery_codes_left,
    )


def token_answer(key: SigningKey, login: Login, context: RequestContext) -> TokenAnswer:
    """Return what an application gets: never a token that opens the account."""
    signed = sign_access_token(key, login.subscriber, login.session, issuer=context.issuer, now=context.now)
    return TokenAnswer(
        access_token=signed.text,
        token_type="Bearer",  # noqa: S106 - the type, not a token
        expires_in=signed.expires_in,
        refresh_token=login.handle,
    )


def step_up_answer(
    key: SigningKey, subscriber: Subscriber, session: Session, amr: tuple[str, ...], context: RequestContext
) -> StepUpAnswer:
    """Return tokens whose `auth_time` is now; the session itself keeps the login's."""
    signed = sign_tokens(
        key, subscriber, session, issuer=context.issuer, now=context.now, auth_time=context.now, amr=amr
    )
    return StepUpAnswer(
        access_token=signed.access_token,
        account_token=signed.account_token,
        token_type="Bearer",  # noqa: S106 - the type, not a token
        expires_in=signed.expires_in,
    )
