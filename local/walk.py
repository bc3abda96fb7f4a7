"""The walk to what the placeholders of `events/` stand for: logging in, enrolling, being invited, in a live service.

Each placeholder is got the way a person gets it, and only when an event asks for it.
"""

import base64
import json
from functools import cached_property
from typing import Any, Protocol

import pyotp

from local.seeds import ACCOUNT, PASSWORD
from local.signed_in import SignedIn
from secondstep.store.codec import decode_item, encode_item
from secondstep.store.layout import account_key, subscriber_key, subscriber_record
from secondstep.subscriber import Identity

_DAY = 24 * 60 * 60
_WRONG_PASSWORD = "not the right one"  # noqa: S105  on purpose

type Json = dict[str, Any]


class World(Protocol):
    """The service that the walk goes through."""

    def call(self, method: str, path: str, body: Json, token: str | None = None) -> Json:
        """Send a JSON body and return the answer, whatever its status."""
        ...

    def advance(self, seconds: int) -> int:
        """Move the service's clock (0 leaves it) and return what it shows."""
        ...

    @property
    def dynamodb(self) -> Any:
        """Return a client of DynamoDB."""
        ...

    @property
    def state_table(self) -> str:
        """Return the name of the State table."""
        ...


class Walk:
    """What each placeholder is, got from the seeds: `agent` and `admin`, who have not enrolled yet."""

    def __init__(self, world: World) -> None:
        self._world = world

    def value(self, name: str) -> str:
        """Return the value of a placeholder."""
        found = getattr(type(self), name, None)
        if name.startswith("_") or not isinstance(found, cached_property):
            raise KeyError(name)
        return str(getattr(self, name))

    # --- the agent, before and after the enrollment

    @cached_property
    def enroll_challenge(self) -> str:
        """A login of `agent`, who has no authenticator yet."""
        return str(self._login("agent")["challenge"])

    @cached_property
    def _waiting(self) -> Json:
        return self._post("/enroll", {"challenge": self.enroll_challenge})

    @cached_property
    def confirm_challenge(self) -> str:
        """The challenge whose secret waits for its first code."""
        return str(self._waiting["challenge"])

    @cached_property
    def confirm_code(self) -> str:
        """The first code of the secret that waits."""
        return self._code(self._waiting["secret"])

    @cached_property
    def _session(self) -> Json:
        """Bind agent's authenticator; the answer is the first session."""
        return self._post("/verify", {"challenge": self.confirm_challenge, "code": self.confirm_code})

    @cached_property
    def bound_name(self) -> str:
        """`agent`, once an authenticator is bound."""
        return "agent" if self._session["next"] == "done" else ""

    @cached_property
    def spent_challenge(self) -> str:
        """The challenge that confirmed the enrollment."""
        return self.confirm_challenge if self._session else ""

    @cached_property
    def challenge(self) -> str:
        """A login of `agent`, whose authenticator is bound."""
        return str(self._login(self.bound_name)["challenge"])

    @cached_property
    def code(self) -> str:
        """A code that is good now: the next step's, for the present one has confirmed the enrollment."""
        return self._code(self._waiting["secret"], steps=1) if self._session else ""

    @cached_property
    def used_code(self) -> str:
        """The code that has confirmed the enrollment."""
        return self.confirm_code if self._session else ""

    @cached_property
    def wrong_code(self) -> str:
        """A code of no step around now."""
        near = {self._code(self._waiting["secret"], steps=step) for step in range(-12, 13)}
        return next(code for code in (f"{number:06d}" for number in range(100)) if code not in near)

    @cached_property
    def recovery_code(self) -> str:
        """One of agent's ten."""
        return str(self._session["recovery_codes"][0])

    @cached_property
    def access_token(self) -> str:
        """Agent's token for applications."""
        return str(self._session["access_token"])

    @cached_property
    def account_token(self) -> str:
        """Agent's token for this service."""
        return str(self._session["account_token"])

    @cached_property
    def refresh_token(self) -> str:
        """Agent's refresh token."""
        return str(self._session["refresh_token"])

    @cached_property
    def old_refresh_token(self) -> str:
        """A refresh token that was used more than ten seconds ago."""
        self._post("/refresh", {"refresh_token": self.refresh_token})
        self._world.advance(11)
        return self.refresh_token

    @cached_property
    def another_sid(self) -> str:
        """The id of another session of agent's."""
        other = self._post("/verify", {"challenge": self.challenge, "code": self.code})
        return str(_claims(other["account_token"])["sid"])

    @cached_property
    def stale_account_token(self) -> str:
        """Agent's token, six minutes after the login."""
        self._world.advance(6 * 60) if self.account_token else None
        return self.account_token

    # --- further authenticators of agent's

    @cached_property
    def authenticator_id(self) -> str:
        """The authenticator that agent enrolled with."""
        return str(self._login(self.bound_name)["authenticators"][0]["id"])

    @cached_property
    def _adding(self) -> Json:
        return self._post("/me/authenticators", {"name": "Tablet"}, self.account_token)

    @cached_property
    def add_challenge(self) -> str:
        """The challenge by which agent's session adds an authenticator."""
        return str(self._adding["challenge"])

    @cached_property
    def add_code(self) -> str:
        """The first code of its secret."""
        return self._code(self._adding["secret"])

    @cached_property
    def further_authenticator_id(self) -> str:
        """A second authenticator of agent's."""
        added = self._post("/verify", {"challenge": self.add_challenge, "code": self.add_code}, self.account_token)
        return str(added["authenticator"]["id"])

    @cached_property
    def full_token(self) -> str:
        """Agent's token, with as many authenticators bound as the policy allows."""
        adding = self._adding if self.further_authenticator_id else {}
        while "secret" in adding:
            adding = self._post("/me/authenticators", {"name": "Spare"}, self.account_token)
            if "secret" in adding:
                code = self._code(adding["secret"])
                self._post("/verify", {"challenge": adding["challenge"], "code": code}, self.account_token)
        return self.account_token

    @cached_property
    def agent_sub(self) -> str:
        """Agent's `sub`."""
        return str(self._subscriber("agent")["u"])

    # --- the admin, and what only an admin can bring about

    @cached_property
    def _admin_session(self) -> Json:
        waiting = self._post("/enroll", {"challenge": self._login("admin")["challenge"]})
        return self._post("/verify", {"challenge": waiting["challenge"], "code": self._code(waiting["secret"])})

    @cached_property
    def admin_token(self) -> str:
        """The account token of `admin`, who has just logged in with both steps."""
        return str(self._admin_session["account_token"])

    @cached_property
    def stale_admin_token(self) -> str:
        """A fresh token of a login of sixteen minutes ago."""
        self._world.advance(16 * 60) if self._admin_session else None
        return str(self._post("/refresh", {"refresh_token": self._admin_session["refresh_token"]})["account_token"])

    @cached_property
    def admin_sub(self) -> str:
        """The admin's `sub`."""
        return str(_claims(self.admin_token)["sub"])

    @cached_property
    def admin_sid(self) -> str:
        """The id of the admin's session."""
        return str(_claims(self.admin_token)["sid"])

    @cached_property
    def admin_auth_time(self) -> str:
        """When the admin logged in."""
        return str(_claims(self.admin_token)["auth_time"])

    @cached_property
    def admin_hash(self) -> str:
        """The hash of the admin's name."""
        return Identity(ACCOUNT, "admin").hash

    @cached_property
    def admin_epoch(self) -> str:
        """The admin's epoch, as the authorizer hands it on."""
        return base64.b64encode(self._subscriber("admin")["x"]).decode() if self.admin_token else ""

    @cached_property
    def barred_name(self) -> str:
        """`agent`, whom the admin has disabled."""
        path = "/admin/subscribers/agent"
        return str(self._world.call("PATCH", path, {"status": "disabled"}, self.admin_token)["login_name"])

    @cached_property
    def policy_version(self) -> str:
        """The version of the account's policy, as an `ETag` names it."""
        return str(self._item(account_key(ACCOUNT))["version"])

    @cached_property
    def password_ticket(self) -> str:
        """The ticket of the invitation of `newcomer`."""
        invited = {"login_name": "newcomer", "role": "agent"}
        return str(self._post("/admin/subscribers", invited, self.admin_token)["ticket"])

    @cached_property
    def enrollment_ticket(self) -> str:
        """The ticket of a reset of `agent`, who had enrolled."""
        path = f"/admin/subscribers/{self.bound_name}/reset"
        return str(self._post(path, {"reason": "lost the phone"}, self.admin_token)["ticket"])

    @cached_property
    def ticketed_challenge(self) -> str:
        """A login of `agent` after the reset."""
        return self._login("agent")["challenge"] if self.enrollment_ticket else ""

    @cached_property
    def _late(self) -> Json:
        """Enroll in the last minutes of the ticket's day."""
        ticket = self.enrollment_ticket
        self._world.advance(_DAY - 100)
        waiting = self._post("/enroll", {"challenge": self._login("agent")["challenge"], "ticket": ticket})
        self._world.advance(200)
        return waiting

    @cached_property
    def late_confirm_challenge(self) -> str:
        """A challenge whose ticket has expired since the secret was made."""
        return str(self._late["challenge"])

    @cached_property
    def late_confirm_code(self) -> str:
        """The right code for it."""
        return self._code(self._late["secret"])

    # --- budgets that are used up

    @cached_property
    def drained_name(self) -> str:
        """A name with ten wrong passwords in a row."""
        for _ in range(10):
            self._login("nobody", _WRONG_PASSWORD)
        return "nobody"

    @cached_property
    def drained_challenge(self) -> str:
        """A challenge after ten wrong codes."""
        self._guess_wrong(10)
        return str(self._login(self.bound_name)["challenge"])

    @cached_property
    def disabled_challenge(self) -> str:
        """A challenge after fifty wrong codes in a row."""
        for _ in range(5):
            self._guess_wrong(10)
            self._world.advance(15 * 60)
        return str(self._login(self.bound_name)["challenge"])

    @cached_property
    def disabled_token(self) -> str:
        """The session of somebody whose authenticators are disabled, by a recovery code."""
        recovery = {"challenge": self.disabled_challenge, "recovery_code": self.recovery_code}
        return str(self._post("/verify", recovery)["account_token"])

    def _guess_wrong(self, guesses: int) -> None:
        for number in range(guesses):
            if number % 5 == 0:
                challenge = self._login(self.bound_name)["challenge"]
            self._post("/verify", {"challenge": challenge, "code": self.wrong_code})

    # --- an account that asks for no second factor

    @cached_property
    def factorless_name(self) -> str:
        """`agent`, not enrolled, in an account whose policy does not require a second factor."""
        self._world.dynamodb.update_item(
            TableName=self._world.state_table,
            Key=encode_item(account_key(ACCOUNT)),
            UpdateExpression="SET policy.mfa_required = :no",
            ExpressionAttributeValues={":no": {"BOOL": False}},
        )
        self._world.advance(61)  # as long as a policy is remembered
        return "agent"

    @cached_property
    def factorless_token(self) -> str:
        """The session of a password alone."""
        return str(self._login(self.factorless_name)["account_token"])

    # --- an application's sign-in

    @cached_property
    def _signed_in(self) -> SignedIn:
        world, agent = self._world, subscriber_record(self._subscriber(self.bound_name))
        return SignedIn(agent, world.advance(0), dynamodb=world.dynamodb, state_table=world.state_table)

    @cached_property
    def browser_session(self) -> str:
        """The cookie of a browser in which agent is signed in."""
        return self._signed_in.in_a_browser().handle

    @cached_property
    def hand_over_code(self) -> str:
        """A code that agent's browser has taken to the example application."""
        return self._signed_in.handed_over()

    @cached_property
    def application_refresh_token(self) -> str:
        """The refresh token that the example application has got for it."""
        return self._signed_in.at_the_application().handle

    # --- what they are made of

    def _login(self, name: str, password: str = PASSWORD) -> Json:
        return self._post("/login", {"account": ACCOUNT, "login_name": name, "password": password})

    def _code(self, secret: str, *, steps: int = 0) -> str:
        return pyotp.TOTP(secret).at(self._world.advance(0) + 30 * steps)

    def _subscriber(self, name: str) -> Json:
        return self._item(subscriber_key(Identity(ACCOUNT, name).hash))

    def _item(self, key: dict[str, str]) -> Json:
        found = self._world.dynamodb.get_item(
            TableName=self._world.state_table, Key=encode_item(key), ConsistentRead=True
        )
        return decode_item(found["Item"])

    def _post(self, path: str, body: Json, token: str | None = None) -> Json:
        return self._world.call("POST", path, body, token)


def _claims(token: str) -> Json:
    part = token.split(".")[1]
    claims: Json = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return claims
