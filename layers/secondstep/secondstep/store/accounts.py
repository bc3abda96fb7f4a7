"""Accounts and their policy, and the account's first admin."""

import hashlib
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from secondstep.account import Policy
from secondstep.audit import Event
from secondstep.aws import Item
from secondstep.session import Standing
from secondstep.store.administration import Actor, ActorRefused, AlreadyExists
from secondstep.store.database import Database, Part, Refused
from secondstep.store.expression import Clause, NewItem, Write, equals, exists, no_number
from secondstep.store.layout import CREATED_AT, account_key, event_item, logo_key, subscriber_item
from secondstep.store.sessions import Sessions
from secondstep.subscriber import Subscriber

_POLICY_SECONDS = 60
_POLICY, _VERSION, _PICTURE = "policy", "version", "png"
_LOGO = "logo"  # beside the policy: the mark of the picture, so that a page that reads the one knows of the other


class StoredPolicy(NamedTuple):
    """The fields that the account has decided, and the version as it is stored (None: never)."""

    fields: dict[str, Any]
    stored_version: object

    @property
    def version(self) -> int:
        """Return the version; 0 for none, or for what a slip at the console left in its place."""
        return self.stored_version if type(self.stored_version) is int else 0

    @property
    def in_force(self) -> Policy:
        """Return the policy; what is corrupt is the safe default as a whole (attack A26)."""
        return policy_of(self.fields)

    @property
    def decided(self) -> frozenset[str]:
        """Return the fields whose value in force is the account's own."""
        return frozenset(self.fields) if _is_whole(self.fields) else frozenset()


class _Held(NamedTuple):
    """What an environment keeps of an account for a minute."""

    read_at: int
    policy: Policy
    logo: str


class PolicyChanged(Exception):
    """The policy is not any more of the version that was read."""


class NoPicture(Exception):
    """There is no picture to remove."""


class Accounts:
    """Reads and writes of account items."""

    def __init__(self, database: Database, sessions: Sessions) -> None:
        self._database = database
        self._sessions = sessions
        self._policies: dict[str, _Held] = {}

    def policy(self, account: str, now: int) -> Policy:
        """Return the account's policy, at most 60 s old; a missing or unreadable one is the safe default."""
        return self._read(account, now).policy

    def logo(self, account: str, now: int) -> str:
        """Return the mark of the account's picture, at most 60 s old; an empty text where there is none.

        It comes with the policy, in the same read. Another picture has another mark.
        """
        return self._read(account, now).logo

    def _read(self, account: str, now: int) -> _Held:
        held = self._policies.get(account)
        if held and 0 <= now - held.read_at < _POLICY_SECONDS:
            return held
        item = self._database.get(account_key(account)) or {}
        held = _Held(now, policy_of(item.get(_POLICY, {})), _mark(item))
        self._policies[account] = held
        return held

    def stored_logo(self, account: str) -> str:
        """Return the mark of the account's picture as it is stored now (consistent read)."""
        return _mark(self._database.get(account_key(account)) or {})

    def picture(self, account: str) -> bytes | None:
        """Return the account's picture as it is stored; None where there is none, and where there is no account."""
        png = (self._database.get(logo_key(account)) or {}).get(_PICTURE)
        return png if isinstance(png, bytes) else None

    def stored_policy(self, account: str) -> StoredPolicy:
        """Return the policy as it is stored now (consistent read)."""
        item = self._database.get(account_key(account)) or {}
        fields = item.get(_POLICY, {})
        return StoredPolicy(fields if isinstance(fields, dict) else {}, item.get(_VERSION))

    def change_policy(
        self, account: str, fields: dict[str, Any], before: StoredPolicy, actor: Actor, event: Event
    ) -> StoredPolicy:
        """One transaction: the fields take the place of all that was stored; PolicyChanged for another version.

        An item that was lost (a bad restore, a slip at the console) is made again: it is nobody's to keep broken.
        """
        after = StoredPolicy(fields, before.version + 1)
        is_as_read = _is_still(before.stored_version)
        write = Write(account_key(account)).require(is_as_read)
        self._commit(write.set((_POLICY,), fields).set((_VERSION,), after.version), actor, event)
        self._policies.pop(account, None)
        return after

    def set_logo(self, account: str, png: bytes, actor: Actor, event: Event) -> None:
        """One transaction: the account's picture, and its mark beside the policy."""
        marked = Write(account_key(account)).set((_LOGO,), mark_of(png))
        self._commit(marked, actor, event, Write(logo_key(account)).set((_PICTURE,), png))
        self._policies.pop(account, None)

    def remove_logo(self, account: str, actor: Actor, event: Event) -> None:
        """One transaction: no picture and no mark any more; NoPicture where there was none."""
        unmarked = Write(account_key(account)).require(exists(_LOGO)).remove((_LOGO,))
        try:
            self._commit(unmarked, actor, event, Write(logo_key(account)).remove((_PICTURE,)))
        except PolicyChanged as gone:
            raise NoPicture from gone
        self._policies.pop(account, None)

    def create(self, account: str, policy: Policy, first_admin: Subscriber, event: Event, now: int) -> None:
        """One transaction: an account and its first admin; AlreadyExists where the account does."""
        item = account_key(account) | {
            _POLICY: _decided(policy),
            _VERSION: 1,
            CREATED_AT: now,
        }
        made = [
            self._database.created(NewItem(item)),
            self._database.created(NewItem(subscriber_item(first_admin))),
        ]
        try:
            self._database.commit(*made, self._recorded(event))
        except Refused as refused:
            raise AlreadyExists(None) from refused

    def _commit(self, write: Write, actor: Actor, event: Event, *more: Write) -> None:
        checks = self._sessions.still_admin(actor) if isinstance(actor, Standing) else []
        changes = [self._database.changed(each) for each in (write, *more)]
        try:
            self._database.commit(*changes, *checks, self._recorded(event))
        except Refused as refused:
            raise (PolicyChanged if refused.part == 0 else ActorRefused) from refused

    def _recorded(self, event: Event) -> Part:
        return self._database.recorded(NewItem(event_item(event)))


def mark_of(png: bytes) -> str:
    """Return a picture's mark: it names the content, so an address with it never shows another picture."""
    return hashlib.sha256(png).hexdigest()[:16]


def _mark(item: Item) -> str:
    mark = item.get(_LOGO)
    return mark if isinstance(mark, str) else ""


def _is_still(version: object) -> Clause:
    """The version is the one that was read, or still none that could be compared."""
    return equals((_VERSION,), version) if type(version) in (int, Decimal) else no_number(_VERSION)


def _decided(policy: Policy) -> dict[str, Any]:
    """Return the fields that differ from the defaults: the others follow the defaults of each release."""
    default, fields = Policy(), msgspec.to_builtins(policy)
    return {name: fields[name] for name in fields if getattr(policy, name) != getattr(default, name)}


def policy_of(stored: object) -> Policy:
    """Return stored fields as a policy; what is corrupt is the safe default as a whole (attack A26)."""
    return msgspec.convert(stored, Policy) if _is_whole(stored) else Policy()  # fail closed: MFA required


def _is_whole(stored: object) -> bool:
    try:
        msgspec.convert(stored, Policy)
    except msgspec.ValidationError:
        return False
    return True
