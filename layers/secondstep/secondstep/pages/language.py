"""The languages of the pages: one catalogue each, made by Babel (`make translations`), read by gettext.

English is the language of the sources, so it needs none.
"""

import gettext
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

_CATALOGUES = Path(__file__).parent / "locale"
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")


class Language(NamedTuple):
    """A language: its tag, its own name for itself, and the direction it is written in."""

    tag: str
    name: str
    direction: str = "ltr"


LANGUAGES = (
    Language("en", "English"),
    Language("de", "Deutsch"),
    Language("fr", "Français"),
    Language("es", "Español"),
    Language("ja", "日本語"),
    Language("ar", "العربية", "rtl"),
)
_BY_TAG = {each.tag: each for each in LANGUAGES}


def chosen(*wishes: str) -> Language:
    """Return the language of the first wish that names one that we have, else English."""
    return next((found for found in map(named, wishes) if found), LANGUAGES[0])


def named(wish: str) -> Language | None:
    """Return the first language that a wish names and that we have: tags in order, as `Accept-Language` writes them."""
    known = (_BY_TAG.get(tag.partition("-")[0].lower()) for tag in _tags(wish))
    return next((found for found in known if found), None)


def _tags(wish: str) -> Iterator[str]:
    """Yield the tags of a wish, the most wanted first (RFC 9110 section 12.5.4)."""
    weighed = []
    for part in re.split(r"[,\s]+(?![^;]*=)", wish[:200]):
        tag, _, weight = part.strip().partition(";")
        if _TAG.fullmatch(tag.strip()):
            found = re.search(r"q=([01](?:\.[0-9]{1,3})?)", weight)
            weighed.append((-float(found[1]) if found else -1.0, tag.strip()))
    return (tag for _, tag in sorted(weighed, key=lambda each: each[0]))


@cache
def catalogue(language: Language) -> gettext.NullTranslations:
    """Return the sentences of a language."""
    if language is LANGUAGES[0]:
        return gettext.NullTranslations()
    with (_CATALOGUES / f"{language.tag}.mo").open("rb") as compiled:
        return gettext.GNUTranslations(compiled)
