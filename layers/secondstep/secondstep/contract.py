"""The HTTP contract as data: which routes there are, what each takes, answers and refuses.

The gateway's template, the handlers, the OpenAPI document and docs/api.md are held to it by tests.
"""

from typing import Any, Literal

import msgspec

from secondstep import errors, shapes

JSON, PNG, FORM = "application/json", "image/png", "application/x-www-form-urlencoded"
LARGEST_BODY, LARGEST_PICTURE = 4 * 1024, 32 * 1024

type Refusals = tuple[type[errors.ServiceError], ...]
type Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
type Bearer = Literal["none", "account_token", "either_token", "admin"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route: method and path as API Gateway's resource names them, its function, shapes and refusals."""

    method: Method
    path: str
    function: str
    summary: str
    takes: type[shapes.Request] = shapes.Nothing
    query: type[shapes.Request] = shapes.Nothing  # its parameters, as a struct
    media_type: str = JSON  # of the body that it takes
    largest_body: int = LARGEST_BODY
    answers: object = None  # a type, or None for 204
    also_answers: object = None  # another one, where they do not share a tag
    is_versioned: bool = False  # answers an `ETag`, which a change wants back in `If-Match`
    status: int = 200
    bearer: Bearer = "none"
    is_bearer_optional: bool = False  # what else the body holds decides whether one belongs beside it
    refusals: Refusals = ()
    cached_seconds: int = 0


_SHAPE: Refusals = (errors.InvalidRequest, errors.PayloadTooLarge, errors.UnsupportedMediaType)
EVERYWHERE: Refusals = (errors.NotFound, errors.TooManyAttempts, errors.InternalError, errors.Unavailable)
_FRESH: Refusals = (errors.InvalidToken, errors.StepUpRequired)
_OWN_READS: Refusals = (errors.InvalidRequest, errors.InvalidToken)
_READS: Refusals = (*_OWN_READS, errors.Forbidden)
_ADMIN: Refusals = (errors.InvalidToken, errors.StepUpRequired, errors.Forbidden)

LOGIN = Route(
    method="POST",
    path="/login",
    function="login",
    summary="Log in with a password; the answer says what comes next",
    takes=shapes.LoginRequest,
    answers=shapes.VerifyNext | shapes.EnrollNext | shapes.PasswordNext | shapes.SessionAnswer,
    refusals=(*_SHAPE, errors.InvalidCredentials, errors.Conflict),
)
ENROLL = Route(
    method="POST",
    path="/enroll",
    function="enroll",
    summary="Get a secret and its QR code to scan",
    takes=shapes.EnrollRequest,
    answers=shapes.EnrollAnswer,
    refusals=(*_SHAPE, errors.ChallengeInvalid, errors.TicketInvalid, errors.Conflict),
)
VERIFY = Route(
    method="POST",
    path="/verify",
    function="verify",
    summary="Prove the second factor, or confirm an enrollment or a further authenticator",
    takes=shapes.VerifyRequest,
    answers=shapes.SessionAnswer,
    also_answers=shapes.AddedAnswer,
    is_bearer_optional=True,
    refusals=(
        *_SHAPE,
        errors.InvalidToken,
        errors.ChallengeInvalid,
        errors.InvalidCode,
        errors.TicketInvalid,
        errors.AuthenticatorDisabled,
        errors.Conflict,
    ),
)
PASSWORD = Route(
    method="POST",
    path="/password",
    function="password",
    summary="Redeem a password ticket",
    takes=shapes.PasswordRequest,
    status=204,
    refusals=(*_SHAPE, errors.PasswordRefused, errors.TicketInvalid, errors.Conflict),
)
REFRESH = Route(
    method="POST",
    path="/refresh",
    function="refresh",
    summary="Rotate the refresh token, get new signed tokens",
    takes=shapes.RefreshRequest,
    answers=shapes.SessionAnswer,
    refusals=(*_SHAPE, errors.InvalidToken),
)
STEP_UP = Route(
    method="POST",
    path="/step-up",
    function="verify",
    summary="Authenticate again within a session",
    takes=shapes.StepUpRequest,
    answers=shapes.StepUpAnswer,
    bearer="account_token",
    refusals=(
        *_SHAPE,
        errors.InvalidToken,
        errors.InvalidCode,
        errors.InvalidCredentials,
        errors.Conflict,
        errors.AuthenticatorDisabled,
    ),
)
ME = Route(
    method="GET",
    path="/me",
    function="me",
    summary="Read who the token belongs to: the live check for applications",
    answers=shapes.MeAnswer,
    bearer="either_token",
    refusals=_OWN_READS,
)
LOGOUT = Route(
    method="POST",
    path="/logout",
    function="me",
    summary="End the session",
    takes=shapes.LogoutRequest,
    status=204,
    bearer="account_token",
    is_bearer_optional=True,
    refusals=(*_SHAPE, errors.InvalidToken),
)


def _own(method: Method, path: str, summary: str, **more: Any) -> Route:
    """Return a route of a subscriber's own account: it wants the account token of a living session."""
    described = {"function": "me", "bearer": "account_token", "refusals": (*_SHAPE, errors.InvalidToken)} | more
    return Route(method=method, path=path, summary=summary, **described)


def _admin(method: Method, path: str, summary: str, **more: Any) -> Route:
    """Return an admin route: it stands behind the authorizer."""
    described = {"function": "admin", "bearer": "admin", "refusals": (*_SHAPE, *_ADMIN)} | more
    return Route(method=method, path=path, summary=summary, **described)


CHANGE_PROFILE = _own(
    "PATCH",
    "/me",
    "Change one's own name, language or address",
    takes=shapes.ProfileRequest,
    answers=shapes.MeAnswer,
    refusals=(*_SHAPE, *_FRESH, errors.Conflict),
)
ADD_AUTHENTICATOR = _own(
    "POST",
    "/me/authenticators",
    "Get a secret for a further authenticator",
    function="enroll",
    takes=shapes.AddRequest,
    answers=shapes.EnrollAnswer,
    refusals=(*_SHAPE, *_FRESH, errors.TicketInvalid, errors.Conflict),
)
RENAME_AUTHENTICATOR = _own(
    "PATCH",
    "/me/authenticators/{id}",
    "Rename an authenticator",
    takes=shapes.RenameRequest,
    answers=shapes.AuthenticatorAnswer,
    refusals=(*_SHAPE, errors.InvalidToken, errors.Conflict),
)
REMOVE_AUTHENTICATOR = _own(
    "DELETE",
    "/me/authenticators/{id}",
    "Remove an authenticator; every other session ends",
    status=204,
    refusals=(*_SHAPE, *_FRESH, errors.Conflict),
)
RENEW_RECOVERY_CODES = _own(
    "POST",
    "/me/recovery-codes",
    "Get a new set of recovery codes; the old one dies",
    answers=shapes.RecoveryCodesAnswer,
    refusals=(*_SHAPE, *_FRESH, errors.Conflict),
)
CHANGE_PASSWORD = _own(
    "POST",
    "/me/password",
    "Change one's own password; every other session ends",
    function="password",
    takes=shapes.ChangePasswordRequest,
    status=204,
    refusals=(*_SHAPE, *_FRESH, errors.PasswordRefused, errors.InvalidCredentials, errors.Conflict),
)
SESSIONS = _own("GET", "/me/sessions", "List one's sessions", answers=list[shapes.SessionLine], refusals=_OWN_READS)
END_SESSION = _own(
    "DELETE",
    "/me/sessions/{id}",
    "End one of one's own sessions",
    status=204,
    refusals=(*_SHAPE, errors.InvalidToken, errors.Conflict),
)
OWN_EVENTS = _own(
    "GET",
    "/me/events",
    "Read what happened to oneself, newest first",
    query=shapes.OwnEventsQuery,
    answers=shapes.EventsAnswer,
    refusals=_OWN_READS,
)
_SUBSCRIBERS = "/admin/subscribers"
_ONE = "/admin/subscribers/{login_name}"

INVITE = _admin(
    "POST",
    _SUBSCRIBERS,
    "Invite a subscriber",
    takes=shapes.InviteRequest,
    answers=shapes.TicketAnswer,
    status=201,
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
RESET = _admin(
    "POST",
    f"{_ONE}/reset",
    "Reset a subscriber who lost the phone",
    function="reset",
    takes=shapes.ReasonRequest,
    answers=shapes.TicketAnswer,
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
LIST_SUBSCRIBERS = _admin(
    "GET",
    _SUBSCRIBERS,
    "List the account's subscribers, in order of login name",
    query=shapes.SubscribersQuery,
    answers=shapes.SubscribersAnswer,
    refusals=_READS,
)
SUMMARY = _admin(
    "GET",
    "/admin/summary",
    "Count the account's subscribers by state",
    answers=shapes.SummaryAnswer,
    refusals=_READS,
)
READ_SUBSCRIBER = _admin("GET", _ONE, "Read one subscriber", answers=shapes.SubscriberAnswer, refusals=_READS)
CHANGE_SUBSCRIBER = _admin(
    "PATCH",
    _ONE,
    "Change a subscriber's status, role or contact data",
    takes=shapes.ChangeSubscriberRequest,
    answers=shapes.SubscriberAnswer,
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
DELETE_SUBSCRIBER = _admin(
    "DELETE",
    _ONE,
    "Remove a subscriber and what it holds; the audit stays",
    status=204,
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
RESET_PASSWORD = _admin(
    "POST",
    f"{_ONE}/password-reset",
    "Give a ticket for a new password; the authenticators stay",
    takes=shapes.ReasonRequest,
    answers=shapes.TicketAnswer,
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
UNLOCK = _admin(
    "POST",
    f"{_ONE}/unlock",
    "Clear a subscriber's budgets and set a disabled authenticator active again",
    answers=shapes.SubscriberAnswer,
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
READ_POLICY = _admin(
    "GET",
    "/admin/policy",
    "Read the account's policy, and where each value comes from",
    answers=shapes.PolicyAnswer,
    is_versioned=True,
    refusals=_READS,
)
REPLACE_POLICY = _admin(
    "PUT",
    "/admin/policy",
    "Replace the account's policy; a missing field returns to its default",
    takes=shapes.PolicyRequest,
    answers=shapes.PolicyAnswer,
    is_versioned=True,
    refusals=(*_SHAPE, *_ADMIN, errors.PreconditionFailed, errors.PreconditionRequired),
)
SET_LOGO = _admin(
    "PUT",
    "/admin/policy/logo",
    "Set the account's picture: a PNG of at most 32 KB",
    takes=shapes.PictureRequest,
    media_type=PNG,
    largest_body=LARGEST_PICTURE,
    answers=shapes.PictureAnswer,
)
AUDIT = _admin(
    "GET",
    "/admin/audit",
    "Read the account's audit events, newest first",
    query=shapes.EventsQuery,
    answers=shapes.EventsAnswer,
    refusals=_READS,
)
JWKS = Route(
    method="GET",
    path="/.well-known/jwks.json",
    function="published",
    summary="The keys that verify our tokens",
    answers=shapes.Jwks,
    refusals=(errors.InvalidRequest,),
    cached_seconds=3600,
)
DISCOVERY = Route(
    method="GET",
    path="/.well-known/openid-configuration",
    function="published",
    summary="The discovery document",
    answers=shapes.Discovery,
    refusals=(errors.InvalidRequest,),
    cached_seconds=3600,
)
OPENAPI = Route(
    method="GET",
    path="/openapi.json",
    function="published",
    summary="This contract as an OpenAPI 3.1 document",
    answers=dict[str, Any],
    refusals=(errors.InvalidRequest,),
)
HEALTH = Route(
    method="GET",
    path="/health",
    function="published",
    summary="Whether the service answers; makes no call to AWS",
    answers=shapes.HealthAnswer,
    refusals=(errors.InvalidRequest,),
)

# A form in, refusals as RFC 6749 words them: it is found by the discovery document, and stands in no other one.
TOKEN = Route(
    method="POST",
    path="/token",
    function="refresh",
    summary="Change a code or a refresh token for an application's tokens",
    takes=shapes.TokenRequest,
    media_type=FORM,
    answers=shapes.TokenAnswer,
)

ROUTES = (
    LOGIN,
    ENROLL,
    VERIFY,
    PASSWORD,
    REFRESH,
    STEP_UP,
    ME,
    CHANGE_PROFILE,
    ADD_AUTHENTICATOR,
    RENAME_AUTHENTICATOR,
    REMOVE_AUTHENTICATOR,
    RENEW_RECOVERY_CODES,
    CHANGE_PASSWORD,
    SESSIONS,
    END_SESSION,
    OWN_EVENTS,
    LOGOUT,
    LIST_SUBSCRIBERS,
    SUMMARY,
    INVITE,
    READ_SUBSCRIBER,
    CHANGE_SUBSCRIBER,
    DELETE_SUBSCRIBER,
    RESET,
    RESET_PASSWORD,
    UNLOCK,
    READ_POLICY,
    REPLACE_POLICY,
    SET_LOGO,
    AUDIT,
    JWKS,
    DISCOVERY,
    OPENAPI,
    HEALTH,
)
