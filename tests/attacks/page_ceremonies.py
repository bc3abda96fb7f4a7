"""The ceremonies of the pages: forms that a browser was shown, filled in with what succeeds."""

import re
import secrets
from collections.abc import Callable
from functools import partial

from secondstep import site_map
from secondstep.site_map import PageRoute
from tests.attacks import outcomes, successes
from tests.attacks.ceremonies import Ceremony, GoOn, Happened
from tests.attacks.outcomes import Attempt
from tests.attacks.posted import Posted, assert_console_refuses, assert_page_refuses, is_page_refused
from tests.attacks.successes import NEW_PASSWORD, fresh_name
from tests.browsing import Browser
from tests.service import ACCOUNT, PASSWORD, Person, Reply, Service, secret_of

OWN_PAGES = (site_map.SHOW_ACCOUNT, site_map.SHOW_STEP_UP, site_map.SHOW_ADD, site_map.SHOW_CHANGE_PASSWORD)
CONSOLE_PAGES = (
    site_map.SHOW_PEOPLE,
    site_map.SHOW_SUBSCRIBER,
    site_map.SHOW_RESET,
    site_map.SHOW_POLICY,
    site_map.SHOW_LOGO,
    site_map.SHOW_AUDIT,
)
OPEN_PAGES = dict.fromkeys((site_map.SHOW_LOGIN, site_map.SHOW_PASSWORD, site_map.COLOURS), f"?account={ACCOUNT}")


def _bound(service: Service, *, authenticators: int = 1) -> Person:
    return service.bound_person(fresh_name(), authenticators=authenticators)


def _signed_in(service: Service, person: Person) -> Browser:
    return Browser(service).log_in(person)


def _waiting(service: Service, person: Person) -> Browser:
    """Return a browser in which the password was right."""
    browser = Browser(service).get(f"/ui/login?account={ACCOUNT}")
    return browser.submit("/ui/login", login_name=person.login_name, password=PASSWORD)


def _filled_in(page: PageRoute, person: Person, browser: Browser, **fields: str) -> Posted:
    form = browser.form(page.path, **fields)
    return Posted(page, person, browser, {**form.fields, **fields})


def _secret_on(browser: Browser) -> str:
    found = re.search(r'id="key">([A-Z2-7 ]+)<', browser.html)
    assert found
    return found[1].replace(" ", "")


# --- the way in


def _log_in(service: Service) -> Posted:
    person = _bound(service)
    browser = Browser(service).get(f"/ui/login?account={ACCOUNT}")
    return _filled_in(site_map.SUBMIT_LOGIN, person, browser, login_name=person.login_name, password=PASSWORD)


def _enroll(service: Service) -> Posted:
    person = service.person(fresh_name())
    return _filled_in(site_map.SUBMIT_ENROLL, person, _waiting(service, person))._replace(status=200)


def _confirm(service: Service) -> Posted:
    person = service.person(fresh_name())
    browser = _waiting(service, person).submit("/ui/enroll")
    secret = secret_of(_secret_on(browser))
    person = person._replace(secret=secret)
    return _filled_in(site_map.SUBMIT_VERIFY, person, browser, code=service.code_of(secret))._replace(status=200)


def _verify(service: Service) -> Posted:
    person = _bound(service)
    return _filled_in(site_map.SUBMIT_VERIFY, person, _waiting(service, person), code=service.code(person))


def _recover(service: Service) -> Posted:
    person = _bound(service)
    browser = _waiting(service, person).get("/ui/recover")
    return _filled_in(site_map.SUBMIT_RECOVER, person, browser, recovery_code=person.recovery_codes[0])


def _save(service: Service) -> Posted:
    it = _confirm(service)
    browser = it.browser.post("/ui/verify", it.body)
    code = re.findall(r"<code>([0-9A-Z-]{19})</code>", browser.html)[3]
    return _filled_in(site_map.SUBMIT_SAVED, it.person, browser, recovery_code=code)


def _set_password(service: Service) -> Posted:
    person, ticket = successes.invited(service)
    browser = Browser(service).get(f"/ui/password?account={ACCOUNT}")
    fields = {"login_name": person.login_name, "ticket": ticket, "new_password": NEW_PASSWORD, "again": NEW_PASSWORD}
    return _filled_in(site_map.SUBMIT_PASSWORD, person, browser, **fields)._replace(status=200)


# --- one's own account


def _step_up(service: Service) -> Posted:
    person = _bound(service)
    browser = _signed_in(service, person)
    service.clock.advance(30)
    return _filled_in(site_map.SUBMIT_STEP_UP, person, browser.get("/ui/step-up"), code=service.code(person))


def _add(service: Service) -> Posted:
    person = _bound(service)
    browser = _signed_in(service, person).get("/ui/add")
    return _filled_in(site_map.SUBMIT_ADD, person, browser, name="Tablet")._replace(status=200)


def _confirm_added(service: Service) -> Posted:
    it = _add(service)
    browser = it.browser.post("/ui/add", it.body)
    code = service.code_of(secret_of(_secret_on(browser)))
    return _filled_in(site_map.SUBMIT_VERIFY, it.person, browser, code=code)


