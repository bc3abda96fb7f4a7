"""From a session that has been stored to the answer with its tokens: the last step of every login and refresh."""

from msgspec import UNSET

from secondstep.context import RequestContext
from secondstep.session import Session, SigningKey, sign_tokens
from secondstep.shapes import SessionAnswer, StepUpAnswer
from secondstep.subscriber import Subscriber


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
