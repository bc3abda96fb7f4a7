"""The service as its callers meet it: real handlers behind the local gateway, moto behind one lock, a settable clock.

States are made through the package's own records; what happened is read from the items and the audit events.
"""

import threading
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pyotp
from argon2 import PasswordHasher

from local.cloud import Cloud
from local.gateway import Gateway
from secondstep.account import Policy
from secondstep.authenticators import password, recovery_codes
from secondstep.authenticators.totp import Secret, new_secret
from secondstep.store.accounts import mark_of
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.layout import account_key, logo_key, subscriber_item, subscriber_key, subscriber_record
from secondstep.subscriber import (
    Authenticator,
    Enrollment,
    Identity,
    Role,
    Status,
    Subscriber,
    new_epoch,
    new_id,
)
from secondstep.wiring import Services
from tests.clock import FrozenClock
from tests.recording import Recorder

ACCOUNT = "acme"
PASSWORD = "correct horse battery staple"
SOURCE = "203.0.113.7"


@cache
def _hash_by(hasher: PasswordHasher) -> str:
    """Return the hash of everybody's password, made once at each cost."""
    return hasher.hash(PASSWORD.encode())


class Reply(NamedTuple):
    """An answer: its status, its JSON, its headers."""

    status: int
    body: dict[str, Any]
    headers: Any

    @property
    def code(self) -> str:
        """Return the code of a problem, or `ok`."""
        return str(self.body.get("code", "ok")) if self.status >= 400 else "ok"


class Person(NamedTuple):
    """A subscriber of the tests, with what only its owner knows."""

    identity: Identity
    sub: str
    secret: Secret
    recovery_codes: list[str]

    @property
    def login_name(self) -> str:
        """Return the login name."""
        return self.identity.login_name


