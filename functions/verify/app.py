"""`POST /verify` and `POST /step-up`: the second factor. This function may open secrets, never seal one."""

from msgspec import UNSET, UnsetType

from secondstep import bearer, contract, shapes
from secondstep.authenticators import totp
from secondstep.errors import InvalidRequest
from secondstep.flows import enrollment, recovery, verification
from secondstep.flows.step_up import StepUp
from secondstep.http import App, Call
from secondstep.session import Accepts, SigningKey
from secondstep.subscriber import Purpose

handler = App()


@handler.route(contract.VERIFY, shapes.VerifyRequest)
def verify(call: Call[shapes.VerifyRequest]) -> shapes.SessionAnswer:
    """Accept a code or a recovery code, or confirm an enrollment with its first code."""
    _only_one(code=call.body.code, recovery_code=call.body.recovery_code)
    key = call.services.keyring.signing_key(call.context.now)  # no key, no charge and no half-done login
    if call.body.recovery_code is not UNSET:
        _without_authenticator(call.body.authenticator)
        return recovery.recover(
            call.body.challenge,
            call.body.recovery_code,
            store=call.services.store,
            key=key,
            context=call.context,
        )
    return _verify_code(call, _six_digits(call.body.code), key)


def _verify_code(call: Call[shapes.VerifyRequest], code: str, key: SigningKey) -> shapes.SessionAnswer:
    """Pay for the guess; what it is held against is the challenge's to say."""
    store, seal_key = call.services.store, call.services.seal_key
    charge, spent = verification.pay_for_code(call.body.challenge, store=store, context=call.context)
    if verification.purpose_of(charge, spent) is Purpose.CONFIRM:
        return enrollment.confirm(charge, spent, code, store=store, seal_key=seal_key, key=key, context=call.context)
    return verification.verify(
        charge,
        spent,
        code,
        _given(call.body.authenticator),
        store=store,
        seal_key=seal_key,
        key=key,
        context=call.context,
    )


@handler.route(contract.STEP_UP, shapes.StepUpRequest)
def step_up(call: Call[shapes.StepUpRequest]) -> shapes.StepUpAnswer:
    """Answer tokens with a fresh `auth_time`."""
    given = call.body
    _only_one(code=given.code, recovery_code=given.recovery_code, password=given.password)
    code = None if given.code is UNSET else _six_digits(given.code)
    key = call.services.keyring.signing_key(call.context.now)
    principal = bearer.authenticate(
        call.bearer_token(),
        Accepts.ACCOUNT_TOKEN,
        call.services.store,
        call.services.keyring,
        call.context,
    )
    attempt = StepUp(principal, store=call.services.store, key=key, context=call.context)
    if code is not None:
        return attempt.by_code(code, _given(given.authenticator), call.services.seal_key)
    _without_authenticator(given.authenticator)
    if given.recovery_code is not UNSET:
        return attempt.by_recovery_code(given.recovery_code)
    return attempt.by_password(_given(given.password) or "")


def _only_one(**fields: str | UnsetType) -> None:
    given = [name for name, value in fields.items() if value is not UNSET]
    if len(given) != 1:
        raise InvalidRequest(f"wants exactly one of {', '.join(fields)}")


def _without_authenticator(authenticator: str | UnsetType) -> None:
    if authenticator is not UNSET:
        raise InvalidRequest("goes with a code only", field="authenticator")


def _six_digits(typed: str | UnsetType) -> str:
    code = None if typed is UNSET else totp.parse_code(typed)
    if code is None:
        raise InvalidRequest("must be six digits", field="code")
    return code


def _given(value: str | UnsetType) -> str | None:
    return None if value is UNSET else value
