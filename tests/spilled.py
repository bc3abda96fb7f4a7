"""What must never be printed or logged: every secret that a test sends, is answered, or has sealed (promise 10).

The whole suite is searched: `conftest` watches each test that uses the service, and fails it where the output that was
captured holds one of the secrets. Codes are looked for as whole words; nothing shorter than twelve characters counts
otherwise (tests type `wrong` as a password, and say so).
"""

import base64
import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.wrappers import Response

from local.gateway import Gateway
from local.incoming import Incoming
from tests.recording import Recorder

# Fields of requests and answers whose values are secrets. An answer's `code` is the name of a problem.
SENT = {"password", "new_password", "current_password", "code", "recovery_code", "ticket", "challenge", "refresh_token"}
ANSWERED = {"challenge", "secret", "otpauth_uri", "access_token", "account_token", "refresh_token", "recovery_codes"}
ANSWERED |= {"ticket", "qr_svg"}
_SHORTEST = 12
_CODE = re.compile(r"[0-9]{6}")


class Logged(logging.Handler):
    """What was logged, with every field: the text alone would leave out what a structured line holds."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's text and fields."""
        self.lines.append(f"{record.getMessage()} {vars(record)}")


class Secrets:
    """The secrets of one test, as texts that would betray them."""

    def __init__(self) -> None:
        self.logged = Logged()
        self.texts: set[str] = set()
        self.codes: set[str] = set()
        self.sealed: set[str] = set()

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """Collect what passes the gateway and the key from now on."""
        answer, run = Gateway.answer, Recorder.run

        def watched_answer(gateway: Gateway, request: Incoming) -> Response:
            response = answer(gateway, request)
            self.add_request(request)
            self.add_answer(response)
            return response

        def watched_run(recorder: Recorder, operation: str, request: dict[str, Any], send: Any) -> Any:
            found = run(recorder, operation, request, send)
            if operation in ("encrypt", "decrypt"):
                self.add_key_use({**request, **found})
            return found

        patch.setattr(Gateway, "answer", watched_answer)
        patch.setattr(Recorder, "run", watched_run)

    def add_request(self, request: Incoming) -> None:
        """Take the secrets of a request: fields of its body, and the bearer token."""
        self._add_fields(_json(request.body or b""), SENT)
        self.add((request.header("Authorization") or "").partition(" ")[2].strip())

    def add_answer(self, response: Response) -> None:
        """Take the secrets of an answer."""
        self._add_fields(_json(response.get_data()), ANSWERED)

    def add_key_use(self, used: dict[str, Any]) -> None:
        """Take what was sealed or opened, in the forms in which bytes come to be printed."""
        self.texts |= set(_forms(bytes(used["Plaintext"])))
        self.sealed |= set(_forms(bytes(used["CiphertextBlob"])))

    def add(self, text: str) -> None:
        """Take one secret, and what is left of it without its hyphens; the parts of a token as well."""
        if _CODE.fullmatch(text.replace(" ", "")):
            self.codes.add(text.replace(" ", ""))
            return
        parts = text.split(".") if text.count(".") in (1, 2) else []
        for form in (text, text.replace("-", ""), *parts[-1:]):
            if len(form) >= _SHORTEST:
                self.texts.add(form)

    def _add_fields(self, body: object, names: set[str]) -> None:
        if not isinstance(body, dict):
            return
        for name, value in body.items():
            for each in value if isinstance(value, list) else [value]:
                if name in names and isinstance(each, str):
                    self.add(each)

    def found_in(self, output: str) -> list[str]:
        """Return the secrets that an output holds, sealed ones included."""
        words = set(re.findall(r"(?<![\w.-])[0-9]{6}(?![\w-])", output))
        return sorted({text for text in self.texts | self.sealed if text in output} | (self.codes & words))


def _forms(raw: bytes) -> Iterator[str]:
    yield base64.b64encode(raw).decode()
    yield base64.urlsafe_b64encode(raw).decode()
    yield base64.b32encode(raw).decode()
    yield raw.hex()
    yield repr(raw)[2:-1]


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None
