"""The catalogues of the pages: `make translations` brings them up to date with the templates and compiles them.

The sentences are taken from the templates and from rendering.py. What is new gets an empty translation, which a test
finds; what is not said any more is dropped. Compiled files are kept in the repository, so nothing is built elsewhere.
"""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from secondstep.pages.language import LANGUAGES

PAGES = Path(__file__).resolve().parent.parent / "layers" / "secondstep" / "secondstep" / "pages"
LOCALE = PAGES / "locale"
TRANSLATED = tuple(each.tag for each in LANGUAGES if each.tag != "en")
_METHODS = [("rendering.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS = {"templates/**.html": {"trimmed": "true", "encoding": "utf-8", "newstyle_gettext": "true"}}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "N_": (1, 2)}
_NO_DATE = datetime(1970, 1, 1, tzinfo=UTC)
_BOILERPLATE = (  # dates and names: every run would change every file
    *(
        "# Copyright",
        "# FIRST AUTHOR",
        "# This file",
        '"Report-',
        '"POT-',
        '"PO-',
        '"Last-',
        '"Language-Team',
        '"Generated',
    ),
    '"Project-Id',
)


def extracted() -> Catalog:
    """Return every sentence that the pages say."""
    catalog = Catalog(project="secondstep", fuzzy=False)
    found = extract_from_dir(PAGES, _METHODS, _OPTIONS, keywords=_KEYWORDS)
    for name, _, message, _, _ in sorted(found, key=lambda each: (str(each[0]), each[1])):
        catalog.add(message, locations=[(str(name), 0)])
    return catalog


def catalogue(tag: str) -> Catalog:
    """Return a language's catalogue as it is kept."""
    with (LOCALE / f"{tag}.po").open("rb") as kept:
        return read_po(kept, locale=tag)


def compiled(catalog: Catalog) -> bytes:
    """Return a catalogue as gettext reads it; of no date, so that the same sentences are the same file."""
    catalog.creation_date = catalog.revision_date = _NO_DATE
    written = BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


def update(tag: str) -> int:
    """Bring a language's files up to date, and return how many sentences it lacks."""
    path = LOCALE / f"{tag}.po"
    catalog = catalogue(tag) if path.exists() else Catalog(locale=tag, project="secondstep", fuzzy=False)
    catalog.update(extracted(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    catalog.fuzzy = False
    with path.open("wb") as kept:
        write_po(kept, catalog, width=0, omit_header=False, sort_by_file=False, include_lineno=False)
    text = path.read_text("utf-8").splitlines()
    path.write_text("\n".join(line for line in text if not line.startswith(_BOILERPLATE)) + "\n", "utf-8")
    (LOCALE / f"{tag}.mo").write_bytes(compiled(catalogue(tag)))
    return len(missing(catalogue(tag)))


def missing(catalog: Catalog) -> list[str]:
    """Return the sentences that a catalogue does not translate whole."""
    return [str(each.id) for each in catalog if each.id and not all(_texts(each.string))]


def _texts(string: str | Sequence[str] | None) -> list[str]:
    if string is None or isinstance(string, str):
        return [string or ""]
    return list(string)


def main() -> None:
    """Update all languages and say what is missing."""
    for tag in TRANSLATED:
        sys.stdout.write(f"{tag}: {update(tag)} missing\n")


if __name__ == "__main__":
    main()
