"""JSON documents: exports that are one object or array, held as a whole. Their makers split them into files."""

import json
from typing import IO, Any

from cli.importing.candidate import Unreadable, WrongFormat


def load(source: IO[str]) -> Any:
    """Return the document; WrongFormat where it is none."""
    try:
        return json.load(source)
    except ValueError as wrong:
        raise WrongFormat(f"This is not one JSON document: {wrong}.") from wrong


def entries(document: Any, member: str) -> list[Any]:
    """Return the list that a document is, or holds under this name."""
    found = document.get(member) if isinstance(document, dict) else document
    if not isinstance(found, list):
        raise WrongFormat(f'There is no list "{member}" in this document.')
    return found


def inner(value: object) -> dict[str, Any]:
    """Return an object that stands as text within the document, or as itself."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError as wrong:
        raise Unreadable("a credential is not JSON") from wrong
    if not isinstance(found, dict):
        raise Unreadable("a credential is no object")
    return found