def _change_password(service: Service) -> Posted:
    person = _bound(service)
    browser = _signed_in(service, person).get("/ui/change-password")
    fields = {"current_password": PASSWORD, "new_password": NEW_PASSWORD, "again": NEW_PASSWORD}
    return _filled_in(site_map.SUBMIT_CHANGE_PASSWORD, person, browser, **fields)


def _account(service: Service, do: str, status: int = 303, *, authenticators: int = 1, **fields: str) -> Posted:
    person = _bound(service, authenticators=authenticators)
    browser = _signed_in(service, person)
    return Posted(site_map.SUBMIT_ACCOUNT, person, browser, {"do": do, "csrf": browser.csrf, **fields}, status)


def _rename(service: Service) -> Posted:
    it = _account(service, "rename", name="Work phone")
    it.body["authenticator"] = next(iter(service.record(it.person).authenticators))
    return it


def _remove(service: Service) -> Posted:
    it = _account(service, "remove", authenticators=2)
    it.body["authenticator"] = service.record(it.person).last_used_first()[1].id
    return it


def _end_session(service: Service) -> Posted:
    it = _account(service, "end-session")
    it.body["session"] = successes.sign_in(service, it.person).sid
    return it


def _own(page: PageRoute, service: Service) -> Posted:
    person = _bound(service)
    return Posted(page, person, _signed_in(service, person), {}, 200)


# --- the console


def _console(page: PageRoute, service: Service, status: int = 303, **fields: str) -> Posted:
    """Return what an admin does about somebody who has a phone."""
    person, boss = _bound(service), service.bound_admin(fresh_name())
    browser = _signed_in(service, boss).get("/ui/admin")
    about = {} if page is site_map.SUBMIT_PEOPLE else {"login_name": person.login_name}
    return Posted(page, person, browser, {"csrf": browser.csrf, **about, **fields}, status)


def _invite(service: Service) -> Posted:
    return _console(site_map.SUBMIT_PEOPLE, service, 200, do="invite", login_name=f"new-{fresh_name()}", role="agent")


def _search(service: Service) -> Posted:
    return _console(site_map.SUBMIT_PEOPLE, service, do="search", prefix="p")


def _unlock(service: Service) -> Posted:
    it = _console(site_map.SUBMIT_SUBSCRIBER, service, do="unlock")
    service.change(it.person, run=50)
    return it


def _policy(service: Service) -> Posted:
    boss = service.bound_admin(fresh_name())
    browser = _signed_in(service, boss).get("/ui/admin/policy")
    return _filled_in(site_map.SUBMIT_POLICY, boss, browser, help_text=f"Ask {fresh_name()}.")


def _set_logo(service: Service) -> Posted:
    picture = successes.picture_of(200 + secrets.randbelow(30_000))
    boss = service.bound_admin(fresh_name())
    browser = _signed_in(service, boss).get("/ui/admin/logo")
    fields = {"csrf": browser.csrf, "do": "set", "file": picture}
    return Posted(site_map.SUBMIT_LOGO, boss, browser, fields, picture=picture)


def _see_logo(service: Service) -> Posted:
    service.logo(successes.PICTURE)
    return _anybody(site_map.LOGO, f"?account={ACCOUNT}", service)


def _shown(page: PageRoute, service: Service) -> Posted:
    """Return an admin's look at a page of the console, and at somebody where it is about one."""
    it = _console(site_map.SUBMIT_SUBSCRIBER, service)
    browser = it.browser.submit("/ui/admin", do="open", login_name=it.person.login_name)
    return Posted(page, it.person, browser, {}, 200)


def _midway(page: PageRoute, service: Service, *, is_bound: bool) -> Posted:
    person = _bound(service) if is_bound else service.person(fresh_name())
    return Posted(page, person, _waiting(service, person), {}, 200)


def _anybody(page: PageRoute, query: str, service: Service) -> Posted:
    person = service.person(fresh_name())
    return Posted(page, person, Browser(service), {}, 200, query)


# --- how the person goes on


def _again(service: Service, it: Attempt) -> Reply:
    return _settled(it.send(service))


def _settled(reply: Reply) -> Reply:
    return reply._replace(status=200) if reply.status == 303 else reply


def _next_login(service: Service, it: Attempt) -> Reply:
    service.clock.advance(60)
    browser = _waiting(service, it.person)
    return _settled(_filled_in(site_map.SUBMIT_VERIFY, it.person, browser, code=service.code(it.person)).send(service))


def _enroll_again(service: Service, it: Attempt) -> Reply:
    return _settled(_filled_in(site_map.SUBMIT_ENROLL, it.person, _waiting(service, it.person)).send(service))


def _confirm_or_log_in(service: Service, it: Attempt) -> Reply:
    return _next_login(service, it) if service.record(it.person).is_bound else _again(service, it)


def _next_step_up(service: Service, it: Attempt) -> Reply:
    assert isinstance(it, Posted)
    service.clock.advance(60)
    browser = it.browser.get("/ui/step-up")
    return _settled(_filled_in(it.page, it.person, browser, code=service.code(it.person)).send(service))


