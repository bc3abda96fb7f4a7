"""A browser's request, and what may be believed of it.

A form counts only with the anti-forgery token that this very browser was shown: an HMAC under the random cookie that
no other site can read or set. Whose session it is is read live, as it is for a bearer token.
"""

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from secondstep.bearer import Principal, browsing
from secondstep.context import RequestContext
from secondstep.errors import Forbidden, InvalidRequest, InvalidToken, PayloadTooLarge, UnsupportedMediaType
from secondstep.pages import cookies, multipart
from secondstep.pages.language import Language, chosen, named
from secondstep.shapes import Name
from secondstep.site_map import TAKE_A_FILE
from secondstep.wiring import Services

_LARGEST_FORM = 8 * 1024
_FORM = "application/x-www-form-urlencoded"
_FILE = "file"


class Browser:
    """One request of a browser to a page."""

    def __init__(self, event: Mapping[str, Any], services: Services, context: RequestContext) -> None:
        self.event = event
        self.services = services
        self.store = services.store
        self.context = context
        self.cookies = cookies.received(event)

    # --- what was asked for

    @property
    def prefix(self) -> str:
        """Return what stands before `/ui/` in this deployment: a stage, a base path, or nothing.

        The path is the caller's to write: two slashes in front would name a host, and every link lead there.
        """
        path = str((self.event.get("requestContext") or {}).get("path") or self.event["resource"])
        before, ui, _ = path.partition("/ui/")
        before = before if ui else path.rstrip("/").removesuffix(self.event["resource"])
        return f"/{before.strip('/')}" if before.strip("/") else ""

    @property
    def parameters(self) -> Mapping[str, list[str]]:
        """Return the query parameters as they came, each as often as it came."""
        return self.event.get("multiValueQueryStringParameters") or {}

    @cached_property
    def query(self) -> dict[str, str]:
        """Return the query parameters; InvalidRequest where one comes more than once."""
        if any(len(values) != 1 for values in self.parameters.values()):
            raise InvalidRequest("comes more than once")
        return {name: values[0] for name, values in self.parameters.items()}

    @cached_property
    def language(self) -> Language:
        """Return the language to speak: as asked for, as chosen before, as the browser says, or English."""
        return self.asked_language or chosen(self.cookies.get(cookies.LANGUAGE, ""), self._header("accept-language"))

    @cached_property
    def asked_language(self) -> Language | None:
        """Return the language that the address asks for; None where it asks for none that we have."""
        return named(" ".join(self.parameters.get("ui_locales", [])))

    # --- forms

    @cached_property
    def form(self) -> dict[str, str]:
        """Return the fields of a form whose token is this browser's; Forbidden for a forged or an outdated one."""
        fields = self._fields()
        presented = fields.pop("csrf", "")
        is_ours = cookies.BROWSER in self.cookies and hmac.compare_digest(presented.encode(), self.csrf.encode())
        if not is_ours or self._header("sec-fetch-site") not in ("", "same-origin", "none"):
            raise Forbidden
        return fields

    def name(self, field: str) -> str:
        """Return a field that names something, by the rule of every name; InvalidRequest for what is none."""
        try:
            return str(msgspec.convert(self.form.get(field, "").strip(), Name))
        except msgspec.ValidationError as wrong:
            raise InvalidRequest("must have 1 to 64 characters", field=field) from wrong

    @property
    def file(self) -> bytes:
        """Return the file that the form brought, empty where it brought none; refused as the form is."""
        _ = self.form
        return self._parts.get(_FILE, b"") if self._brings_a_file else b""

    @property
    def _brings_a_file(self) -> bool:
        return self.event["resource"] in TAKE_A_FILE and self._media_type == multipart.MEDIA_TYPE

    @property
    def _media_type(self) -> str:
        return self._header("content-type").partition(";")[0].strip().lower()

    @cached_property
    def _parts(self) -> dict[str, bytes]:
        return multipart.read(self.event, self._header("content-type"))

    def _fields(self) -> dict[str, str]:
        return self._text_parts() if self._brings_a_file else self._encoded()

    def _text_parts(self) -> dict[str, str]:
        """Return what a form says beside its file. The file itself is for the page to judge, in words."""
        texts = {name: value for name, value in self._parts.items() if name != _FILE}
        if sum(len(value) for value in texts.values()) > _LARGEST_FORM:
            raise PayloadTooLarge
        try:
            return {name: value.decode() for name, value in texts.items()}
        except UnicodeDecodeError as broken:
            raise InvalidRequest("is not text") from broken

    def _encoded(self) -> dict[str, str]:
        raw = str(self.event.get("body") or "")
        if self.event.get("isBase64Encoded") or self._media_type != _FORM:
            raise UnsupportedMediaType
        if len(raw) > _LARGEST_FORM:
            raise PayloadTooLarge
        try:
            pairs = parse_qsl(raw, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=100)
        except ValueError as broken:
            raise InvalidRequest("is not a form") from broken
        if len(dict(pairs)) != len(pairs):
            raise InvalidRequest("names a field twice")
        return dict(pairs)

    @cached_property
    def secret(self) -> str:
        """Return the random value that makes this browser known to itself; new where it has none."""
        held = self.cookies.get(cookies.BROWSER, "")
        return held if len(held) == 43 else secrets.token_urlsafe(32)

    @property
    def csrf(self) -> str:
        """Return the token that this browser's forms carry."""
        return self.sign("form")

    def sign(self, text: str) -> str:
        """Return an HMAC of a text that only this browser can bring back."""
        digest = hmac.digest(self.secret.encode(), text.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    # --- who it is

    @property
    def challenge(self) -> str:
        """Return the challenge token that this browser holds, or an empty text."""
        return self.cookies.get(cookies.CHALLENGE, "")

    @cached_property
    def claimant(self) -> tuple[str, str]:
        """Return the account and the login name that were typed last, empty where none were."""
        try:
            held = json.loads(base64.urlsafe_b64decode(self.cookies.get(cookies.CLAIMANT, "") + "=="))
            return str(held[0]), str(held[1])
        except (ValueError, IndexError, KeyError, TypeError):
            return "", ""

    def principal(self) -> Principal:
        """Return who is signed in here, read live; InvalidToken where nobody is."""
        return browsing(self.cookies.get(cookies.SESSION, ""), self.store, self.context)

    def principal_or_none(self) -> Principal | None:
        """Return who is signed in here, or None."""
        try:
            return self.principal()
        except InvalidToken:
            return None

    def _header(self, name: str) -> str:
        many = self.event.get("multiValueHeaders") or {}
        single = {key: [value] for key, value in (self.event.get("headers") or {}).items()}
        found = [value for key, values in (many or single).items() if key.lower() == name for value in values]
        return found[0] if len(found) == 1 else ""


def as_claimant(account: str, login_name: str) -> str:
    """Return the cookie value of an account and a login name."""
    return base64.urlsafe_b64encode(json.dumps([account, login_name]).encode()).rstrip(b"=").decode()
