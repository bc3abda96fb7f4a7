"""What was typed, in the shape of the route that does the same: so that both take and refuse the same things."""

from collections.abc import Mapping
from typing import Any

import msgspec

from secondstep.errors import InvalidRequest
from secondstep.shapes import Request

_UNREADABLE_PATTERN = "matching regex"


def shaped[Shape: Request](fields: Mapping[str, Any], takes: type[Shape], *, from_text: bool = False) -> Shape:
    """Return the request of these fields; `from_text` reads numbers and truths from text. InvalidRequest otherwise."""
    try:
        return msgspec.convert(dict(fields), takes, strict=not from_text)
    except msgspec.ValidationError as wrong:
        message, _, path = str(wrong).partition(" - at `$")
        raise InvalidRequest(_readable(message), field=path.rstrip("`").lstrip(".") or "The request") from wrong


def _readable(message: str) -> str:
    """Return what msgspec says as the end of a sentence that the field begins."""
    if _UNREADABLE_PATTERN in message:
        return "has a character or a form that it cannot have"
    if message.startswith("Invalid enum value"):
        return "is none of the allowed values"
    said = message.replace("`", "")
    return said.replace("Expected ", "must be ", 1) if said.startswith("Expected ") else f"is refused: {said}"
