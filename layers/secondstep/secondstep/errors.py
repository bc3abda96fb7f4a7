"""Everything that can be refused, as one tree; each class is one `code` of docs/api.md.

`detail` is a sentence that is safe to show: it never holds what the caller typed, and before the password is
proven it says nothing about the subscriber. `http` turns a ServiceError into an answer (RFC 9457).
"""

from typing import ClassVar, Literal

type Hint = Literal["replayed", "clock_behind", "clock_ahead"]
type Members = dict[str, object]


class ServiceError(Exception):
    """A refusal that the caller is told about."""

    code: ClassVar[str]
    status: ClassVar[int]
    title: ClassVar[str]
    detail: str = ""

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(self.code)
        if detail is not None:
            self.detail = detail

    def members(self) -> Members:
        """Return the further members of the problem document: only what its reader can act on."""
        return {}


class InvalidRequest(ServiceError):
    """The shape of the request is wrong; `errors` names the field."""

    code = "invalid_request"
    status = 400
    title = "The request is not well formed"
    detail = "Check the fields that `errors` names."

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__()
        self.message = message
        self.field = field

    def members(self) -> Members:
        """Name the field and what is wrong with it."""
        return {"errors": [{"field": self.field, "message": self.message}]}


class PasswordRefused(ServiceError):
    """The new password breaks a rule; nothing was spent."""

    code = "password_refused"
    status = 400
    title = "The new password is refused"
    detail = "Choose another password."

    def __init__(self, reason: Literal["too_short", "too_long", "too_common"]) -> None:
        super().__init__()
        self.reason = reason

    def members(self) -> Members:
        """Say which rule."""
        return {"reason": self.reason}


class InvalidCredentials(ServiceError):
    """Unknown account, unknown name, wrong password, disabled subscriber: one answer for all."""

    code = "invalid_credentials"
    status = 401
    title = "The credentials are not right"
    detail = "Account, login name or password is wrong."


class ChallengeInvalid(ServiceError):
    """The challenge is unknown, expired, spent, of another purpose, or its tries are used up."""

    code = "challenge_invalid"
    status = 401
    title = "The challenge is not valid any more"
    detail = "Log in again."


class InvalidCode(ServiceError):
    """A wrong code or recovery code; the hint explains it where that helps no guesser."""

    code = "invalid_code"
    status = 401
    title = "The code is not right"
    detail = "Enter the code that the authenticator shows now."

    def __init__(
        self,
        *,
        tries_left: int,
        hint: Hint | None = None,
        retry_after: int | None = None,
        drift_seconds: int | None = None,
    ) -> None:
        super().__init__()
        self.tries_left = tries_left
        self.hint = hint
        self.retry_after = retry_after
        self.drift_seconds = drift_seconds

    def members(self) -> Members:
        """Tell the tries left and, where it is known, why."""
        optional = {"hint": self.hint, "retry_after": self.retry_after, "drift_seconds": self.drift_seconds}
        return {"tries_left": self.tries_left} | {k: v for k, v in optional.items() if v is not None}


class TicketInvalid(ServiceError):
    """The ticket is missing, wrong, used, expired, or of the other kind."""

    code = "ticket_invalid"
    status = 401
    title = "The ticket is not valid"
    detail = "Ask the account admin for a ticket."


class InvalidToken(ServiceError):
    """A bearer or refresh token is missing, malformed, expired, revoked, or of the wrong audience."""

    code = "invalid_token"
    status = 401
    title = "The token is not valid"
    detail = "Log in again."


class StepUpRequired(ServiceError):
    """The authentication is too old, or lacks the second factor, for this action (RFC 9470)."""

    code = "step_up_required"
    status = 401
    title = "A fresh authentication is needed"
    detail = "Authenticate again with POST /step-up."

    def __init__(self, *, max_age: int) -> None:
        super().__init__()
        self.max_age = max_age

    def members(self) -> Members:
        """Say how old the authentication may be, in seconds."""
        return {"max_age": self.max_age}


class Forbidden(ServiceError):
    """Authenticated, but not allowed."""

    code = "forbidden"
    status = 403
    title = "Not allowed"
    detail = "This action is not allowed."


class AuthenticatorDisabled(ServiceError):
    """Fifty wrong codes in a row have disabled the authenticators."""

    code = "authenticator_disabled"
    status = 403
    title = "The authenticator is disabled"
    detail = "Use a recovery code, or ask the account admin."


class NotFound(ServiceError):
    """There is no such thing, or it is another account's or another person's."""

    code = "not_found"
    status = 404
    title = "Not found"
    detail = "There is nothing here."


class Conflict(ServiceError):
    """A race was lost, the thing exists already, or a rule would be broken; `detail` names which."""

    code = "conflict"
    status = 409
    title = "The request conflicts with the present state"


class PreconditionFailed(ServiceError):
    """`If-Match` names another version than the one in force (RFC 9110 section 13.1.1)."""

    code = "precondition_failed"
    status = 412
    title = "Somebody else has changed it"
    detail = "Read it again, and send its ETag in If-Match."


class PreconditionRequired(ServiceError):
    """`If-Match` is missing (RFC 6585 section 3)."""

    code = "precondition_required"
    status = 428
    title = "If-Match is needed"
    detail = "Read it first, and send its ETag in If-Match."


class PayloadTooLarge(ServiceError):
    """The body is larger than the route takes: 4 KB, for a picture 32 KB."""

    code = "payload_too_large"
    status = 413
    title = "The body is too large"
    detail = "Send at most 4 KB, as a picture at most 32 KB."


class UnsupportedMediaType(ServiceError):
    """The body is not what the route takes."""

    code = "unsupported_media_type"
    status = 415
    title = "The media type is not supported"
    detail = "Send application/json, as a picture image/png."


class TooManyAttempts(ServiceError):
    """A budget is used up until `retry_after` seconds from now."""

    code = "too_many_attempts"
    status = 429
    title = "Too many attempts"
    detail = "Wait, then try again."

    def __init__(self, *, retry_after: int) -> None:
        super().__init__()
        self.retry_after = max(1, retry_after)

    def members(self) -> Members:
        """Say when the next try is possible."""
        return {"retry_after": self.retry_after}


class InternalError(ServiceError):
    """A defect; nothing was decided."""

    code = "internal_error"
    status = 500
    title = "Something is broken here"
    detail = "Nothing was decided. Tell the operator the request_id."


class Unavailable(ServiceError):
    """A store or key could not answer; nothing was decided, and no token was given."""

    code = "unavailable"
    status = 503
    title = "Not available right now"
    detail = "Nothing was decided. Try again."
    retry_after = 1

    def members(self) -> Members:
        """Say when to try again."""
        return {"retry_after": self.retry_after}
