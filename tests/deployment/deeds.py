"""What the functions are asked to do, each from the seeds on: the events of `events/`, and what they cannot hold."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from local.event import filled
from local.seeds import ACCOUNT, EXAMPLE, PASSWORD
from secondstep.store.layout import SIGNING_KEYS
from tests.browsing import Browser
from tests.deployment.browsing import DeployedBrowser
from tests.deployment.incoming import announcement, over_http, record, route_of
from tests.deployment.visitor import BYSTANDER, Json, Reply, Visitor, code_of, wrong_code
from tests.functions.test_events import EXPECTED
from tests.relying_party import RelyingParty

type Act = Callable[[], Reply]

_UNKNOWN = (401, "invalid_credentials")


class Deed(NamedTuple):
    """One request or invocation: who answers it, what comes before it, what it leads to when all rights are there."""

    name: str
    functions: tuple[str, ...]
    prepare: Callable[[Visitor], Act]
    expected: tuple[int, str] = (200, "ok")

    @property
    def succeeds(self) -> bool:
        """Tell whether it is granted."""
        return self.expected[0] < 400


def event_deeds() -> list[Deed]:
    """Return a deed for each event that a caller can send to a deployment."""
    return [_event_deed(name) for name in over_http()]


def other_deeds() -> list[Deed]:
    """Return the deeds that no event holds: of applications, browsers, attackers, and of what runs behind the API."""
    of_refresh = ("RefreshFunction",)
    return [
        _event_deed("login.right_password_no_factor_required"),
        Deed("application.code", of_refresh, _be_sent_back),
        Deed("application.token", of_refresh, _redeem),
        Deed("application.used_code", of_refresh, _redeem_again, (400, "invalid_grant")),
        Deed("refresh.reuse", of_refresh, _reuse, (401, "invalid_token")),
        Deed("step-up.fifth_wrong_code", ("VerifyFunction",), _step_up_wrong, (401, "invalid_code")),
        Deed("console.page", ("AdminFunction", "AuthorizerFunction"), _open_console),
        Deed("console.reset_page", ("ResetFunction", "AuthorizerFunction"), _ask_for_a_reset),
        Deed("rotation.all_there_is", ("RotateFunction",), _rotate),
        Deed("notify.record", ("NotifyFunction",), _announce),
        Deed("mail.change", ("MailFunction",), partial(_mail, name="enrolled")),
        Deed("mail.wrong_code", ("MailFunction",), partial(_mail, name="verify")),
    ]


def bystanders_deeds() -> list[Deed]:
    """Return what somebody does whom the other deeds do not concern; nothing of it has to be prepared."""
    admin, wrong = (
        ("AdminFunction", "AuthorizerFunction"),
        {"account": "acme", "login_name": "nobody", "password": "no"},
    )
    return [
        *(_reads(path, "MeFunction") for path in ("/me", "/me/sessions", "/me/events")),
        *(_reads(path, *admin) for path in ("/admin/policy", "/admin/audit", f"/admin/subscribers/{BYSTANDER}")),
        Deed("bystander /login", ("LoginFunction",), lambda it: partial(it.post, "/login", wrong), _UNKNOWN),
        _reads("/.well-known/jwks.json", "PublishedFunction"),
    ]


def token_bearers_deeds() -> list[Deed]:
    """Return one deed of each other function that reads a token; nothing of it has to be prepared either."""
    new = {"current_password": "no", "new_password": "a lamp beside the window"}
    return [
        _sends("/me/authenticators", {"name": "Tablet"}, "EnrollFunction"),
        _sends("/step-up", {"code": "000000"}, "VerifyFunction", expected=(401, "invalid_code")),
        _sends("/me/password", new, "PasswordFunction", expected=_UNKNOWN),
        _sends("/admin/subscribers/nobody/reset", {"reason": "lost"}, "ResetFunction", expected=(404, "not_found")),
    ]


def _sends(path: str, body: Json, function: str, *, expected: tuple[int, str] = (200, "ok")) -> Deed:
    return Deed(f"token {path}", (function,), lambda it: partial(it.post, path, body, it.bystanders_token), expected)


def _reads(path: str, *functions: str) -> Deed:
    return Deed(f"bystander {path}", functions, lambda it: partial(it.get, path, it.bystanders_token))


def _event_deed(name: str) -> Deed:
    route = route_of(name)
    functions = (route.function, *([route.authorizer.function] if route.authorizer else []))
    return Deed(name, functions, partial(_send_event, name), EXPECTED[name])


def _send_event(name: str, visitor: Visitor) -> Act:
    return partial(visitor.send_event, filled(name, visitor))


# --- applications and browsers


def _signed_in(visitor: Visitor) -> Browser:
    browser = DeployedBrowser(visitor)
    browser.get(f"/ui/login?account={ACCOUNT}").submit("/ui/login", login_name="enrolled", password=PASSWORD)
    browser.submit("/ui/verify", code=code_of(visitor.seeds.secret.base32))
    assert "__Host-session" in browser.cookies, browser.text
    return browser


def _application() -> RelyingParty:
    return RelyingParty(None, EXAMPLE)  # type: ignore[arg-type]  # what it asks goes over HTTP


def _be_sent_back(visitor: Visitor) -> Act:
    browser, application = _signed_in(visitor), _application()
    return lambda: _shown(browser.get(application.address()))


def _redeem(visitor: Visitor) -> Act:
    application = _application()
    code = application.code(_signed_in(visitor))
    return lambda: visitor.post_form(
        "/token",
        grant_type="authorization_code",
        code=code,
        client_id=application.client_id,
        redirect_uri=application.redirect_uri,
        code_verifier=application.verifier,
    )


def _redeem_again(visitor: Visitor) -> Act:
    act = _redeem(visitor)
    assert act().status == 200
    return act


def _open_console(visitor: Visitor) -> Act:
    browser = _signed_in_admin(visitor)
    return lambda: _shown(browser.get("/ui/admin"))


def _ask_for_a_reset(visitor: Visitor) -> Act:
    browser = _signed_in_admin(visitor).get("/ui/admin").submit("/ui/admin", do="open", login_name="enrolled")
    assert browser.path == "/ui/admin/subscriber", browser.text
    return lambda: _shown(browser.submit("/ui/admin/reset", do="ask"))


def _signed_in_admin(visitor: Visitor) -> Browser:
    secret = visitor.enroll("admin")[0]
    browser = DeployedBrowser(visitor)
    browser.get(f"/ui/login?account={ACCOUNT}").submit("/ui/login", login_name="admin", password=PASSWORD)
    browser.submit("/ui/verify", code=code_of(secret, steps=1))
    assert "__Host-session" in browser.cookies, browser.text
    return browser


def _shown(browser: Browser) -> Reply:
    return Reply(browser.status, browser.headers, browser.html)


# --- attackers


def _reuse(visitor: Visitor) -> Act:
    old = {"refresh_token": visitor.enroll("agent")[1]["refresh_token"]}
    assert visitor.post("/refresh", old).status == 200
    visitor.let_rotations_age("agent")
    return lambda: visitor.post("/refresh", old)


def _step_up_wrong(visitor: Visitor) -> Act:
    secret, session = visitor.enroll("agent")
    wrong = {"code": wrong_code(secret)}
    for _ in range(4):
        assert visitor.post("/step-up", wrong, session["account_token"]).code == "invalid_code"
    return lambda: visitor.post("/step-up", wrong, session["account_token"])


# --- behind the API


def _rotate(visitor: Visitor) -> Act:
    """Have one key that has retired, and one that gets its end."""
    [key] = visitor.signing_keys()
    past = {"N": str(int(key["made_at"]["N"]) - 1)}
    visitor.dynamodb.put_item(
        TableName=visitor.state_table,
        Item=key | {"pk": {"S": SIGNING_KEYS}, "sk": {"S": "retired"}, "retires_at": past, "signs_from": past},
    )
    return lambda: visitor.invoke("RotateFunction", {})


def _announce(visitor: Visitor) -> Act:
    return partial(visitor.invoke, "NotifyFunction", record(visitor))


def _mail(visitor: Visitor, name: str) -> Act:
    return partial(visitor.invoke, "MailFunction", announcement(visitor, name))
