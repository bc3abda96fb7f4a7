"""Event in, answer out: the only place where an error becomes a status, and the only one that knows headers.

The gateway has matched the route; it is taken from the event's `resource`, never matched again by another grammar
(attack A15: double slashes, percent-encodings and trailing slashes of the path decide nothing here).
"""

import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import msgspec

from secondstep.acting import ActingAdmin
from secondstep.aws import AwsRefused
from secondstep.bearer import Principal, authenticate, from_authorizer_context, verify
from secondstep.context import RequestContext
from secondstep.contract import Route
from secondstep.errors import (
    InternalError,
    InvalidRequest,
    InvalidToken,
    NotFound,
    PayloadTooLarge,
    ServiceError,
    StepUpRequired,
    UnsupportedMediaType,
)
from secondstep.incoming import header_values, parse_body, parse_form, parse_query
from secondstep.measures import Taken, listening
from secondstep.oauth import TokenRefused
from secondstep.session import Accepts
from secondstep.settings import Settings
from secondstep.shapes import Request
from secondstep.site_map import PageRoute
from secondstep.telemetry import Level, telemetry
from secondstep.wiring import Services, begin, services

if TYPE_CHECKING:
    from secondstep.pages.answer import Answer
    from secondstep.pages.browser import Browser
    from secondstep.pages.site import Sent

_UNAUTHORIZED = 401

SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "Referrer-Policy": "no-referrer",
}
_CORS_EXPOSED = "ETag, Retry-After, WWW-Authenticate, x-amzn-Remapped-WWW-Authenticate"


class Reply(NamedTuple):
    """A complete answer, and the code that it is logged and counted by."""

    status: int
    body: str
    headers: dict[str, str | list[str]]
    code: str = "ok"


type Event = dict[str, Any]


class Call[Body: Request](msgspec.Struct, frozen=True, kw_only=True):
    """One request, parsed: what a handler works with."""

    body: Body
    context: RequestContext
    services: Services
    event: Event

    def bearer_token(self) -> str:
        """Return the bearer token (RFC 6750 section 2.1); InvalidToken where there is not exactly one."""
        values = header_values(self.event, "authorization")
        scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken
        return token.strip()

    def principal(self, accepts: Accepts = Accepts.ACCOUNT_TOKEN) -> Principal:
        """Return who the bearer token belongs to, as it is now; InvalidToken where its session does not live."""
        return authenticate(self.bearer_token(), accepts, self.services.store, self.services.keyring, self.context)

    def has_bearer_token(self) -> bool:
        """Tell whether any authorization came along."""
        return bool(header_values(self.event, "authorization"))

    def query[Parameters: Request](self, takes: type[Parameters]) -> Parameters:
        """Return the query parameters as the contract's struct; each at most once, none unknown."""
        return parse_query(self.event, takes)

    def header(self, name: str) -> str | None:
        """Return a header whose value is a list: its lines are one list (RFC 9110 section 5.3)."""
        values = header_values(self.event, name)
        return ", ".join(values) if values else None

    def path_parameter(self, name: str) -> str:
        """Return a part of the path; REST APIs hand it over as it was sent, so it is decoded here, exactly once."""
        raw = (self.event.get("pathParameters") or {}).get(name) or ""
        try:
            named = unquote(raw, errors="strict")
            named.encode()
        except UnicodeError as broken:
            raise NotFound from broken
        return named

    def acting_admin(self) -> ActingAdmin:
        """Return the admin that the authorizer let pass, after the token was verified once more."""
        claims = verify(self.bearer_token(), Accepts.ACCOUNT_TOKEN, self.services.keyring, self.context)
        handed = (self.event.get("requestContext") or {}).get("authorizer") or {}
        return from_authorizer_context(handed, claims)


