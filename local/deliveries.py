"""What AWS does between the Audit table and a mailbox: stream, bus, rules, the two functions, the post office.

It runs after a request, at once and in order, so that what would be sent shows beside the request that caused it. Not
acted out: retries, the queue of what was not delivered, batching windows.
"""

import json
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from threading import Lock
from typing import Any, NamedTuple

from moto.events.models import EventPattern

from local.functions import FunctionFailed, Functions
from local.template import ACCOUNT, REGION, Template

type Record = dict[str, Any]

_NOTIFY = "NotifyFunction"
logger = logging.getLogger("local.deliveries")


class Mail(NamedTuple):
    """A mail as SES was given it."""

    recipient: str
    subject: str
    text: str


class _Rule(NamedTuple):
    pattern: Any
    functions: tuple[str, ...]


class Deliveries:
    """EventBridge and SES as the functions call them, and what AWS then does by itself.

    `records` answers what the Audit table's stream holds since it was asked last; `post` takes the mails.
    """

    def __init__(
        self,
        template: Template,
        functions: Functions,
        records: Callable[[], list[Record]],
        post: Callable[[Mail], object],
    ) -> None:
        self._functions = functions
        self._records = records
        self._post = post
        self._rules = list(_rules(template))
        self._delivering = Lock()  # one shard: its batches come one after another

    def deliver(self) -> None:
        """Hand the new records of the stream to the function that announces them."""
        with self._delivering:
            records = self._records()
            if records:
                self._invoke(_NOTIFY, {"Records": records})

    def put_events(self, **request: Any) -> dict[str, Any]:
        """Take events and hand each to the functions behind the rules that match it."""
        for entry in request["Entries"]:
            event = as_delivered(entry)
            for rule in self._rules:
                if rule.pattern.matches_event(event):
                    for function in rule.functions:
                        self._invoke(function, event)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": str(uuid.uuid4())} for _ in request["Entries"]]}

    def send_email(self, **request: Any) -> dict[str, Any]:
        """Post a mail."""
        content = request["Content"]["Simple"]
        (recipient,) = request["Destination"]["ToAddresses"]
        self._post(Mail(recipient, content["Subject"]["Data"], content["Body"]["Text"]["Data"]))
        return {"MessageId": str(uuid.uuid4())}

    def _invoke(self, function: str, event: dict[str, Any]) -> None:
        """Invoke a function as AWS does here: what fails is told in its log, and no request fails with it."""
        try:
            self._functions(function, event)
        except FunctionFailed as failed:
            logger.warning("%s: %s", function, failed)


def as_delivered(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the event that a target gets for an entry of PutEvents."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": ACCOUNT,
        "time": datetime.fromtimestamp(entry["Time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [],
        "detail": json.loads(entry["Detail"]),
    }


def _rules(template: Template) -> Iterator[_Rule]:
    for resource in template.of_type("AWS::Events::Rule"):
        if "EventPattern" in resource.properties:
            targets = [template.function_invoked(target["Arn"]) for target in resource.properties["Targets"]]
            pattern = json.dumps(template.resolve(resource.properties["EventPattern"]))
            yield _Rule(EventPattern.load(pattern), tuple(targets))