class Service:
    """What the tests call, and what they look at afterwards."""

    def __init__(
        self,
        cloud: Cloud,
        dynamodb: Any,
        forget: Callable[[], None],
        gateway: Gateway,
        services: Services,
        clock: FrozenClock,
        recorder: Recorder,
    ) -> None:
        self.cloud = cloud
        self.services = services
        self.clock = clock
        self.recorder = recorder
        self.gateway = gateway
        self._dynamodb = dynamodb
        self.forget = forget  # empties the tables

    # --- as a caller

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        source: str = SOURCE,
    ) -> Reply:
        """Send one request to the gateway."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        answer = self.gateway.client().open(
            path, method=method, json=body, headers=sent, environ_base={"REMOTE_ADDR": source}
        )
        return Reply(answer.status_code, answer.get_json(silent=True) or {}, answer.headers)

    def post(self, path: str, body: object = None, **how: Any) -> Reply:
        """Post a JSON body."""
        return self.call("POST", path, body, **how)

    def get(self, path: str, **how: Any) -> Reply:
        """Get."""
        return self.call("GET", path, **how)

    def log_in(self, person: Person, presented: str = PASSWORD, **how: Any) -> Reply:
        """Post the password."""
        body = {"account": person.identity.account, "login_name": person.login_name, "password": presented}
        return self.post("/login", body, **how)

    def challenge(self, person: Person) -> str:
        """Return an open challenge."""
        return str(self.log_in(person).body["challenge"])

    def verify(self, challenge: str, code: str, **more: str) -> Reply:
        """Post a code."""
        return self.post("/verify", {"challenge": challenge, "code": code, **more})

    def session(self, person: Person) -> dict[str, Any]:
        """Log a subscriber in with both steps and return the tokens; moves the clock past a burned step."""
        reply = self.verify(self.challenge(person), self.code(person))
        if reply.body.get("hint") == "replayed":
            self.clock.advance(30)
            reply = self.verify(self.challenge(person), self.code(person))
        assert reply.status == 200, reply.body
        return reply.body

    def enroll(self, person: Person, **more: str) -> Reply:
        """Log in and ask for a secret."""
        return self.post("/enroll", {"challenge": self.challenge(person), **more})

    def bind(self, person: Person, **more: str) -> tuple[Reply, Secret]:
        """Enroll and confirm with the first code."""
        enrolled = self.enroll(person, **more).body
        secret = secret_of(enrolled["secret"])
        return self.verify(enrolled["challenge"], self.code_of(secret)), secret

    def reset(self, admin_token: str, login_name: str, reason: str = "lost phone", **how: Any) -> Reply:
        """Post the reset."""
        return self.post(f"/admin/subscribers/{login_name}/reset", {"reason": reason}, token=admin_token, **how)

    # --- what a person's phone shows

    def now(self) -> int:
        """Return the service's time."""
        return int(self.clock())

    def code(self, person: Person, *, steps: int = 0) -> str:
        """Return the code of a subscriber's authenticator, some steps away from now."""
        return self.code_of(person.secret, steps=steps)

    def code_of(self, secret: Secret, *, steps: int = 0) -> str:
        """Return the code of a secret, some steps away from now."""
        return pyotp.TOTP(secret.base32).at(self.now() + 30 * steps)

    def wrong_code(self, person: Person) -> str:
        """Return a code that belongs to none of the steps around now."""
        near = {self.code(person, steps=step) for step in range(-12, 13)}
        return next(code for code in (f"{n:06d}" for n in range(1000)) if code not in near)

    # --- states

    def account(self, account: str = ACCOUNT, **policy: Any) -> None:
        """Write an account with a policy."""
        stored = msgspec.to_builtins(Policy(**{"display_name": "Acme Support", **policy}), str_keys=True)
        self.put(account_key(account) | {"policy": stored, "version": 1, "created_at": self.now()})
        self.services.store.accounts._policies.clear()

    def logo(self, png: bytes, account: str = ACCOUNT) -> None:
        """Write an account's picture, and its mark beside the policy."""
        [item] = [each for each in self.state() if (each["pk"], each["sk"]) == tuple(account_key(account).values())]
        self.put(item | {"logo": mark_of(png)})
        self.put(logo_key(account) | {"png": png})
        self.services.store.accounts._policies.clear()

    def person(self, login_name: str = "agent", *, account: str = ACCOUNT, **changes: Any) -> Person:
        """Write a subscriber whose enrollment is open; `changes` are fields of the record."""
        identity = Identity(account, login_name)
        record = Subscriber(
            **{
                "account": account,
                "login_name": login_name,
                "sub": new_id(),
                "role": Role.AGENT,
                "status": Status.ACTIVE,
                "enrollment": Enrollment.OPEN,
                "epoch": new_epoch(),
                "created_at": self.now(),
                "password_hash": _hash_by(password._HASHER),
                **changes,
            }
        )
        self.put(subscriber_item(record))
        return Person(identity, record.sub, new_secret(), [])

    def bound_person(self, login_name: str = "enrolled", *, authenticators: int = 1, **changes: Any) -> Person:
        """Write a subscriber with bound authenticators (the first one's secret is the person's) and recovery codes."""
        sub, secret = new_id(), new_secret()
        codes, hashes = recovery_codes.issue(sub)
        identity = Identity(changes.get("account", ACCOUNT), login_name)
        record = Subscriber(
            account=identity.account,
            login_name=login_name,
            sub=sub,
            role=Role.AGENT,
            status=Status.ACTIVE,
            enrollment=Enrollment.BOUND,
            epoch=new_epoch(),
            created_at=self.now(),
            password_hash=_hash_by(password._HASHER),
            recovery_codes=hashes,
        )
        secrets = [secret, *(new_secret() for _ in range(authenticators - 1))]
        bound = {}
        for number, each in enumerate(secrets):
            it = self._authenticator(record, each, used_at=self.now() - 3600 - number)
            bound[it.id] = it
        record = msgspec.structs.replace(record, authenticators=bound, **changes)
        self.put(subscriber_item(record))
        return Person(identity, sub, secret, codes)

    def bound_admin(self, login_name: str = "boss", **changes: Any) -> Person:
        """Write an admin with a bound authenticator."""
        return self.bound_person(login_name, role=Role.ADMIN, **changes)

    def _authenticator(self, subscriber: Subscriber, secret: Secret, *, used_at: int) -> Authenticator:
        authenticator_id = new_id()
        return Authenticator(
            id=authenticator_id,
            name="Authenticator",
            sealed_secret=self.services.seal_key.seal(secret, subscriber, authenticator_id),
            created_at=used_at,
            last_step=used_at // 30,
            last_used_at=used_at,
        )

    # --- what is stored

    def put(self, item: dict[str, Any]) -> None:
        """Write an item of State as it is."""
        self._dynamodb.put_item(TableName=self.services.settings.state_table, Item=encode_item(item))

    def item(self, person: Person) -> dict[str, Any]:
        """Return the subscriber's item, decoded."""
        found = self._dynamodb.get_item(
            TableName=self.services.settings.state_table,
            Key=encode_item(subscriber_key(person.identity.hash)),
            ConsistentRead=True,
        )
        return decode_item(found["Item"])

    def record(self, person: Person) -> Subscriber:
        """Return the subscriber as it is stored."""
        return subscriber_record(self.item(person))

    def change(self, person: Person, **changes: Any) -> None:
        """Write a changed record."""
        self.put(subscriber_item(msgspec.structs.replace(self.record(person), **changes)))

    def state(self) -> list[dict[str, Any]]:
        """Return all items of State."""
        return self._scan(self.services.settings.state_table)

    def stored(self, table: str, key: dict[str, Any]) -> dict[str, Any] | None:
        """Return an item as DynamoDB has it, or None; key and item are encoded."""
        item: dict[str, Any] | None = self._dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return item

    def sessions(self, person: Person) -> list[dict[str, Any]]:
        """Return the session items of a subscriber."""
        pk = subscriber_key(person.identity.hash)["pk"]
        return [each for each in self.state() if each["pk"] == pk and each["sk"].startswith("SESSION#")]

    def events(self, *names: str) -> list[dict[str, Any]]:
        """Return the audit events of these names (or all), oldest first."""
        found = sorted(self._scan(self.services.settings.audit_table), key=lambda each: str(each["sk"]))
        return [each for each in found if not names or each["event"] in names]

    def _scan(self, table: str) -> list[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=table)
        return [decode_item(item) for page in pages for item in page["Items"]]


def secret_of(base32: str) -> Secret:
    """Return the secret that a person typed into an app."""
    return Secret(pyotp.TOTP(base32).byte_secret())


def race[A](*attempts: Callable[[], A]) -> list[A]:
    """Run attempts at the same time, from a barrier, each in its own thread; return their results in order."""
    barrier = threading.Barrier(len(attempts))
    results: list[Any] = [None] * len(attempts)
    failures: list[BaseException] = []

    def run(number: int, attempt: Callable[[], A]) -> None:
        barrier.wait()
        try:
            results[number] = attempt()
        except BaseException as failure:  # noqa: BLE001 - told to the test below
            failures.append(failure)

    threads = [threading.Thread(target=run, args=each) for each in enumerate(attempts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return results


def count(replies: Sequence[Reply], status: int) -> int:
    """Return how many answers have a status."""
    return sum(reply.status == status for reply in replies)
