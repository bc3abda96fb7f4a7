"""The HTTP contract as data: which routes there are, what each takes, answers and refuses.

The gateway's template, the handlers, the OpenAPI document and docs/api.md are held to it by tests.
"""

from typing import Any, Literal

import msgspec

from secondstep import errors
from secondstep.shapes import (
    AddedAnswer,
    AddRequest,
    AuthenticatorAnswer,
    ChangePasswordRequest,
    ChangeSubscriberRequest,
    Discovery,
    EnrollAnswer,
    EnrollNext,
    EnrollRequest,
    EventsAnswer,
    EventsQuery,
    HealthAnswer,
    InviteRequest,
    Jwks,
    LoginRequest,
    LogoutRequest,
    MeAnswer,
    Nothing,
    OwnEventsQuery,
    PasswordNext,
    PasswordRequest,
    PictureAnswer,
    PictureRequest,
    PolicyAnswer,
    PolicyRequest,
    ProfileRequest,
    ReasonRequest,
    RecoveryCodesAnswer,
    RefreshRequest,
    RenameRequest,
    Request,
    SessionAnswer,
    SessionLine,
    StepUpAnswer,
    StepUpRequest,
    SubscriberAnswer,
    SubscribersAnswer,
    SubscribersQuery,
    SummaryAnswer,
    TicketAnswer,
    VerifyNext,
    VerifyRequest,
)

JSON, PNG = "application/json", "image/png"
LARGEST_BODY, LARGEST_PICTURE = 4 * 1024, 32 * 1024

type Refusals = tuple[type[errors.ServiceError], ...]
type Bearer = Literal["none", "account_token", "either_token", "admin"]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route: method and path as API Gateway's resource names them, its function, shapes and refusals."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    function: str
    summary: str
    takes: type[Request] = Nothing
    query: type[Request] = Nothing  # its parameters, as a struct
    media_type: str = JSON  # of the body that it takes
    largest_body: int = LARGEST_BODY
    answers: object = None  # a type, or None for 204
    also_answers: object = None  # another one, where they do not share a tag
    status: int = 200
    bearer: Bearer = "none"
    refusals: Refusals = ()
    cached_seconds: int = 0


_SHAPE: Refusals = (errors.InvalidRequest, errors.PayloadTooLarge, errors.UnsupportedMediaType)
EVERYWHERE: Refusals = (errors.NotFound, errors.TooManyAttempts, errors.InternalError, errors.Unavailable)
_FRESH: Refusals = (errors.InvalidToken, errors.StepUpRequired)
_ADMIN: Refusals = (errors.InvalidToken, errors.StepUpRequired, errors.Forbidden)

