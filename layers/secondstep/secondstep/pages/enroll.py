"""The enrollment: get an app, scan, confirm. The secret is in the answer to one form, and nowhere else."""

from secondstep.bearer import Principal
from secondstep.errors import ChallengeInvalid, Conflict, InvalidRequest, ServiceError, StepUpRequired, TicketInvalid
from secondstep.flows import addition, enrollment
from secondstep.pages import cookies
from secondstep.pages.answer import Answer, GoTo, Page
from secondstep.pages.browser import Browser
from secondstep.pages.failing import told
from secondstep.pages.waiting import start_again, waiting
from secondstep.subscriber import Enrollment, Purpose
from secondstep.throttle import SECRETS_PER_ENROLLMENT


def show(browser: Browser) -> Answer:
    """Show what an enrollment is and ask to begin, or to begin again; never a secret."""
    return _intro(browser)


def submit(browser: Browser) -> Answer:
    """Make a secret and show it, with the challenge that waits for its first code."""
    try:
        made = enrollment.begin(
            browser.challenge,
            browser.form.get("ticket") or None,
            "Authenticator",
            store=browser.store,
            seal_key=browser.services.seal_key,
            context=browser.context,
        )
    except TicketInvalid as refused:
        return _intro(browser, refused)
    except (ChallengeInvalid, Conflict) as gone:
        return start_again(browser, gone)
    account, _ = browser.claimant
    waits = cookies.kept(cookies.CHALLENGE, made.challenge, seconds=made.expires_in)
    shows = {"made": made, "is_addition": False, "error": told(None), "ends_at": browser.context.now + made.expires_in}
    return Page(template="scan", shows=shows, account=account, cookies=(waits,), is_shown_again=False)


def _intro(browser: Browser, refused: ServiceError | None = None) -> Answer:
    try:
        subscriber, held = waiting(browser, Purpose.ENROLL, Purpose.CONFIRM)
    except ChallengeInvalid as gone:
        return start_again(browser, gone)
    made = held.pending.made if held.pending else 0
    policy = browser.store.accounts.policy(subscriber.account, browser.context.now)
    shows = {
        "login_name": subscriber.login_name,
        "wants_ticket": subscriber.enrollment is Enrollment.TICKETED and made == 0,
        "made": made,
        "ends_at": held.expires_at,
        "secrets_left": SECRETS_PER_ENROLLMENT - made,
        "apps": policy.apps,
        "apps_required": policy.apps_required,
        "error": told(refused),
    }
    status = refused.status if refused else 200
    return Page(template="enroll", shows=shows, account=subscriber.account, status=status)


def show_add(browser: Browser) -> Answer:
    """Ask what a further authenticator is to be called."""
    return _add_page(browser, browser.principal())


def submit_add(browser: Browser) -> Answer:
    """Make a secret for a further authenticator and show it, once."""
    principal = browser.principal()
    try:
        made = addition.begin(
            principal,
            browser.name("name"),
            browser.form.get("ticket") or None,
            store=browser.store,
            seal_key=browser.services.seal_key,
            context=browser.context,
        )
    except StepUpRequired:
        return GoTo("step-up")
    except (Conflict, InvalidRequest, TicketInvalid) as refused:
        return _add_page(browser, principal, refused)
    waits = cookies.kept(cookies.CHALLENGE, made.challenge, seconds=made.expires_in)
    shows = {"made": made, "is_addition": True, "error": told(None), "ends_at": browser.context.now + made.expires_in}
    account = principal.subscriber.account
    return Page(template="scan", shows=shows, account=account, cookies=(waits,), is_shown_again=False)


def _add_page(browser: Browser, principal: Principal, refused: ServiceError | None = None) -> Page:
    subscriber = principal.subscriber
    policy = browser.store.accounts.policy(subscriber.account, browser.context.now)
    shows = {
        "wants_ticket": subscriber.enrollment is Enrollment.TICKETED,
        "most": policy.max_authenticators,
        "held": len(subscriber.authenticators),
        "error": told(refused),
    }
    return Page(template="add", shows=shows, account=subscriber.account, status=refused.status if refused else 200)