class App:
    """The handler of a function: its routes, and what every answer has in common.

    `needs` names modules that its requests take and other functions do without; they are loaded now, in INIT.
    """

    def __init__(self, *needs: str) -> None:
        for each in needs:
            import_module(f"secondstep.{each}")
        begin()
        self._routes: dict[tuple[str, str], Callable[[Event], Reply]] = {}
        self._pages: set[str] = set()

    def route[Body: Request](
        self, route: Route, takes: type[Body]
    ) -> Callable[[Callable[[Call[Body]], object]], Callable[[Call[Body]], object]]:
        """Register the function of a route of the contract; it returns the contract's answer, or None for 204."""

        def register(function: Callable[[Call[Body]], object]) -> Callable[[Call[Body]], object]:
            self._add(route, lambda event: _success(route, function(_call(event, route, takes))))
            return function

        return register

    def form[Body: Request](
        self, route: Route, takes: type[Body]
    ) -> Callable[[Callable[[Call[Body]], object]], Callable[[Call[Body]], object]]:
        """Register the function of a route of OAuth: a form in, JSON out, refusals as RFC 6749 section 5.2 has them."""

        def register(function: Callable[[Call[Body]], object]) -> Callable[[Call[Body]], object]:
            self._add(route, lambda event: _granted(lambda: function(_form_call(event, route, takes)), route))
            return function

        return register

    def page(self, route: PageRoute) -> Callable[[Callable[["Browser"], "Answer"]], Callable[["Browser"], "Answer"]]:
        """Register the handler of a page. What makes HTML is imported when the first page is asked for."""

        def register(handler: Callable[["Browser"], "Answer"]) -> Callable[["Browser"], "Answer"]:
            self._pages.add(route.path)
            self._add(route, lambda event: _guarded(lambda it: _page(it, handler), event, refuse=_refusing_page))
            return handler

        return register

    def preflight(self, path: str) -> None:
        """Answer the CORS preflight of a path."""
        self._routes["OPTIONS", path] = lambda _: _respond(204, None, {})

    def _add(self, route: Route | PageRoute, answer: Callable[[Event], Reply]) -> None:
        self._routes[route.method, route.path] = answer

    def __call__(self, event: Event, context: Any) -> dict[str, Any]:  # noqa: ARG002 - Lambda calls with both
        """Answer a REST proxy event; nothing but a complete answer ever leaves."""
        answer = self._routes.get((event["httpMethod"], event["resource"]), _unknown_route)
        with listening() as taken:
            reply = _guarded(answer, event)
        headers = {name: value if isinstance(value, list) else [value] for name, value in reply.headers.items()}
        if event["resource"] not in self._pages:  # a page is for who sits in front of it, never for another site
            self._add_cors(headers, event)
        _report(event, reply, taken)
        return {
            "statusCode": reply.status,
            "body": reply.body,
            "isBase64Encoded": False,
            "multiValueHeaders": headers,
        }

    @staticmethod
    def _add_cors(headers: dict[str, list[str]], event: Event) -> None:
        """Echo a listed origin, never with credentials; another one gets nothing."""
        origins = header_values(event, "origin")
        allowed = len(origins) == 1 and services_settings().allows_origin(origins[0])
        headers["Vary"] = ["Origin"]
        if not allowed:
            return
        headers["Access-Control-Allow-Origin"] = origins
        headers["Access-Control-Expose-Headers"] = [_CORS_EXPOSED]
        if event["httpMethod"] == "OPTIONS":
            headers["Access-Control-Allow-Methods"] = ["GET, POST, PUT, PATCH, DELETE, OPTIONS"]
            headers["Access-Control-Allow-Headers"] = ["Authorization, Content-Type, If-Match"]
            headers["Access-Control-Max-Age"] = ["600"]


def _call[Body: Request](event: Event, route: Route, takes: type[Body]) -> Call[Body]:
    environment = services()
    parse_query(event, route.query)
    return Call(
        body=parse_body(event, takes, media_type=route.media_type, largest=route.largest_body),
        context=request_context(event, environment),
        services=environment,
        event=event,
    )


def _form_call[Body: Request](event: Event, route: Route, takes: type[Body]) -> Call[Body]:
    environment = services()
    parse_query(event, route.query)
    context = request_context(event, environment)
    return Call(body=parse_form(event, takes), context=context, services=environment, event=event)


type Refuse = Callable[[ServiceError, Event], Reply]


def _page(event: Event, handler: Callable[["Browser"], "Answer"]) -> Reply:
    from secondstep.pages import site

    environment = services()
    return _html(site.answer(event, environment, request_context(event, environment), handler))


def _refusing_page(refused: ServiceError, event: Event) -> Reply:
    from secondstep.pages import site

    try:
        environment = services()
        return _html(site.plain_failure(event, environment, request_context(event, environment), refused))
    except Exception:  # noqa: BLE001 - what has failed may be what every page stands on
        log_defect()
        return _html(site.bare_failure(header_values(event, "accept-language"), refused))


def _html(sent: "Sent") -> Reply:
    headers: dict[str, str | list[str]] = {**SECURITY_HEADERS, **sent.headers}
    if sent.cookies:
        headers["Set-Cookie"] = list(sent.cookies)
    return Reply(sent.status, sent.body, headers, sent.code)


def _unknown_route(event: Event) -> Reply:
    return _problem(NotFound(), event)


def _guarded(answer: Callable[[Event], Reply], event: Event, *, refuse: Refuse | None = None) -> Reply:
    """Turn what was raised into a refusal, before Lambda sees it: it would log the message and the trace.

    A refusal is a problem, or what `refuse` makes of it.
    """
    made = refuse or _problem
    try:
        return answer(event)
    except ServiceError as refused:
        return made(refused, event)
    except Exception:  # noqa: BLE001 - the last resort: deny, and say nothing of what happened (fault F29)
        log_defect()
        return made(InternalError(), event)


