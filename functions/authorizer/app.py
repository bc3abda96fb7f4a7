"""The authorizer of every admin route: never cached, so a demotion, a logout or a reset shows on the next call.

A program shows a bearer token, a browser its session's cookie; neither is looked at where the other one counts.

API Gateway knows three outcomes: "Unauthorized" (401), a Deny (403), any other exception (GatewayResponses: 503). It
can say them to programs only, so before a page the function behind it refuses, with nobody handed over.
"""

from typing import Any

from secondstep import bearer, tokens  # noqa: F401 - each request verifies one: loaded in INIT
from secondstep.acting import ActingAdmin
from secondstep.errors import Forbidden, InvalidRequest, InvalidToken, NotFound
from secondstep.http import Call, log_defect, request_context
from secondstep.pages import cookies
from secondstep.session import Accepts
from secondstep.shapes import Nothing
from secondstep.subscriber import canonical_login_name
from secondstep.wiring import begin, services

_PAGES = "/ui/"

begin()


class Unauthorized(Exception):
    """Missing, invalid or revoked: API Gateway answers 401."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Let an active admin with a living session and the second factor pass; raise or deny otherwise."""
    try:
        admin = _acting_admin(event)
    except (InvalidToken, InvalidRequest) as refused:
        if _is_page(event):
            return _to_be_refused(event)
        raise Unauthorized from refused
    except Forbidden:
        return _to_be_refused(event) if _is_page(event) else _policy("Deny", event["methodArn"], "refused", {})
    except Exception:
        log_defect()
        raise
    return _policy("Allow", event["methodArn"], admin.person.sub, bearer.to_authorizer_context(admin))


def _is_page(event: dict[str, Any]) -> bool:
    return str(event["resource"]).startswith(_PAGES)


def _to_be_refused(event: dict[str, Any]) -> dict[str, Any]:
    """Let the console say in a page that nobody is let in: the gateway could only answer a program.

    It hands over nobody, and without somebody who was handed over no page of the console shows or does anything.
    """
    return _policy("Allow", event["methodArn"], "refused", {})


def _acting_admin(event: dict[str, Any]) -> ActingAdmin:
    """Read session, admin and, where the path names one, the subject: one consistent call."""
    environment = services()
    if _is_page(event):
        handle = cookies.received(event).get(cookies.SESSION, "")
        return bearer.acting_admin(bearer.recognize(handle, environment.store, request_context(event, environment)))
    call = Call(body=Nothing(), context=request_context(event, environment), services=environment, event=event)
    principal = bearer.authenticate(
        call.bearer_token(),
        Accepts.ACCOUNT_TOKEN,
        environment.store,
        environment.keyring,
        call.context,
        subject_name=_subject_name(call),
    )
    return bearer.acting_admin(principal)


def _subject_name(call: Call[Nothing]) -> str | None:
    """Return the login name in the path; one that no subscriber can have is the handler's to refuse."""
    try:
        named = call.path_parameter("login_name")
        return canonical_login_name(named) if named else None
    except (InvalidRequest, NotFound):
        return None


def _policy(effect: str, method_arn: str, principal: str, context: dict[str, str]) -> dict[str, Any]:
    """Return a policy for this very method; with the cache off it never serves another one."""
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": method_arn}
    return {
        "principalId": principal,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": context,
    }
