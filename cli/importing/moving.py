"""An account as a file, and the file as an account: JSON lines, between accounts and deployments.

What is sealed stays sealed: the file holds the ciphertexts, and KMS seals them anew for where they go (`ReEncrypt`),
so that no seed is ever in clear, neither on the disk nor in this process. Only an export that was asked for the
secrets holds them. Sessions, challenges, tickets and budgets stay behind.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Literal, Protocol

import msgspec

from cli.importing.building import Destination
from cli.importing.candidate import Refusal, Unreadable, WrongFormat
from cli.importing.hashes import own_form, scheme_of
from cli.importing.patience import make, patiently
from cli.importing.seeds import from_base32
from secondstep.account import Policy
from secondstep.authenticators.password import Schemes
from secondstep.authenticators.totp import Secret
from secondstep.errors import InvalidRequest
from secondstep.keys import SealKey, seal_context
from secondstep.store.imports import SeedNote, fingerprint
from secondstep.subscriber import Authenticator, Enrollment, Identity, Role, Status, Subscriber, new_epoch

_LONGEST_LINE = 64 * 1024


class AccountLine(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="account", forbid_unknown_fields=True
):
    """The first line: whose the file is, and the account's policy as it was stored."""

    version: Literal[1]
    account: str
    policy: dict[str, Any]
    exported_at: int
    with_secrets: bool


