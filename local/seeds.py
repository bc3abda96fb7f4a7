"""The demo account of the local run, written through the service's own records and store."""

import uuid
from typing import Any

import msgspec

from local.template import ACCOUNT as AWS_ACCOUNT
from secondstep.account import Application, Policy
from secondstep.audit import Event, EventName, Operator, Outcome, Person, event_by
from secondstep.authenticators.password import hash_password
from secondstep.authenticators.totp import Secret, new_secret, step_at
from secondstep.context import RequestContext
from secondstep.store.codec import encode_item
from secondstep.store.layout import subscriber_item
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

ACCOUNT = "acme"
DISPLAY_NAME = "Acme Support"
PASSWORD = "correct horse battery staple"  # noqa: S105  the demo's, printed at every start
EXAMPLE_PORTS = (5000, 5001)  # on macOS something else may listen on the first one
EXAMPLE = Application("example", "Example", tuple(f"http://localhost:{port}/callback" for port in EXAMPLE_PORTS))
OPERATOR = f"arn:aws:iam::{AWS_ACCOUNT}:user/local"


class Seeds:
    """`agent` and `admin` who have not enrolled yet, and `enrolled`, whose secret stays the same over resets."""

    def __init__(self) -> None:
        self.secret: Secret = new_secret()

    def write(self, services: Services, dynamodb: Any) -> None:
        """Write the account and its three subscribers; the tables are empty before."""
        now = int(services.clock())
        admin = _subscriber("admin", Role.ADMIN, now)
        policy = Policy(display_name=DISPLAY_NAME, applications=(EXAMPLE,))
        services.store.accounts.create(ACCOUNT, policy, admin, _invited(admin, services), now)
        for subscriber in (_subscriber("agent", Role.AGENT, now), self._enrolled(services, now)):
            dynamodb.put_item(TableName=services.settings.state_table, Item=encode_item(subscriber_item(subscriber)))

    def _enrolled(self, services: Services, now: int) -> Subscriber:
        subscriber = _subscriber("enrolled", Role.AGENT, now, enrollment=Enrollment.BOUND)
        authenticator_id = new_id()
        authenticator = Authenticator(
            id=authenticator_id,
            name="Authenticator",
            sealed_secret=services.seal_key.seal(self.secret, subscriber, authenticator_id),
            created_at=now,
            last_step=step_at(now) - 2,  # so that the code an app shows now is good
            last_used_at=now,
        )
        return msgspec.structs.replace(subscriber, authenticators={authenticator_id: authenticator})


def _subscriber(login_name: str, role: Role, now: int, *, enrollment: Enrollment = Enrollment.OPEN) -> Subscriber:
    identity = Identity.parse(account=ACCOUNT, login_name=login_name)
    return Subscriber(
        account=identity.account,
        login_name=identity.login_name,
        sub=new_id(),
        role=role,
        status=Status.ACTIVE,
        enrollment=enrollment,
        epoch=new_epoch(),
        created_at=now,
        password_hash=hash_password(PASSWORD),
        email=f"{identity.login_name}@example.com",
    )


def _invited(admin: Subscriber, services: Services) -> Event:
    moment = services.clock()
    context = RequestContext(
        now=int(moment),
        milliseconds=int(moment * 1000),
        source="local",
        charged_address=None,
        request_id=str(uuid.uuid4()),
        issuer=services.settings.public_url,
    )
    return event_by(Operator(OPERATOR), Person.of(admin), ACCOUNT, EventName.INVITED, Outcome.SUCCESS, context)
