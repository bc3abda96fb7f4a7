"""An audit event as it leaves the service: a versioned shape that other people's programs depend on (docs/events.md).

It may gain members; none is removed or retyped within a version. It is made from the audit's event alone, so it holds
no secret, no code, no ticket, no token, and of a refused login the hash and never the text that was typed.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from secondstep.audit import Event, Operator, Outcome, Person

VERSION: Literal[1] = 1
SOURCE = "secondstep"


class Actor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did it: a subscriber (`sub`, `login_name`), or whoever runs the deployment (`operator`, an ARN)."""

    sub: str | None = None
    login_name: str | None = None
    operator: str | None = None


class Announcement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The `detail` of an event on the bus, version 1."""

    version: Annotated[Literal[1], Meta(description="The version of this shape.")]
    id: Annotated[str, Meta(description="The event's id, the same at every delivery: deduplicate by it.")]
    at: Annotated[int, Meta(description="When it happened, in epoch seconds.")]
    milliseconds: Annotated[int, Meta(description="The same in milliseconds: orders what happened to a subscriber.")]
    event: Annotated[str, Meta(description="The event's name, as in the detail-type; names may be added.")]
    outcome: Outcome
    account: Annotated[str | None, Meta(description="Absent where the password was not right.")] = None
    subscriber: Annotated[
        str | None, Meta(description="Pseudonym of account and login name; there for names that do not exist, too.")
    ] = None
    subject: Annotated[Person | None, Meta(description="Whom it happened to.")] = None
    actor: Annotated[Actor | None, Meta(description="Who did it.")] = None
    reason: Annotated[str | None, Meta(description="What the admin gave as the reason.")] = None
    source: Annotated[str, Meta(description="The address that the request came from.")]
    request_id: Annotated[str, Meta(description="As in the answer's problem document and in the log.")]
    detail: Annotated[Mapping[str, Any] | None, Meta(description="More, by the event's name; may gain members.")] = None


def announce(event: Event) -> Announcement:
    """Return an audit event as it is told to others."""
    return Announcement(
        version=VERSION,
        id=event.id,
        at=event.at,
        milliseconds=event.milliseconds,
        event=str(event.event),
        outcome=event.outcome,
        account=event.account,
        subscriber=event.subscriber_hash,
        subject=event.subject,
        actor=_actor(event.actor),
        reason=event.reason,
        source=event.source,
        request_id=event.request_id,
        detail=event.detail or None,
    )


def parse(detail: object) -> Announcement:
    """Return an announcement as the bus has delivered it; msgspec.ValidationError for another version."""
    return msgspec.convert(detail, Announcement)


def schema() -> dict[str, Any]:
    """Return the shape as a JSON Schema (2020-12)."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | msgspec.json.schema(Announcement)


def _actor(actor: Person | Operator | None) -> Actor | None:
    if isinstance(actor, Operator):
        return Actor(operator=actor.arn)
    return Actor(sub=actor.sub, login_name=actor.login_name) if actor else None
