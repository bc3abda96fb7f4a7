"""AWS as the unit tests want it: a table that holds one partition, a key that minds its context; both count."""

from typing import Any

import msgspec

from secondstep.aws import Answer, AwsRefused, AwsUnavailable, Item
from secondstep.store.codec import encode_item


class FakeKms:
    """A key that opens a ciphertext only under the context that it was sealed with, and remembers each call."""

    def __init__(self) -> None:
        self.sealed: list[dict[str, Any]] = []
        self.opened: list[dict[str, Any]] = []
        self.is_down = False

    def encrypt(self, **request: Any) -> Answer:
        """Seal: the context goes into the ciphertext."""
        self.sealed.append(request)
        self._fail_if_down()
        return {"CiphertextBlob": msgspec.json.encode([request["EncryptionContext"], request["Plaintext"]])}

    def decrypt(self, **request: Any) -> Answer:
        """Open, or refuse as KMS does (InvalidCiphertextException)."""
        self.opened.append(request)
        self._fail_if_down()
        context, plaintext = msgspec.json.decode(request["CiphertextBlob"], type=tuple[dict[str, str], bytes])
        if context != request["EncryptionContext"]:
            raise AwsRefused("InvalidCiphertextException")
        return {"Plaintext": plaintext}

    def _fail_if_down(self) -> None:
        if self.is_down:
            raise AwsUnavailable


class FakeTable:
    """DynamoDB with one readable partition; every read counts, every write is a defect of the test."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.reads = 0
        self.is_down = False

    def query(self, **request: Any) -> Answer:
        """Answer the items of the partition that is asked for."""
        self.reads += 1
        if self.is_down:
            raise AwsUnavailable
        wanted = request["ExpressionAttributeValues"][":pk"]["S"]
        return {"Items": [encode_item(item) for item in self.items if item["pk"] == wanted]}

    def get_item(self, **request: Any) -> Answer:
        """Not to be called."""
        raise AssertionError(request)

    def batch_get_item(self, **request: Any) -> Answer:
        """Not to be called."""
        raise AssertionError(request)

    def put_item(self, **request: Any) -> Answer:
        """Not to be called."""
        raise AssertionError(request)

    def update_item(self, **request: Any) -> Answer:
        """Not to be called."""
        raise AssertionError(request)

    def transact_write_items(self, **request: Any) -> Answer:
        """Not to be called."""
        raise AssertionError(request)


class Silent:
    """The bus and the mailer, where nothing is to be sent."""

    def put_events(self, **request: Any) -> Answer:
        """Not to be called."""
        raise AssertionError(request)

    def send_email(self, **request: Any) -> Answer:
        """Not to be called."""
        raise AssertionError(request)
