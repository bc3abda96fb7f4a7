"""What is behind the audit, driven by hand: the real functions and rules, a bus and a mailbox that can be told to fail.

The records of the stream are made from the items of the Audit table, so that they run on DynamoDB Local as well.
"""

from typing import Any

import msgspec

from local.deliveries import Deliveries, Mail
from local.functions import Functions
from secondstep import wiring
from secondstep.aws import Answer
from secondstep.bus import Bus
from secondstep.mailer import Mailer
from secondstep.store.codec import encode_item
from tests import templates
from tests.service import Service

BUS = "secondstep"
type Record = dict[str, Any]


def stream_record(item: dict[str, Any], number: int = 1) -> Record:
    """Return what Lambda gives a function for an item that was appended (NEW_IMAGE)."""
    image = encode_item(item)
    return {
        "eventID": f"{number:032x}",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": float(item["at"]),
            "Keys": {name: image[name] for name in ("pk", "sk")},
            "NewImage": image,
            "SequenceNumber": f"{100000000000000000000 + number}",
            "SizeBytes": 400,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/audit/stream/2026-01-01T00:00:00.000",
    }


class Outside:
    """The world behind a service: `entries` of the bus, `mails`; each can be told to fail the next times."""

    def __init__(self, service: Service) -> None:
        self.entries: list[dict[str, Any]] = []
        self.mails: list[Mail] = []
        self.failing: list[Exception] = []  # what SendEmail raises, one a call
        self._service = service
        self._seen = {each["sk"] for each in service.events()}
        self._functions = Functions(templates.template())
        self._deliveries = Deliveries(templates.template(), self._functions, self.new_records, self.mails.append)
        changed = {"bus": Bus(self, BUS), "mailer": Mailer(self, templates.NOTICE_FROM)}
        wiring.install(msgspec.structs.replace(service.services, **changed))

    def new_records(self) -> list[Record]:
        """Return the stream records of the events since the last time."""
        new = [each for each in self._service.events() if each["sk"] not in self._seen]
        self._seen |= {each["sk"] for each in new}
        return [stream_record(item, number) for number, item in enumerate(new, start=1)]

    def deliver(self) -> list[Mail]:
        """Let everything that has happened go its way; return the mails that it led to."""
        before = len(self.mails)
        self._deliveries.deliver()
        return self.mails[before:]

    def invoke(self, function: str, event: Any) -> Any:
        """Call a function as Lambda does."""
        return self._functions(function, event)

    def put_events(self, **request: Any) -> Answer:
        """Take events."""
        self.entries += request["Entries"]
        return self._deliveries.put_events(**request)

    def send_email(self, **request: Any) -> Answer:
        """Take a mail, or fail."""
        if self.failing:
            raise self.failing.pop(0)
        return self._deliveries.send_email(**request)
