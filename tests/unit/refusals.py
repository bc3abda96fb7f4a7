"""One refusal of every class there is."""

from secondstep import errors
from secondstep.errors import ServiceError

MADE: tuple[ServiceError, ...] = (
    errors.InvalidRequest("must be six digits", field="code"),
    errors.PasswordRefused("too_short"),
    errors.InvalidCredentials(),
    errors.ChallengeInvalid(),
    errors.InvalidCode(tries_left=3),
    errors.TicketInvalid(),
    errors.InvalidToken(),
    errors.StepUpRequired(max_age=300),
    errors.Forbidden(),
    errors.AuthenticatorDisabled(),
    errors.NotFound(),
    errors.Conflict("The name is taken."),
    errors.PreconditionFailed(),
    errors.PreconditionRequired(),
    errors.PayloadTooLarge(),
    errors.UnsupportedMediaType(),
    errors.TooManyAttempts(retry_after=7),
    errors.InternalError(),
    errors.Unavailable(),
)


def every_class() -> set[type[ServiceError]]:
    """Return every class of the tree that names a code; what narrows one elsewhere has that one's code."""
    found, open_ends = set[type[ServiceError]](), [ServiceError]
    while open_ends:
        for each in open_ends.pop().__subclasses__():
            open_ends.append(each)
            if each.__module__ == errors.__name__:
                found.add(each)
    return found