LOGIN = Route(
    method="POST",
    path="/login",
    function="login",
    summary="Log in with a password; the answer says what comes next",
    takes=LoginRequest,
    answers=VerifyNext | EnrollNext | PasswordNext | SessionAnswer,
    refusals=(*_SHAPE, errors.InvalidCredentials, errors.Conflict),
)
ENROLL = Route(
    method="POST",
    path="/enroll",
    function="enroll",
    summary="Get a secret and its QR code to scan",
    takes=EnrollRequest,
    answers=EnrollAnswer,
    refusals=(*_SHAPE, errors.ChallengeInvalid, errors.TicketInvalid, errors.Conflict),
)
VERIFY = Route(
    method="POST",
    path="/verify",
    function="verify",
    summary="Prove the second factor, or confirm an enrollment or a further authenticator",
    takes=VerifyRequest,
    answers=SessionAnswer,
    also_answers=AddedAnswer,
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
    takes=PasswordRequest,
    status=204,
    refusals=(*_SHAPE, errors.PasswordRefused, errors.TicketInvalid, errors.Conflict),
)
REFRESH = Route(
    method="POST",
    path="/refresh",
    function="refresh",
    summary="Rotate the refresh token, get new signed tokens",
    takes=RefreshRequest,
    answers=SessionAnswer,
    refusals=(*_SHAPE, errors.InvalidToken),
)
STEP_UP = Route(
    method="POST",
    path="/step-up",
    function="verify",
    summary="Authenticate again within a session",
    takes=StepUpRequest,
    answers=StepUpAnswer,
    bearer="account_token",
    refusals=(
        *_SHAPE,
        errors.InvalidToken,
        errors.InvalidCode,
        errors.InvalidCredentials,
        errors.AuthenticatorDisabled,
    ),
)
ME = Route(
    method="GET",
    path="/me",
    function="me",
    summary="Read who the token belongs to: the live check for applications",
    answers=MeAnswer,
    bearer="either_token",
    refusals=(errors.InvalidRequest, errors.InvalidToken),
)
LOGOUT = Route(
    method="POST",
    path="/logout",
    function="me",
    summary="End the session",
    takes=LogoutRequest,
    status=204,
    bearer="account_token",
    refusals=(*_SHAPE, errors.InvalidToken),
)
CHANGE_PROFILE = Route(
    method="PATCH",
    path="/me",
    function="me",
    summary="Change one's own name, language or address",
    takes=ProfileRequest,
    answers=MeAnswer,
    bearer="account_token",
    refusals=(*_SHAPE, *_FRESH),
)
ADD_AUTHENTICATOR = Route(
    method="POST",
    path="/me/authenticators",
    function="enroll",
    summary="Get a secret for a further authenticator",
    takes=AddRequest,
    answers=EnrollAnswer,
    bearer="account_token",
    refusals=(*_SHAPE, *_FRESH, errors.TicketInvalid, errors.Conflict),
)
RENAME_AUTHENTICATOR = Route(
    method="PATCH",
    path="/me/authenticators/{id}",
    function="me",
    summary="Rename an authenticator",
    takes=RenameRequest,
    answers=AuthenticatorAnswer,
    bearer="account_token",
    refusals=(*_SHAPE, errors.InvalidToken),
)
REMOVE_AUTHENTICATOR = Route(
    method="DELETE",
    path="/me/authenticators/{id}",
    function="me",
    summary="Remove an authenticator; every other session ends",
    status=204,
    bearer="account_token",
    refusals=(*_SHAPE, *_FRESH, errors.Conflict),
)
RENEW_RECOVERY_CODES = Route(
    method="POST",
    path="/me/recovery-codes",
    function="me",
    summary="Get a new set of recovery codes; the old one dies",
    answers=RecoveryCodesAnswer,
    bearer="account_token",
    refusals=(*_SHAPE, *_FRESH, errors.Conflict),
)
CHANGE_PASSWORD = Route(
    method="POST",
    path="/me/password",
    function="password",
    summary="Change one's own password; every other session ends",
    takes=ChangePasswordRequest,
    status=204,
    bearer="account_token",
    refusals=(*_SHAPE, *_FRESH, errors.PasswordRefused, errors.InvalidCredentials),
)
SESSIONS = Route(
    method="GET",
    path="/me/sessions",
    function="me",
    summary="List one's own living sessions, last used first",
    answers=list[SessionLine],
    bearer="account_token",
    refusals=(errors.InvalidRequest, errors.InvalidToken),
)
END_SESSION = Route(
    method="DELETE",
    path="/me/sessions/{id}",
    function="me",
    summary="End one of one's own sessions",
    status=204,
    bearer="account_token",
    refusals=(*_SHAPE, errors.InvalidToken),
)
OWN_EVENTS = Route(
    method="GET",
    path="/me/events",
    function="me",
    summary="Read what happened to oneself, newest first",
    query=OwnEventsQuery,
    answers=EventsAnswer,
    bearer="account_token",
    refusals=(errors.InvalidRequest, errors.InvalidToken),
)
INVITE = Route(
    method="POST",
    path="/admin/subscribers",
    function="admin",
    summary="Invite a subscriber",
    takes=InviteRequest,
    answers=TicketAnswer,
    status=201,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
RESET = Route(
    method="POST",
    path="/admin/subscribers/{login_name}/reset",
    function="reset",
    summary="Reset a subscriber who lost the phone",
    takes=ReasonRequest,
    answers=TicketAnswer,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
_SUBSCRIBERS = "/admin/subscribers"
_ONE = "/admin/subscribers/{login_name}"

LIST_SUBSCRIBERS = Route(
    method="GET",
    path=_SUBSCRIBERS,
    function="admin",
    summary="List the account's subscribers, in order of login name",
    query=SubscribersQuery,
    answers=SubscribersAnswer,
    bearer="admin",
    refusals=(errors.InvalidRequest, errors.InvalidToken, errors.Forbidden),
)
SUMMARY = Route(
    method="GET",
    path="/admin/summary",
    function="admin",
    summary="Count the account's subscribers by state",
    answers=SummaryAnswer,
    bearer="admin",
    refusals=(errors.InvalidRequest, errors.InvalidToken, errors.Forbidden),
)
READ_SUBSCRIBER = Route(
    method="GET",
    path=_ONE,
    function="admin",
    summary="Read one subscriber",
    answers=SubscriberAnswer,
    bearer="admin",
    refusals=(errors.InvalidRequest, errors.InvalidToken, errors.Forbidden),
)
CHANGE_SUBSCRIBER = Route(
    method="PATCH",
    path=_ONE,
    function="admin",
    summary="Change a subscriber's status, role or contact data",
    takes=ChangeSubscriberRequest,
    answers=SubscriberAnswer,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
DELETE_SUBSCRIBER = Route(
    method="DELETE",
    path=_ONE,
    function="admin",
    summary="Remove a subscriber and what it holds; the audit stays",
    status=204,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
RESET_PASSWORD = Route(
    method="POST",
    path=f"{_ONE}/password-reset",
    function="admin",
    summary="Give a ticket for a new password; the authenticators stay",
    takes=ReasonRequest,
    answers=TicketAnswer,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
UNLOCK = Route(
    method="POST",
    path=f"{_ONE}/unlock",
    function="admin",
    summary="Clear a subscriber's budgets and set a disabled authenticator active again",
    answers=SubscriberAnswer,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN, errors.Conflict),
)
READ_POLICY = Route(
    method="GET",
    path="/admin/policy",
    function="admin",
    summary="Read the account's policy, and where each value comes from",
    answers=PolicyAnswer,
    bearer="admin",
    refusals=(errors.InvalidRequest, errors.InvalidToken, errors.Forbidden),
)
REPLACE_POLICY = Route(
    method="PUT",
    path="/admin/policy",
    function="admin",
    summary="Replace the account's policy; a missing field returns to its default",
    takes=PolicyRequest,
    answers=PolicyAnswer,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN, errors.PreconditionFailed, errors.PreconditionRequired),
)
SET_LOGO = Route(
    method="PUT",
    path="/admin/policy/logo",
    function="admin",
    summary="Set the account's picture: a PNG of at most 32 KB",
    takes=PictureRequest,
    media_type=PNG,
    largest_body=LARGEST_PICTURE,
    answers=PictureAnswer,
    bearer="admin",
    refusals=(*_SHAPE, *_ADMIN),
)
AUDIT = Route(
    method="GET",
    path="/admin/audit",
    function="admin",
    summary="Read the account's audit events, newest first",
    query=EventsQuery,
    answers=EventsAnswer,
    bearer="admin",
    refusals=(errors.InvalidRequest, errors.InvalidToken, errors.Forbidden),
)
JWKS = Route(
    method="GET",
    path="/.well-known/jwks.json",
    function="published",
    summary="The keys that verify our tokens",
    answers=Jwks,
    refusals=(errors.InvalidRequest,),
    cached_seconds=3600,
)
DISCOVERY = Route(
    method="GET",
    path="/.well-known/openid-configuration",
    function="published",
    summary="The discovery document",
    answers=Discovery,
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
    answers=HealthAnswer,
    refusals=(errors.InvalidRequest,),
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
