"""Whoever stands before the deployed API: sends requests over HTTP, and can return the tables to their seeds."""

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlencode

import pyotp

from local.seeds import ACCOUNT, PASSWORD, Seeds
from secondstep import wiring
from secondstep.boto3_client import Boto3DynamoDb, Boto3Kms
from secondstep.session import ACCESS_TOKEN_SECONDS
from secondstep.settings import Settings
from secondstep.store.codec import decode_item
from secondstep.store.layout import S_ROTATED_AT, SESSION_PREFIX, SIGNING_KEYS, subscriber_key
from secondstep.subscriber import Identity
from tests.deployment.emulator import Deployment

type Json = dict[str, Any]

BYSTANDER = "bystander"  # an admin who is signed in all the time and whom nothing concerns
_PATIENCE_SECONDS = 90  # a busy machine starts ten environments in a minute
_POLICY_SECONDS = 60  # as long as an environment remembers an account's policy
_ADDED_BY_AWS = ("host", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto")


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return the code that an authenticator app shows now, or so many steps of thirty seconds later."""
    return pyotp.TOTP(secret).at(int(time.time()) + 30 * steps)


def wrong_code(secret: str) -> str:
    """Return a code of no step around now."""
    near = {code_of(secret, steps=step) for step in range(-12, 13)}
    return next(code for code in (f"{number:06d}" for number in range(100)) if code not in near)


class Reply(NamedTuple):
    """An answer: its status, its headers, its body as it came."""

    status: int
    headers: Any
    text: str

    @property
    def body(self) -> Json:
        """Return the JSON in it, or nothing."""
        parsed: Json = json.loads(self.text) if "json" in (self.headers.get("Content-Type") or "") else {}
        return parsed

    @property
    def code(self) -> str:
        """Return the code of a problem, the error of OAuth, `page` for one that says so to people, or `ok`."""
        if self.status < 400:
            return "ok"
        if (self.headers.get("Content-Type") or "").startswith("text/html"):
            return "page"
        return str(self.body.get("code") or self.body.get("error", "no problem+json"))


def patiently(ask: Callable[[], Reply]) -> Reply:
    """Ask, and ask again where nothing was decided (503): on a busy machine the emulator is slower than time-outs."""
    reply = ask()
    for _ in range(2):
        reply = ask() if reply.status == 503 else reply
    return reply


class Visitor:
    """A caller of a deployment; as a `World` of `local.walk` it walks to what an event's placeholders stand for."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.dynamodb = deployment.client("dynamodb")
        self._lambda = deployment.client("lambda")
        self.state_table = deployment.outputs["StateTable"]
        self.seeds = Seeds()
        self._reset_at = 0
        self._policy_is_another = False
        self._write_seeds()
        self._seeded = self._items()
        self._seeded += self._invite_bystander()

    # --- as a caller

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send a request as it is given, and return the answer, whatever its status; no redirect is followed."""
        request = urllib.request.Request(  # noqa: S310  loopback
            self.deployment.url + path, body, dict(headers or {}), method=method
        )
        try:
            with _OPENER.open(request, timeout=_PATIENCE_SECONDS) as answer:
                return Reply(answer.status, answer.headers, answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return Reply(refused.code, refused.headers, refused.read().decode())

    def ask(self, method: str, path: str, body: Json | None = None, token: str | None = None) -> Reply:
        """Send a JSON body."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.send(method, path, None if body is None else json.dumps(body).encode(), headers)

    def post(self, path: str, body: Json, token: str | None = None) -> Reply:
        """Post a JSON body."""
        return self.ask("POST", path, body, token)

    def get(self, path: str, token: str | None = None) -> Reply:
        """Get."""
        return self.ask("GET", path, None, token)

    def post_form(self, path: str, **fields: str) -> Reply:
        """Post a form."""
        return self.send(
            "POST", path, urlencode(fields).encode(), {"Content-Type": "application/x-www-form-urlencoded"}
        )

    def log_in(self, login_name: str, password: str = PASSWORD, account: str = ACCOUNT) -> Reply:
        """Post a password."""
        return self.post("/login", {"account": account, "login_name": login_name, "password": password})

    def challenge(self, login_name: str, **how: str) -> str:
        """Return the challenge that a right password is answered with."""
        reply = patiently(lambda: self.log_in(login_name, **how))
        assert reply.status == 200, reply.text
        return str(reply.body["challenge"])

    def enroll(self, login_name: str, ticket: str | None = None, **how: str) -> tuple[str, Json]:
        """Log in, bind an authenticator, and return its secret and the session."""
        asked = {"challenge": self.challenge(login_name, **how)} | ({"ticket": ticket} if ticket else {})
        begun = patiently(lambda: self.post("/enroll", asked))
        assert begun.status == 200, begun.text
        secret = str(begun.body["secret"])
        done = patiently(lambda: self.verify(begun.body["challenge"], code_of(secret)))
        assert done.status == 200, done.text
        return secret, done.body

    def verify(self, challenge: str, code: str) -> Reply:
        """Post a code."""
        return self.post("/verify", {"challenge": challenge, "code": code})

    def send_event(self, event: Json) -> Reply:
        """Send the request that API Gateway would have made this event of."""
        query = urlencode(event["multiValueQueryStringParameters"] or {}, doseq=True)
        headers = {name: value for name, value in event["headers"].items() if name.lower() not in _ADDED_BY_AWS}
        body = event["body"]
        sent = None if body is None else base64.b64decode(body) if event["isBase64Encoded"] else body.encode()
        return self.send(event["httpMethod"], event["path"] + (f"?{query}" if query else ""), sent, headers)

    # --- as a world that an event's walk goes through

    def call(self, method: str, path: str, body: Json, token: str | None = None) -> Json:
        """Send a JSON body and return the answer, whatever its status."""
        return patiently(lambda: self.ask(method, path, body, token)).body

    def advance(self, seconds: int) -> int:
        """Return what the clock shows; nobody moves it, but a minute after which policies are forgotten can be had."""
        assert seconds in (0, _POLICY_SECONDS + 1), "this needs a clock that can be moved"
        if seconds:
            self._forget_policies()
            self._policy_is_another = True
        return int(time.time())

    def _forget_policies(self) -> None:
        self.deployment.renew("LoginFunction", "VerifyFunction")
        self._policy_is_another = False

    def invoke(self, function: str, event: Json) -> Reply:
        """Invoke a function behind the API; one that fails, as Lambda reports it, is a 500."""
        answer = self._lambda.invoke(
            FunctionName=self.deployment.physical[function], Payload=json.dumps(event, default=str).encode()
        )
        failed = "FunctionError" in answer
        return Reply(500 if failed else 200, {"Content-Type": "application/json"}, answer["Payload"].read().decode())

    # --- behind the scenes

    def reset(self) -> None:
        """Return the State table to its seeds, with the first signing key; the audit stays, as it must."""
        self._reset_at = int(time.time())
        self._return_to_seeds()
        if self._policy_is_another:
            self._forget_policies()
        if time.time() > self._bystanders_until:
            self._prolong_bystander()

    def _return_to_seeds(self) -> None:
        for item in self._items():
            if item not in self._seeded:
                self.dynamodb.delete_item(TableName=self.state_table, Key={"pk": item["pk"], "sk": item["sk"]})
        for item in self._seeded:
            self.dynamodb.put_item(TableName=self.state_table, Item=item)

    def sessions(self) -> set[str]:
        """Return the ids of all sessions."""
        return {item["sk"]["S"] for item in self._items() if item["sk"]["S"].startswith(SESSION_PREFIX)}

    def signing_keys(self) -> list[Json]:
        """Return the items of the signing keys."""
        return [item for item in self._items() if item["pk"]["S"] == SIGNING_KEYS]

    def let_rotations_age(self, login_name: str) -> None:
        """Have a minute pass since the refresh tokens of a subscriber were rotated."""
        pk = subscriber_key(Identity(ACCOUNT, login_name).hash)["pk"]
        for item in self._items():
            if item["pk"]["S"] == pk and S_ROTATED_AT in item:
                self.dynamodb.update_item(
                    TableName=self.state_table,
                    Key={"pk": item["pk"], "sk": item["sk"]},
                    UpdateExpression="ADD #at :minute",
                    ExpressionAttributeNames={"#at": S_ROTATED_AT},
                    ExpressionAttributeValues={":minute": {"N": "-60"}},
                )

    def audited(self, event: str) -> list[Json]:
        """Return the audit's items of an event since the reset."""
        found = self.dynamodb.scan(TableName=self.deployment.outputs["AuditTable"], ConsistentRead=True)["Items"]
        items = [decode_item(each) for each in found]
        return [each for each in items if each["event"] == event and each["at"] >= self._reset_at]

    def _invite_bystander(self) -> list[Json]:
        """Have the seeds' admin invite another one, who logs in; return the items that are about the other one."""
        admin = self.enroll("admin")[1]["account_token"]
        ticket = self.post("/admin/subscribers", {"login_name": BYSTANDER, "role": "admin"}, admin).body["ticket"]
        chosen = {"account": ACCOUNT, "login_name": BYSTANDER, "ticket": ticket, "new_password": PASSWORD}
        assert self.post("/password", chosen).status == 204
        self._keep_bystander(self.enroll(BYSTANDER, ticket)[1])
        return self._about_bystander()

    def _prolong_bystander(self) -> None:
        renewed = self.post("/refresh", {"refresh_token": self._bystanders_refresh_token})
        assert renewed.status == 200, renewed.text
        self._keep_bystander(renewed.body)
        others = [item for item in self._seeded if item["pk"] != self._bystanders_partition]
        self._seeded = [*others, *self._about_bystander()]

    def _keep_bystander(self, session: Json) -> None:
        self.bystanders_token = str(session["account_token"])
        self._bystanders_refresh_token = str(session["refresh_token"])
        self._bystanders_until = time.time() + ACCESS_TOKEN_SECONDS / 2

    @property
    def _bystanders_partition(self) -> Json:
        return {"S": subscriber_key(Identity(ACCOUNT, BYSTANDER).hash)["pk"]}

    def _about_bystander(self) -> list[Json]:
        return [item for item in self._items() if item["pk"] == self._bystanders_partition]

    def _write_seeds(self) -> None:
        outputs = self.deployment.outputs
        environment = self.deployment.environment | {
            "STATE_TABLE": outputs["StateTable"],
            "AUDIT_TABLE": outputs["AuditTable"],
            "SEAL_KEY_ID": outputs["SealKeyArn"],
            "SIGNING_SEAL_KEY_ID": outputs["SigningSealKeyArn"],
        }
        with patch.dict(os.environ, environment):
            settings = Settings.from_environment(os.environ)
            dynamodb, kms = Boto3DynamoDb(settings.region), Boto3Kms(settings.region)
            self.seeds.write(wiring.build(settings, dynamodb=dynamodb, kms=kms), self.dynamodb)

    def _items(self) -> list[Json]:
        found: list[Json] = self.dynamodb.scan(TableName=self.state_table, ConsistentRead=True)["Items"]
        return found


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


_OPENER = urllib.request.build_opener(_NoRedirects)
