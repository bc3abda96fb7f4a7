"""Who acts on other people: an admin of their account, or the operator of the deployment.

An admin stands behind the authorizer, and every write checks the standing once more. The operator's right to write
is AWS's own to check; what both do goes through the same flows and is recorded alike.
"""

from typing import NamedTuple

from secondstep.audit import Operator, Person
from secondstep.errors import StepUpRequired
from secondstep.session import Standing
from secondstep.store.administration import ByOperator
from secondstep.subscriber import Subscriber

WRITE_MAX_AGE_SECONDS = 15 * 60
PRIVILEGE_MAX_AGE_SECONDS = 5 * 60


class ActingAdmin(NamedTuple):
    """The admin behind a request, and what the authorizer's read saw of the subject that the path names."""

    account: str
    person: Person
    standing: Standing
    auth_time: int
    subject: Person | None
    subject_role: str

    def require_recent(self, max_age: int, now: int) -> None:
        """Raise StepUpRequired where the authentication is older than this many seconds (RFC 9470)."""
        if now - self.auth_time > max_age:
            raise StepUpRequired(max_age=max_age)

    def about(self, subject: Subscriber) -> "ActingAdmin":
        """Return the admin, about to act on a subscriber of the account that was read."""
        return self._replace(subject=Person.of(subject), subject_role=subject.role.value)

    @property
    def caller(self) -> str:
        """Return whose cursors are good."""
        return self.person.sub

    def is_called(self, login_name: str) -> bool:
        """Tell whether a name of the account is the admin's own."""
        return login_name == self.person.login_name

    def is_oneself(self, subject_sub: str) -> bool:
        """Tell whether a subject is the admin: nobody acts on themselves."""
        return subject_sub == self.person.sub


class ActingOperator(NamedTuple):
    """The operator at a terminal, in one account; AWS has authenticated the call."""

    account: str
    person: Operator
    subject: Person | None = None
    subject_role: str = ""
    standing: ByOperator = ByOperator()

    @property
    def caller(self) -> str:
        """Return whose cursors are good."""
        return self.person.arn

    def about(self, subject: Subscriber) -> "ActingOperator":
        """Return the operator, about to act on a subscriber that was read."""
        return self._replace(subject=Person.of(subject), subject_role=subject.role.value)

    def require_recent(self, _max_age: int, _now: int) -> None:
        """Ask for nothing: how fresh the credentials are is AWS's to judge."""

    def is_called(self, _login_name: str) -> bool:
        """Tell that no name of an account is the operator's."""
        return False

    def is_oneself(self, _subject_sub: str) -> bool:
        """Tell that no subscriber is the operator."""
        return False


type Acting = ActingAdmin | ActingOperator
