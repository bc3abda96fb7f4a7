"""The states in which a person can see the pages, one after the other."""

from collections.abc import Iterator

from tests.browser.person import Person


def states(person: Person) -> Iterator[str]:
    """Walk through the pages and stop at each state that a person can see."""
    person.goes_to("/ui/login")
    yield "sign in, no account"
    person.goes_to("/authorize?client_id=example")
    yield "which account"
    person.types(account="acme")
    person.presses("Continue")
    yield "an application that is not known"
    person.goes_to("/ui/login?account=acme")
    yield "sign in"
    person.types(login_name="agent", password="wrong")
    person.presses("Sign in")
    yield "sign in, wrong password"
    person.goes_to("/ui/password?account=acme")
    yield "password"
    person.types(
        login_name="agent", ticket="0000-0000-0000-0000", new_password="long enough to try", again="long enough to try"
    )
    person.presses("Set the password")
    yield "password, wrong ticket"
    person.goes_to("/ui/verify")
    yield "nothing to verify"
    person.signs_in()
    yield "set up"
    person.presses("Show the QR code")
    yield "scan"
    person.scans()
    person.page.locator("summary").click()
    yield "scan, key shown"
    person.types(code="000000")
    person.presses("Continue")
    yield "first code, wrong"
    person.goes_to("/ui/enroll")
    yield "set up again"
    person.goes_to("/ui/verify")
    used = person.code(fresh=False)
    person.types(code=used)
    person.presses("Continue")
    yield "recovery codes"
    person.types(recovery_code="0000-0000-0000-0000")
    person.presses("Continue")
    yield "recovery codes, typed wrong"
    person.goes_to("/ui/account")
    yield "account"
    person.goes_to("/ui/add")
    yield "add"
    person.goes_to("/ui/change-password")
    yield "change password"
    person.types(current_password="wrong", new_password="long enough to try", again="long enough to try")
    person.presses("Change the password")
    yield "change password, wrong"
    person.goes_to("/ui/step-up")
    yield "step up"
    person.types(code="000000")
    person.presses("Continue")
    yield "step up, wrong code"
    person.goes_to("/ui/account")
    person.presses("Sign out")
    yield "signed out"
    person.signs_in()
    yield "code"
    person.page.evaluate("for (const each of document.querySelectorAll('[data-ending] p')) each.hidden = false")
    yield "code, a minute left"
    person.types(code=used)
    person.presses("Continue")
    yield "code, used"
    person.presses("Use a recovery code")
    yield "recovery"
    person.types(recovery_code="0000-0000-0000-0000")
    person.presses("Continue")
    yield "recovery, wrong"
