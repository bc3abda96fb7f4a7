"""A form that brings a file, as browsers send it (`multipart/form-data`, RFC 7578), and nothing looser.

Python's own reader is the one for mail, which mends what is broken; here it is refused, so no two readers can differ.
"""

import base64
import re
from collections.abc import Mapping
from typing import Any

from secondstep.errors import InvalidRequest, UnsupportedMediaType

MEDIA_TYPE = "multipart/form-data"
_BOUNDARY = re.compile(r'; *boundary=(?:"([\w\'()+,./:=?-]{1,70})"|([\w\'+.-]{1,70}))$', re.ASCII | re.IGNORECASE)
_NAME = re.compile(rb'^content-disposition: *form-data; *name="([a-z_-]{1,40})"(?:;|\r\n|$)', re.IGNORECASE)
_MOST_PARTS = 10


def read(event: Mapping[str, Any], content_type: str) -> dict[str, bytes]:
    """Return the fields of a form, each with its bytes; InvalidRequest for what is no such form.

    The gateway hands the body over in Base64, because the template names the media type as binary.
    """
    delimiter = b"\r\n--" + _boundary(content_type)
    before, *parts = (b"\r\n" + _body(event)).split(delimiter, _MOST_PARTS + 1)
    if before or not parts or parts.pop().removesuffix(b"\r\n") != b"--":
        raise _no_form()
    fields = [_field(each) for each in parts]
    if len(dict(fields)) != len(fields):
        raise InvalidRequest("names a field twice")
    return dict(fields)


def _boundary(content_type: str) -> bytes:
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise UnsupportedMediaType
    return (found[1] or found[2]).encode()


def _body(event: Mapping[str, Any]) -> bytes:
    if not event.get("isBase64Encoded"):
        raise UnsupportedMediaType
    try:
        return base64.b64decode(str(event.get("body") or ""), validate=True)
    except ValueError as broken:
        raise UnsupportedMediaType from broken


def _field(part: bytes) -> tuple[str, bytes]:
    """Return the name and the content of a part. What it says of itself, file name and media type, is not believed."""
    head, blank, content = part.partition(b"\r\n\r\n")
    named = [found[1] for line in head.split(b"\r\n") if (found := _NAME.match(line))]
    if not head.startswith(b"\r\n") or not blank or len(named) != 1:
        raise _no_form()
    return named[0].decode(), content


def _no_form() -> InvalidRequest:
    return InvalidRequest("is not a form")
