"""From what a file says to the subscriber that is written: checked, its seeds sealed under its own context."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from cli.importing.candidate import Candidate, Read, Refusal, Seed, Unreadable
from cli.importing.hashes import scheme_of
from cli.importing.patience import make, patiently
from secondstep.account import EnrollmentTicket, Policy
from secondstep.audit import Event, EventName, Operator, Outcome, Person, event_by
from secondstep.authenticators.password import Schemes
from secondstep.authenticators.totp import Secret
from secondstep.context import RequestContext
from secondstep.errors import InvalidRequest
from secondstep.keys import SealKey
from secondstep.shapes import Email, Locale, Name
from secondstep.store import Store
from secondstep.store.imports import SeedNote, fingerprint
from secondstep.subscriber import Authenticator, Enrollment, Identity, Role, Status, Subscriber, new_epoch, new_id

_NO_STEP_YET = -1
_DEFAULT_NAME = "Authenticator"


class Destination(NamedTuple):
    """Where users go: the account with its policy, the store and key to write with, and how to record it."""

    account: str
    policy: Policy
    store: Store
    seal_key: SealKey
    operator: Operator
    context: Callable[[], RequestContext]

    def recorded(self, subscriber: Subscriber, detail: dict[str, str]) -> Event:
        """Return the audit event of an import, by the operator."""
        person = Person.of(subscriber)
        return event_by(
            self.operator, person, self.account, EventName.IMPORTED, Outcome.SUCCESS, self.context(), detail=detail
        )


@dataclass(frozen=True)
class NewUser:
    """A user of another system whose line has the right shape."""

    candidate: Candidate
    identity: Identity
    destination: Destination
    format: str

    @property
    def line(self) -> int:
        """Return the line it stands on."""
        return self.candidate.line

    @property
    def scheme(self) -> str | None:
        """Return the scheme of its password hash."""
        return scheme_of(self.candidate.password_hash)

    @property
    def secrets(self) -> list[Secret]:
        """Return its TOTP seeds."""
        return [each.secret for each in self.candidate.seeds]

    @property
    def has_authenticator(self) -> bool:
        """Tell whether it brings an authenticator."""
        return bool(self.candidate.seeds)

    @property
    def has_password(self) -> bool:
        """Tell whether it brings a password."""
        return self.candidate.password_hash is not None

    def write(self, schemes: Schemes) -> None:
        """Seal the seeds (one Encrypt each) and make the subscriber, its seeds' notes and the event: all or nothing."""
        to = self.destination
        context = to.context()
        person = _person(self.candidate, self.identity, to.policy, context.now)
        authenticators = [_authenticator(each, person, to.seal_key, context.now) for each in self.candidate.seeds]
        notes = [
            SeedNote(fingerprint(each.secret, schemes), made.id)
            for each, made in zip(self.candidate.seeds, authenticators, strict=True)
        ]
        person = msgspec.structs.replace(person, authenticators={each.id: each for each in authenticators})
        make(to.store, person, notes, to.recorded(person, {"format": self.format}))


def entry_of(read: Read, destination: Destination, file_format: str) -> NewUser | Refusal:
    """Return what can be taken in, or the refusal of a line whose parts have the wrong shape."""
    if isinstance(read, Refusal):
        return read
    try:
        identity = _identity_of(read, destination.account)
        _refuse_wrong_shapes(read, destination.policy)
    except Unreadable as why:
        return Refusal(read.line, str(why), read.login_name)
    return NewUser(read, identity, destination, file_format)


def _identity_of(candidate: Candidate, account: str) -> Identity:
    """Return the canonical name; Unreadable where it has the wrong shape."""
    try:
        return Identity.parse(account=account, login_name=candidate.login_name)
    except InvalidRequest as wrong:
        raise Unreadable(f"{wrong.field} {wrong.message}") from wrong


def _refuse_wrong_shapes(candidate: Candidate, policy: Policy) -> None:
    """Raise Unreadable for contact data of the wrong shape, and for more authenticators than the policy allows."""
    for field, value, shape in (
        ("email", candidate.email, Email),
        ("display_name", candidate.display_name, Name),
        ("locale", candidate.locale, Locale),
    ):
        if value is not None:
            _refuse_wrong_shape(field, value, shape)
    if len(candidate.seeds) > policy.max_authenticators:
        many, most = len(candidate.seeds), policy.max_authenticators
        raise Unreadable(f"the user has {many} authenticators, the policy allows {most}")


def _refuse_wrong_shape(field: str, value: str, shape: object) -> None:
    try:
        msgspec.convert(value, type=shape)
    except msgspec.ValidationError as wrong:
        raise Unreadable(f"{field} has the wrong shape") from wrong


def _person(candidate: Candidate, identity: Identity, policy: Policy, now: int) -> Subscriber:
    return Subscriber(
        account=identity.account,
        login_name=identity.login_name,
        sub=new_id(),
        role=Role.AGENT,
        status=_status(candidate),
        enrollment=_enrollment(candidate, policy),
        epoch=new_epoch(),
        created_at=now,
        password_hash=candidate.password_hash,
        email=candidate.email,
        display_name=candidate.display_name,
        locale=candidate.locale,
    )


def _status(candidate: Candidate) -> Status:
    """Who brings no password is invited: an admin's password reset gives the ticket for the first one."""
    if candidate.is_disabled:
        return Status.DISABLED
    return Status.ACTIVE if candidate.password_hash else Status.INVITED


def _enrollment(candidate: Candidate, policy: Policy) -> Enrollment:
    if candidate.seeds:
        return Enrollment.BOUND
    always = policy.enrollment_ticket is EnrollmentTicket.ALWAYS
    return Enrollment.TICKETED if always else Enrollment.OPEN


def _authenticator(seed: Seed, person: Subscriber, seal_key: SealKey, now: int) -> Authenticator:
    authenticator_id = new_id()
    return Authenticator(
        id=authenticator_id,
        name=_name(seed.name),
        sealed_secret=patiently(lambda: seal_key.seal(seed.secret, person, authenticator_id)),
        created_at=now,
        last_step=_NO_STEP_YET,
        last_used_at=now,
    )


def _name(wanted: str) -> str:
    """Return what the person sees: the old system's name for it, where that is one line."""
    try:
        name: str = msgspec.convert(wanted.strip()[:64], type=Name)
    except msgspec.ValidationError:
        return _DEFAULT_NAME
    return name
