"""What a request says: its body, its query, its headers; strict, so that no two readers can take it differently."""

import base64
import json
from typing import Any, NoReturn
from urllib.parse import parse_qsl

import msgspec

from secondstep.contract import FORM, JSON, LARGEST_BODY, PNG
from secondstep.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from secondstep.shapes import Request


def parse_query[Parameters: Request](event: dict[str, Any], takes: type[Parameters]) -> Parameters:
    """Return the query parameters as a struct; a repeated, unknown or ill-typed one is refused."""
    many = event.get("multiValueQueryStringParameters") or {}
    sent = many or {name: [value] for name, value in (event.get("queryStringParameters") or {}).items()}
    repeated = [name for name, values in sent.items() if len(values) != 1]
    if repeated:
        raise InvalidRequest("comes more than once", field=repeated[0])
    return _converted({name: values[0] for name, values in sent.items()}, takes, strict=False)


def parse_body[Body: Request](
    event: dict[str, Any], takes: type[Body], *, media_type: str = JSON, largest: int = LARGEST_BODY
) -> Body:
    """Return the body as the contract's struct: JSON, no unknown, ill-typed or repeated field; or a picture's bytes.

    No larger and of no other media type than the route takes.
    """
    raw = event.get("body") or ""
    is_binary = bool(event.get("isBase64Encoded"))
    if raw and event["httpMethod"] == "GET":
        raise InvalidRequest("takes no body")
    if len(raw.encode(errors="surrogatepass")) > (_in_base64(largest) if is_binary else largest):
        raise PayloadTooLarge
    if not raw:
        return _converted({}, takes)
    if _media_types(event) != [media_type]:
        raise UnsupportedMediaType
    if is_binary != (media_type == PNG):
        raise UnsupportedMediaType
    return _converted({"png": _decoded(raw, largest)} if is_binary else _json(raw), takes)


def parse_form[Body: Request](event: dict[str, Any], takes: type[Body]) -> Body:
    """Return a form as a struct; a field without a value counts as omitted, one that comes twice is refused.

    So has RFC 6749 it (section 3.2).
    """
    raw = event.get("body") or ""
    if len(raw.encode(errors="surrogatepass")) > LARGEST_BODY:
        raise PayloadTooLarge
    if event.get("isBase64Encoded") or _media_types(event) != [FORM]:
        raise UnsupportedMediaType
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=60)
    except ValueError as broken:
        raise InvalidRequest("is not a form") from broken
    if len(dict(pairs)) != len(pairs):
        raise InvalidRequest("names a field twice")
    return _converted({name: value for name, value in pairs if value}, takes)


def _media_types(event: dict[str, Any]) -> list[str]:
    return [each.partition(";")[0].strip().lower() for each in header_values(event, "content-type")]


def _in_base64(length: int) -> int:
    return -(-length // 3) * 4


def _decoded(raw: str, largest: int) -> bytes:
    """Return a binary body as it was sent; API Gateway hands over what `BinaryMediaTypes` names in Base64."""
    try:
        body = base64.b64decode(raw, validate=True)
    except ValueError as broken:
        raise UnsupportedMediaType from broken
    if len(body) > largest:
        raise PayloadTooLarge
    return body


def _json(raw: str) -> object:
    try:
        parsed = json.loads(raw, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except RecursionError as deep:
        raise InvalidRequest("is nested too deeply") from deep
    except ValueError as broken:
        raise InvalidRequest("is not JSON") from broken
    return parsed


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a repeated key (two readers may take different ones) and text that is not Unicode."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise InvalidRequest("names a field twice")
    if not all(_is_unicode(name) and _is_text_throughout(value) for name, value in pairs):
        raise InvalidRequest("has a lone surrogate")
    return fields


def _is_text_throughout(value: object) -> bool:
    """Tell whether a parsed value holds no lone surrogate; objects were looked at when they were parsed."""
    if isinstance(value, list):
        return all(_is_text_throughout(each) for each in value)
    return not isinstance(value, str) or _is_unicode(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidRequest(f"{name} is not JSON")


def _converted[Shape: Request](fields: object, takes: type[Shape], *, strict: bool = True) -> Shape:
    """Return the struct; query parameters are text, so their numbers are not `strict`."""
    try:
        return msgspec.convert(fields, takes, strict=strict)
    except msgspec.ValidationError as wrong:
        message, _, path = str(wrong).partition(" - at `$")
        if message.startswith("Invalid enum value"):  # msgspec would repeat what was typed
            message = "is none of the allowed values"
        raise InvalidRequest(message, field=path.rstrip("`").lstrip(".")) from wrong


def header_values(event: dict[str, Any], name: str) -> list[str]:
    """Return all values of a header, whatever its case."""
    many = event.get("multiValueHeaders") or {}
    single = {key: [value] for key, value in (event.get("headers") or {}).items()}
    return [value for key, values in (many or single).items() if key.lower() == name for value in values]
