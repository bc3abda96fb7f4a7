"""The code page, the recovery page, and the recovery codes that are shown once."""

from contextlib import suppress
from typing import Any

from secondstep.authenticators import recovery_codes, totp
from secondstep.bearer import Principal
from secondstep.errors import (
    AuthenticatorDisabled,
    ChallengeInvalid,
    InvalidCode,
    InvalidCredentials,
    InvalidRequest,
    InvalidToken,
    ServiceError,
    TicketInvalid,
    TooManyAttempts,
    Unavailable,
)
from secondstep.flows import addition, enrollment, recovery, session, verification
from secondstep.flows.step_up import StepUp
from secondstep.pages import afterwards, cookies
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.codes import codes_page
from secondstep.pages.failing import told
from secondstep.pages.signed_in import destination, entered
from secondstep.pages.waiting import start_again, waiting
from secondstep.session import Carrier, Login
from secondstep.subscriber import Purpose, Subscriber
from secondstep.throttle import MOST_IN_A_ROW

_SAID_HERE = (InvalidCode, InvalidRequest, TooManyAttempts, AuthenticatorDisabled)


def show(browser: Browser) -> Answer:
    """Ask for the code; whoever has not come from the password is sent there."""
    return _page(browser)


def submit(browser: Browser) -> Answer:
    """Accept a code of a bound authenticator, or the first one of a secret that waits."""
    code = totp.parse_code(browser.form.get("code", ""))
    if code is None:
        return _page(browser, InvalidRequest("must be six digits", field="code"))
    principal = browser.principal_or_none()
    try:
        if principal and addition.opened_by(principal, browser.challenge):
            return _add(browser, principal, code)
        return _welcome(browser, _login_by(browser, code))
    except _SAID_HERE as refused:
        return _page(browser, refused)
    except (ChallengeInvalid, InvalidToken, TicketInvalid) as gone:
        return start_again(browser, gone)


def _add(browser: Browser, principal: Principal, code: str) -> Answer:
    addition.confirm(
        principal,
        browser.challenge,
        code,
        store=browser.store,
        seal_key=browser.services.seal_key,
        context=browser.context,
    )
    return GoTo("account", (cookies.dropped(cookies.CHALLENGE),))


def _login_by(browser: Browser, code: str) -> Login:
    store, seal_key, context = browser.store, browser.services.seal_key, browser.context
    charge, spent = verification.pay_for_code(browser.challenge, store=store, context=context)
    if verification.purpose_of(charge, spent) is Purpose.CONFIRM:
        return enrollment.confirm(
            charge, spent, code, store=store, seal_key=seal_key, carrier=Carrier.BROWSER, context=context
        )
    return verification.verify(
        charge,
        spent,
        code,
        browser.form.get("authenticator") or None,
        store=store,
        seal_key=seal_key,
        carrier=Carrier.BROWSER,
        context=context,
    )


def show_recovery(browser: Browser) -> Answer:
    """Ask for a recovery code."""
    return _page(browser, template="recover")


def submit_recovery(browser: Browser) -> Answer:
    """Accept a recovery code."""
    try:
        login = recovery.recover(
            browser.challenge,
            browser.form.get("recovery_code", ""),
            store=browser.store,
            carrier=Carrier.BROWSER,
            context=browser.context,
        )
    except _SAID_HERE as refused:
        return _page(browser, refused, template="recover")
    except ChallengeInvalid as gone:
        return start_again(browser, gone)
    return _welcome(browser, login)


def _welcome(browser: Browser, login: Login) -> Answer:
    """Let the browser in. Recovery codes that were just made are the answer to this very form, and never again."""
    _leave_the_session_before(browser)
    if login.recovery_codes is None:
        return GoTo(destination(browser), entered(login))
    return codes_page(browser, login.recovery_codes, login.subscriber.account, cookies=entered(login))


def _leave_the_session_before(browser: Browser) -> None:
    """End the session that this browser had: its cookie is overwritten, so nobody could sign out of it any more.

    The login holds all the same: what cannot be ended now ends by its idle time.
    """
    with suppress(Unavailable):
        before = browser.principal_or_none()
        if before is not None:
            session.replace(before, store=browser.store, context=browser.context)


def submit_saved(browser: Browser) -> Answer:
    """Go on once a recovery code was typed back: who can do that has kept them."""
    principal = browser.principal()
    typed = recovery_codes.parse(browser.form.get("recovery_code", ""))
    proofs = browser.form.get("proofs", "")
    if typed is not None and browser.sign(typed) in proofs.split():
        return GoTo(destination(browser))
    refused = told(InvalidRequest("is none of them", field="recovery_code"))
    shows = {"codes": [], "proofs": proofs, "after": destination(browser), "error": refused}
    return Page(template="recovery_codes", shows=shows, account=principal.subscriber.account, status=400)


def _page(browser: Browser, refused: ServiceError | None = None, *, template: str = "verify") -> Answer:
    try:
        held = waiting(browser, Purpose.VERIFY, Purpose.CONFIRM, Purpose.ADD)
    except ChallengeInvalid as gone:
        return start_again(browser, gone)
    purpose = held.challenge.purpose
    now = {
        "is_first": purpose is not Purpose.VERIFY,
        "is_addition": purpose is Purpose.ADD,
        "ends_at": held.challenge.expires_at,
    }
    return Page(
        template=template,
        shows=_shown(held.subscriber, refused) | now,
        account=held.subscriber.account,
        status=refused.status if refused else 200,
    )


def _shown(subscriber: Subscriber, refused: ServiceError | None) -> dict[str, Any]:
    return {
        "login_name": subscriber.login_name,
        "authenticators": subscriber.last_used_first(),
        "is_disabled": subscriber.run >= MOST_IN_A_ROW,
        "codes_left": len(subscriber.recovery_codes),
        "error": told(refused),
    }


def show_step_up(browser: Browser) -> Answer:
    """Ask for fresh proof within the session."""
    return _step_up_page(browser.principal(), afterwards.asked_for(browser))


def submit_step_up(browser: Browser) -> Answer:
    """Accept a code, a recovery code, or the password of who has no authenticator."""
    principal, then = browser.principal(), afterwards.typed(browser)
    attempt = StepUp(principal, store=browser.store, context=browser.context)
    try:
        if not principal.subscriber.is_bound:
            attempt.by_password(browser.form.get("password", ""))
        elif browser.form.get("recovery_code"):
            attempt.by_recovery_code(browser.form["recovery_code"])
        else:
            code = totp.parse_code(browser.form.get("code", ""))
            if code is None:
                raise InvalidRequest("must be six digits", field="code")
            attempt.by_code(code, None, browser.services.seal_key)
    except (*_SAID_HERE, InvalidCredentials) as refused:
        if browser.principal_or_none() is None:  # it was the wrong one that ends the session
            raise InvalidToken from refused
        return _step_up_page(principal, then, refused)
    return GoTo(then)


def _step_up_page(principal: Principal, then: str, refused: ServiceError | None = None) -> Page:
    shows = _shown(principal.subscriber, refused) | {"is_bound": principal.subscriber.is_bound, "then": then}
    status = refused.status if refused else 200
    return Page(template="step_up", shows=shows, account=principal.subscriber.account, status=status)
