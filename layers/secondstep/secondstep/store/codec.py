"""Python values to DynamoDB attribute values and back; None and empty sets are never stored."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from secondstep.aws import Item


def encode(value: object) -> dict[str, Any]:
    """Return the attribute value; TypeError for a type that no item of ours holds."""
    match value:
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": str(value)}
        case bytes():
            return {"B": value}
        case frozenset():
            return {"BS": sorted(value)}
        case list() | tuple():
            return {"L": [encode(each) for each in value]}
        case Mapping():
            return {"M": encode_item(value)}
        case _:
            raise TypeError(type(value).__name__)


def encode_item(values: Mapping[str, Any]) -> Item:
    """Encode a whole item or map; None and an empty set leave their attribute out."""
    return {name: encode(value) for name, value in values.items() if value is not None and value != frozenset()}


def decode(attribute: dict[str, Any]) -> Any:
    """Return the Python value of an attribute value."""
    [(kind, value)] = attribute.items()
    match kind:
        case "N":
            return int(value) if value.lstrip("-").isdecimal() else Decimal(value)  # a slip's, never ours
        case "BS":
            return frozenset(bytes(each) for each in value)
        case "B":
            return bytes(value)
        case "L":
            return [decode(each) for each in value]
        case "M":
            return decode_item(value)
        case _:
            return value


def decode_item(item: Item) -> dict[str, Any]:
    """Decode a whole item or map."""
    return {name: decode(attribute) for name, attribute in item.items()}