def _still_in(service: Service, it: Attempt) -> Reply:
    assert isinstance(it, Posted)
    return Reply(it.browser.get("/ui/account").status, {}, {})


def _again_or(happened: Happened, otherwise: GoOn) -> GoOn:
    """Send it again where it has not happened."""

    def go_on(service: Service, it: Attempt) -> Reply:
        return otherwise(service, it) if all(happened(service, it)) else _again(service, it)

    return go_on


def _policy_again(service: Service, it: Attempt) -> Reply:
    """The form knows which policy it was made from; who was left in doubt opens the page anew."""
    assert isinstance(it, Posted)
    browser = it.browser.get("/ui/admin/policy")
    return _settled(_filled_in(it.page, it.person, browser, help_text=it.body["help_text"]).send(service))


def _done(_: Service, __: Attempt) -> Reply:
    return Reply(200, {}, {})


def _out(service: Service, it: Attempt) -> Reply:
    _again(service, it)
    assert outcomes.sessions(service, it.person) == []
    return Reply(204, {}, {})


_page = partial(Ceremony, assert_refused=assert_page_refuses, is_refused=is_page_refused)
_in_console = partial(Ceremony, assert_refused=assert_console_refuses, is_refused=is_page_refused)


def _read(make: Callable[[Service], Posted]) -> Ceremony:
    return _page(make, outcomes.nothing, _again)


CEREMONIES: dict[str, Ceremony] = {
    "login": _page(_log_in, outcomes.logged_in, _again),
    "enroll": _page(_enroll, outcomes.waits, _enroll_again),
    "confirm": _page(_confirm, outcomes.confirmed, _confirm_or_log_in),
    "verify": _page(_verify, outcomes.verified, _next_login),
    "recover": _page(_recover, outcomes.recovered, _next_login),
    "codes are saved": _read(_save),
    "set the password": _page(_set_password, outcomes.password_set, _again_or(outcomes.password_set, _done)),
    "step up": _page(_step_up, outcomes.stepped_up, _next_step_up),
    "add": _page(_add, outcomes.waits, _again),
    "confirm what was added": _page(_confirm_added, outcomes.added, _again_or(outcomes.added, _still_in)),
    "change the password": _page(
        _change_password, outcomes.password_changed, _again_or(outcomes.password_changed, _still_in)
    ),
    "log out": _page(lambda service: _account(service, "sign-out", 200), outcomes.logged_out, _out),
    "rename": _page(_rename, outcomes.renamed, _again),
    "remove": _page(_remove, outcomes.removed, _again_or(outcomes.removed, _still_in)),
    "renew recovery codes": _page(lambda service: _account(service, "codes", 200), outcomes.codes_renewed, _again),
    "end another session": _page(
        _end_session, outcomes.other_session_ended, _again_or(outcomes.other_session_ended, _still_in)
    ),
    "keep the language": _page(lambda service: _account(service, "language"), outcomes.language_kept, _again),
    "invite": _in_console(_invite, outcomes.invited, _again_or(outcomes.invited, _done)),
    "search": _in_console(_search, outcomes.nothing, _again),
    "disable": _in_console(partial(_console, site_map.SUBMIT_SUBSCRIBER, do="disable"), outcomes.is_disabled, _again),
    "promote": _in_console(partial(_console, site_map.SUBMIT_SUBSCRIBER, do="make-admin"), outcomes.promoted, _again),
    "unlock": _in_console(_unlock, outcomes.unlocked, _again),
    "reset the password": _in_console(
        partial(_console, site_map.SUBMIT_SUBSCRIBER, status=200, do="reset-password", reason="forgot it"),
        outcomes.ticket_given,
        _again,
    ),
    "delete": _in_console(
        partial(_console, site_map.SUBMIT_SUBSCRIBER, do="delete"), outcomes.deleted, _again_or(outcomes.deleted, _done)
    ),
    "reset": _in_console(
        partial(_console, site_map.SUBMIT_RESET, status=200, do="reset", reason="lost phone", sure="yes"),
        outcomes.reset,
        _again,
    ),
    "replace the policy": _in_console(_policy, outcomes.policy_replaced, _policy_again),
    "set the logo": _in_console(_set_logo, outcomes.logo_set, _again),
    "filter the audit": _in_console(partial(_console, site_map.SUBMIT_AUDIT, do="filter"), outcomes.nothing, _again),
    **{f"see {page.path}": _read(partial(_own, page)) for page in OWN_PAGES},
    **{f"see {page.path}": _in_console(partial(_shown, page), outcomes.nothing, _again) for page in CONSOLE_PAGES},
    **{f"see {page.path}": _read(partial(_anybody, page, query)) for page, query in OPEN_PAGES.items()},
    "see /ui/logo": _read(_see_logo),
    "see /ui/enroll": _read(lambda service: _midway(site_map.SHOW_ENROLL, service, is_bound=False)),
    "see /ui/verify": _read(lambda service: _midway(site_map.SHOW_VERIFY, service, is_bound=True)),
    "see /ui/recover": _read(lambda service: _midway(site_map.SHOW_RECOVER, service, is_bound=True)),
}