class SealedAuthenticator(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A bound authenticator: its secret sealed, or (only where that was asked for) in Base32."""

    id: str
    name: str
    created_at: int
    last_step: int
    last_used_at: int
    sealed_secret: bytes | None = None
    secret: str | None = None


class SubscriberLine(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="line",
    tag="subscriber",
    forbid_unknown_fields=True,
):
    """A subscriber: all that its owner would miss, nothing that is under way."""

    login_name: str
    sub: str
    role: Role
    status: Status
    enrollment: Enrollment
    created_at: int
    password_hash: str | None = None
    authenticators: tuple[SealedAuthenticator, ...] = ()
    recovery_codes: tuple[bytes, ...] = ()
    run: int = 0
    last_login_at: int | None = None
    email: str | None = None
    display_name: str | None = None
    locale: str | None = None


class EndLine(msgspec.Struct, frozen=True, kw_only=True, tag_field="line", tag="end", forbid_unknown_fields=True):
    """The last line: how many subscribers stand above it. Without it the file is cut short."""

    subscribers: int


type Line = AccountLine | SubscriberLine | EndLine


class Resealing(Protocol):
    """What seals a ciphertext anew for another subscriber, without opening it here."""

    def __call__(self, sealed: bytes, before: dict[str, str], after: dict[str, str]) -> bytes:
        """Return the secret sealed for `after`; Unreadable where the ciphertext is not of `before`."""
        ...


def line_of(it: Subscriber, opened_by: SealKey | None) -> SubscriberLine:
    """Return a subscriber's line; with a key (one Decrypt for each authenticator) its secrets are in clear."""
    return SubscriberLine(
        login_name=it.login_name,
        sub=it.sub,
        role=it.role,
        status=it.status,
        enrollment=it.enrollment,
        created_at=it.created_at,
        password_hash=it.password_hash,
        authenticators=tuple(_sealed(each, it, opened_by) for each in it.authenticators.values()),
        recovery_codes=tuple(sorted(it.recovery_codes)),
        run=it.run,
        last_login_at=it.last_login_at,
        email=it.email,
        display_name=it.display_name,
        locale=it.locale,
    )


def _sealed(each: Authenticator, owner: Subscriber, opened_by: SealKey | None) -> SealedAuthenticator:
    opened = opened_by.open(each.sealed_secret, owner, each.id).base32 if opened_by else None
    return SealedAuthenticator(
        id=each.id,
        name=each.name,
        created_at=each.created_at,
        last_step=each.last_step,
        last_used_at=each.last_used_at,
        sealed_secret=None if opened else each.sealed_secret,
        secret=opened,
    )


def heading(source: IO[str]) -> AccountLine:
    """Return the first line of an export; WrongFormat where the file is none."""
    line = _decoded(source.readline(_LONGEST_LINE))
    if not isinstance(line, AccountLine):
        raise WrongFormat("This is no export of an account: its first line is another one.")
    return line


def policy_of(line: AccountLine) -> Policy:
    """Return the policy of an export; WrongFormat where it could not be in force."""
    try:
        return msgspec.convert(line.policy, Policy)
    except msgspec.ValidationError as wrong:
        raise WrongFormat(f"The policy in this export is not valid: {wrong}.") from wrong


def users(
    source: IO[str], of: AccountLine, destination: Destination, reseal: Resealing
) -> Iterator["MovedUser | Refusal"]:
    """Yield the subscribers below the heading; WrongFormat at the end where the file is cut short."""
    number, met = 1, 0
    while text := source.readline(_LONGEST_LINE):
        number += 1
        line = _decoded(text)
        if isinstance(line, EndLine):
            if line.subscribers != met:
                raise WrongFormat(f"The file has {met} subscribers, its last line says {line.subscribers}.")
            return
        met += 1
        yield _moved(number, line, of, destination, reseal)
    raise WrongFormat("The file is cut short: its last line is missing.")


def _decoded(text: str) -> Line | None:
    try:
        return _DECODER.decode(text)
    except msgspec.DecodeError:
        return None


def _moved(
    number: int, line: Line | None, of: AccountLine, destination: Destination, reseal: Resealing
) -> "MovedUser | Refusal":
    if not isinstance(line, SubscriberLine):
        return Refusal(number, "this is no line of an export")
    try:
        identity = Identity.parse(account=destination.account, login_name=line.login_name)
        own_form(line.password_hash)
        secrets = [Secret(from_base32(each.secret)) for each in line.authenticators if each.secret]
        _refuse_contradictions(line, identity)
    except InvalidRequest as wrong:
        return Refusal(number, f"{wrong.field} {wrong.message}", line.login_name)
    except Unreadable as why:
        return Refusal(number, str(why), line.login_name)
    return MovedUser(number, line, identity, secrets, of.account, destination, reseal)


def _refuse_contradictions(line: SubscriberLine, identity: Identity) -> None:
    if identity.login_name != line.login_name:
        raise Unreadable("login_name is not in its canonical form")
    if (line.enrollment is Enrollment.BOUND) != bool(line.authenticators):
        raise Unreadable("enrollment and authenticators contradict each other")
    if any((each.secret is None) == (each.sealed_secret is None) for each in line.authenticators):
        raise Unreadable("an authenticator has no secret, or two")
    if len({each.id for each in line.authenticators}) < len(line.authenticators):
        raise Unreadable("two authenticators have the same id")
    if line.status is Status.ACTIVE and line.password_hash is None:
        raise Unreadable("the subscriber is active and has no password")
    if any(len(code) != 16 for code in line.recovery_codes):
        raise Unreadable("a recovery code's hash has the wrong length")


@dataclass(frozen=True)
class MovedUser:
    """A subscriber of an export, on its way into an account."""

    line: int
    held: SubscriberLine
    identity: Identity
    secrets: list[Secret]
    source_account: str
    destination: Destination
    reseal: Resealing

    @property
    def scheme(self) -> str | None:
        """Return the scheme of a password hash that was never replaced by ours."""
        return scheme_of(self.held.password_hash)

    @property
    def has_authenticator(self) -> bool:
        """Tell whether it brings an authenticator."""
        return bool(self.held.authenticators)

    @property
    def has_password(self) -> bool:
        """Tell whether it brings a password."""
        return self.held.password_hash is not None

    def write(self, schemes: Schemes) -> None:
        """Seal each secret for this account and make the subscriber with its event: all or nothing.

        `sub` stays, so that applications know it again and the recovery codes still match; the epoch is new.
        """
        subscriber = self._subscriber()
        bound = {each.id: self._authenticator(each, subscriber) for each in self.held.authenticators}
        subscriber = msgspec.structs.replace(subscriber, authenticators=bound)
        in_clear = [each for each in self.held.authenticators if each.secret]
        notes = [
            SeedNote(fingerprint(secret, schemes), each.id) for each, secret in zip(in_clear, self.secrets, strict=True)
        ]
        event = self.destination.recorded(subscriber, {"format": "secondstep", "from_account": self.source_account})
        make(self.destination.store, subscriber, notes, event)

    def _subscriber(self) -> Subscriber:
        it = self.held
        return Subscriber(
            account=self.identity.account,
            login_name=self.identity.login_name,
            sub=it.sub,
            role=it.role,
            status=it.status,
            enrollment=it.enrollment,
            epoch=new_epoch(),
            created_at=it.created_at,
            password_hash=it.password_hash,
            recovery_codes=frozenset(it.recovery_codes),
            run=it.run,
            last_login_at=it.last_login_at,
            email=it.email,
            display_name=it.display_name,
            locale=it.locale,
        )

    def _authenticator(self, it: SealedAuthenticator, owner: Subscriber) -> Authenticator:
        return Authenticator(
            id=it.id,
            name=it.name,
            sealed_secret=self._resealed(it, owner),
            created_at=it.created_at,
            last_step=it.last_step,
            last_used_at=it.last_used_at,
        )

    def _resealed(self, it: SealedAuthenticator, owner: Subscriber) -> bytes:
        if it.secret:
            secret = Secret(from_base32(it.secret))
            return patiently(lambda: self.destination.seal_key.seal(secret, owner, it.id))
        before = msgspec.structs.replace(owner, account=self.source_account)
        contexts = seal_context(before, it.id), seal_context(owner, it.id)
        return patiently(lambda: self.reseal(it.sealed_secret or b"", *contexts))


_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(AccountLine | SubscriberLine | EndLine)
ENCODER = msgspec.json.Encoder()
