"""The fields of a form, held against the contract's own types: each by itself, so that all that is wrong is told."""

from collections.abc import Mapping
from typing import Any

import msgspec

from secondstep.errors import InvalidRequest
from secondstep.shapes import Request


class WrongFields(InvalidRequest):
    """Some fields are not what the contract asks for; `fields` names them all."""

    def __init__(self, fields: frozenset[str]) -> None:
        super().__init__("is not what is asked for", field=min(fields))
        self.fields = fields


def read[Shape: Request](takes: type[Shape], sent: Mapping[str, Any]) -> Shape:
    """Return the contract's struct of the fields that were filled in; WrongFields where some are wrong or missing."""
    known = {each.name: each for each in msgspec.structs.fields(takes)}
    wrong = {name for name, value in sent.items() if not _fits(value, known[name].type)}
    wrong |= {name for name, each in known.items() if each.required and name not in sent}
    if wrong:
        raise WrongFields(frozenset(wrong))
    return msgspec.convert(dict(sent), takes)


def _fits(value: object, type_: object) -> bool:
    try:
        msgspec.convert(value, type_)
    except msgspec.ValidationError:
        return False
    return True
