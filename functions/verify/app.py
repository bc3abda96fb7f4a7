"""`POST /verify` and `POST /step-up`: the second factor. This function may open secrets, never seal one."""

from typing import TYPE_CHECKING

from msgspec import UNSET, UnsetType

from secondstep import contract, shapes, site_map
from secondstep.authenticators import totp
from secondstep.bearer import Principal
from secondstep.errors import InvalidRequest, InvalidToken
from secondstep.flows import addition, enrollment, recovery, verification
from secondstep.flows.step_up import StepUp
from secondstep.http import App, Call
from secondstep.issuing import login_answer, step_up_answer
from secondstep.session import Carrier, SigningKey
from secondstep.shapes import given
from secondstep.subscriber import Purpose

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser

handler = App()


@handler.route(contract.VERIFY, shapes.VerifyRequest)
def verify(call: Call[shapes.VerifyRequest]) -> shapes.SessionAnswer | shapes.AddedAnswer:
    """Accept a code or a recovery code, or confirm an enrollment or a further authenticator with its first code."""
    _only_one(code=call.body.code, recovery_code=call.body.recovery_code)
    key = call.services.keyring.signing_key(call.context.now)  # no key, no charge and no half-done login
    if call.body.recovery_code is not UNSET:
        _without_authenticator(call.body.authenticator)
        login = recovery.recover(
            call.body.challenge,
            call.body.recovery_code,
            store=call.services.store,
            carrier=Carrier.TOKENS,
            context=call.context,
        )
        return login_answer(key, login, call.context)
    return _verify_code(call, _six_digits(call.body.code), key)


def _verify_code(
    call: Call[shapes.VerifyRequest], code: str, key: SigningKey
) -> shapes.SessionAnswer | shapes.AddedAnswer:
    """Pay for the guess; what it is held against is the challenge's to say."""
    store, seal_key = call.services.store, call.services.seal_key
    adding = _adding_session(call)
    if adding:
        _without_authenticator(call.body.authenticator)
        return addition.confirm(adding, call.body.challenge, code, store=store, seal_key=seal_key, context=call.context)
    charge, spent = verification.pay_for_code(call.body.challenge, store=store, context=call.context)
    if verification.purpose_of(charge, spent) is Purpose.CONFIRM:
        login = enrollment.confirm(
            charge, spent, code, store=store, seal_key=seal_key, carrier=Carrier.TOKENS, context=call.context
        )
        return login_answer(key, login, call.context)
    login = verification.verify(
        charge,
        spent,
        code,
        given(call.body.authenticator),
        store=store,
        seal_key=seal_key,
        carrier=Carrier.TOKENS,
        context=call.context,
    )
    return login_answer(key, login, call.context)


def _adding_session(call: Call[shapes.VerifyRequest]) -> Principal | None:
    """Return the living session that began to add an authenticator with this very challenge.

    It is read before anything is charged: a challenge that has outlived its session spends nobody's budget. A bearer
    token that comes along for no reason is no error.
    """
    if not call.has_bearer_token():
        return None
    try:
        principal = call.principal()
    except InvalidToken:
        return None
    return principal if addition.opened_by(principal, call.body.challenge) else None


@handler.route(contract.STEP_UP, shapes.StepUpRequest)
def step_up(call: Call[shapes.StepUpRequest]) -> shapes.StepUpAnswer:
    """Answer tokens with a fresh `auth_time`."""
    presented = call.body
    _only_one(code=presented.code, recovery_code=presented.recovery_code, password=presented.password)
    code = None if presented.code is UNSET else _six_digits(presented.code)
    key = call.services.keyring.signing_key(call.context.now)
    principal = call.principal()
    amr = _prove_again(StepUp(principal, store=call.services.store, context=call.context), call, code)
    return step_up_answer(key, principal.subscriber, principal.session, amr, call.context)


def _prove_again(attempt: StepUp, call: Call[shapes.StepUpRequest], code: str | None) -> tuple[str, ...]:
    presented = call.body
    if code is not None:
        return attempt.by_code(code, given(presented.authenticator), call.services.seal_key)
    _without_authenticator(presented.authenticator)
    if presented.recovery_code is not UNSET:
        return attempt.by_recovery_code(presented.recovery_code)
    return attempt.by_password(given(presented.password) or "")


def _only_one(**fields: str | UnsetType) -> None:
    sent = [name for name, value in fields.items() if value is not UNSET]
    if len(sent) != 1:
        raise InvalidRequest(f"wants exactly one of {', '.join(fields)}")


def _without_authenticator(authenticator: str | UnsetType) -> None:
    if authenticator is not UNSET:
        raise InvalidRequest("goes with a code only", field="authenticator")


def _six_digits(typed: str | UnsetType) -> str:
    code = None if typed is UNSET else totp.parse_code(typed)
    if code is None:
        raise InvalidRequest("must be six digits", field="code")
    return code


@handler.page(site_map.SHOW_VERIFY)
def show_verify(browser: "Browser") -> "Answer":
    """Show the code page."""
    from secondstep.pages import second_step

    return second_step.show(browser)


@handler.page(site_map.SUBMIT_VERIFY)
def submit_verify(browser: "Browser") -> "Answer":
    """Take the code."""
    from secondstep.pages import second_step

    return second_step.submit(browser)


@handler.page(site_map.SHOW_RECOVER)
def show_recover(browser: "Browser") -> "Answer":
    """Show the page for a recovery code."""
    from secondstep.pages import second_step

    return second_step.show_recovery(browser)


@handler.page(site_map.SUBMIT_RECOVER)
def submit_recover(browser: "Browser") -> "Answer":
    """Take a recovery code."""
    from secondstep.pages import second_step

    return second_step.submit_recovery(browser)


@handler.page(site_map.SUBMIT_SAVED)
def submit_saved(browser: "Browser") -> "Answer":
    """Take a recovery code that was just shown, as a proof that it was kept."""
    from secondstep.pages import second_step

    return second_step.submit_saved(browser)


@handler.page(site_map.SHOW_STEP_UP)
def show_step_up(browser: "Browser") -> "Answer":
    """Show the page for fresh proof."""
    from secondstep.pages import second_step

    return second_step.show_step_up(browser)


@handler.page(site_map.SUBMIT_STEP_UP)
def submit_step_up(browser: "Browser") -> "Answer":
    """Take fresh proof."""
    from secondstep.pages import second_step

    return second_step.submit_step_up(browser)
