"""The README as data: its fenced blocks, its marked walks, its tables. What the tests of the documents read."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

_FENCE = re.compile(
    r"(?:<!-- walk: (?P<name>[a-z-]+) -->\n)?^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_ROW = re.compile(r"^\| `(?P<route>[A-Z]+ /[^` ]*)` \|(?P<rest>.*)\|$", re.MULTILINE)


def blocks(document: Path = README) -> list[tuple[str | None, str, str]]:
    """Return the fenced blocks of a document: the walk's name where it has one, the language, the text."""
    found = _FENCE.finditer(document.read_text("utf-8"))
    return [(each["name"], each["kind"], each["text"]) for each in found]


def walk(*names: str) -> str:
    """Return the text that a reader pastes for these walks, in this order."""
    named = {name: text for name, _, text in blocks() if name}
    return "".join(named[name] for name in names)


def rows(document: Path, heading: str) -> dict[str, list[str]]:
    """Return the table of routes below a heading: route → the other cells."""
    section = document.read_text("utf-8").partition(heading)[2].partition("\n## ")[0]
    return {row["route"]: [cell.strip() for cell in row["rest"].split("|")] for row in _ROW.finditer(section)}