def _granted(answer: Callable[[], object], route: Route) -> Reply:
    """Answer what is granted, or the refusal in OAuth's words; what decides nothing (500, 503) stays a problem."""
    try:
        return _success(route, answer())
    except TokenRefused as refused:
        return _oauth_error(refused)
    except InvalidToken:
        return _oauth_error(TokenRefused("invalid_grant", "The refresh token is unknown, used, expired or revoked."))
    except (InvalidRequest, PayloadTooLarge, UnsupportedMediaType) as refused:
        return _oauth_error(TokenRefused("invalid_request", "The request is no form that this takes."), refused.status)


def _oauth_error(refused: TokenRefused, status: int = 0) -> Reply:
    document = {"error": refused.error, "error_description": refused.description}
    headers = {"WWW-Authenticate": "Basic"} if refused.status == _UNAUTHORIZED else {}
    return _respond(status or refused.status, msgspec.json.encode(document).decode(), headers, refused.error)


def services_settings() -> Settings:
    """Return this environment's settings."""
    return services().settings


def request_context(event: Event, environment: Services) -> RequestContext:
    """Return what the gateway and the clock say; client headers (X-Forwarded-For) are never asked."""
    said = event.get("requestContext") or {}
    source = (said.get("identity") or {}).get("sourceIp") or "unknown"
    moment = environment.clock()
    return RequestContext(
        now=int(moment),
        milliseconds=int(moment * 1000),
        source=source,
        charged_address=None if environment.settings.is_server(source) else source,
        request_id=said.get("requestId") or "unknown",
        issuer=issuer(said, environment.settings),
    )


def issuer(request_context: dict[str, Any], settings: Settings) -> str:
    """Return `iss`: the parameter PublicUrl, else the API's own address; never from a header (attack A44)."""
    if settings.public_url:
        return settings.public_url
    api, stage = request_context["apiId"], request_context["stage"]
    return f"https://{api}.execute-api.{settings.region}.amazonaws.com/{stage}"


class Tagged(msgspec.Struct, frozen=True):
    """An answer with its entity tag (RFC 9110 section 8.8.3)."""

    answer: object
    etag: str


def _success(route: Route, answer: object) -> Reply:
    tag = {"ETag": answer.etag} if isinstance(answer, Tagged) else {}
    if isinstance(answer, Tagged):
        answer = answer.answer
    body = None if answer is None else msgspec.json.encode(answer).decode()
    cached = {"Cache-Control": f"public, max-age={route.cached_seconds}"} if route.cached_seconds else {}
    return _respond(route.status, body, {**cached, **tag})


def _respond(status: int, body: str | None, headers: dict[str, str], code: str = "ok") -> Reply:
    content = {} if body is None else {"Content-Type": "application/json"}
    return Reply(status, body or "", {**SECURITY_HEADERS, **content, **headers}, code)


def _problem(refused: ServiceError, event: Event) -> Reply:
    """Return the answer to a refusal (RFC 9457)."""
    members = refused.members()
    document = {
        "type": f"urn:secondstep:problem:{refused.code}",
        "title": refused.title,
        "status": refused.status,
        "detail": refused.detail,
        "code": refused.code,
        "request_id": (event.get("requestContext") or {}).get("requestId") or "unknown",
        **members,
    }
    headers = {"Content-Type": "application/problem+json"}
    if "retry_after" in members:
        headers["Retry-After"] = str(members["retry_after"])
    if refused.status == _UNAUTHORIZED:
        headers["WWW-Authenticate"] = _challenge_header(refused)
    return _respond(refused.status, msgspec.json.encode(document).decode(), headers, refused.code)


def _challenge_header(refused: ServiceError) -> str:
    """Return WWW-Authenticate (RFC 6750 section 3, RFC 9470 section 3); API Gateway renames it."""
    if isinstance(refused, StepUpRequired):
        return f'Bearer error="insufficient_user_authentication", max_age="{refused.max_age}"'
    return 'Bearer error="invalid_token"' if isinstance(refused, InvalidToken) else "Bearer"


def log_defect() -> None:
    """Log the kind and the place of an exception that nobody expected; never its message, which may hold a secret."""
    kind, raised, trace = sys.exc_info()
    places = [f"{each.filename.rpartition('/')[2]}:{each.lineno} {each.name}" for each in traceback.extract_tb(trace)]
    refusal = str(raised) if isinstance(raised, AwsRefused) else None  # AWS's error code: which right is missing
    name = kind.__name__ if kind else "?"
    telemetry.say(Level.ERROR, "defect", kind=name, refusal=refusal, places=places[-6:])


def _report(event: Event, reply: Reply, taken: Taken) -> None:
    """Log and count each request, and what it has measured, in one line; never a name, path, body or token."""
    request_id = (event.get("requestContext") or {}).get("requestId")
    telemetry.count(
        "answered",
        [(reply.code, 1), *taken],
        route=event["resource"],
        method=event["httpMethod"],
        status=reply.status,
        code=reply.code,
        id=request_id,
    )
