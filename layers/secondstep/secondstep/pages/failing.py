"""What a refusal is to a person: the page's own error, or a page that says what to do next."""

from collections.abc import Mapping
from typing import Any

from secondstep.errors import InvalidRequest, ServiceError
from secondstep.pages.language import Language, catalogue

_BARE = """<!doctype html>
<html lang="{language.tag}" dir="{language.direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{what}</title>
</head>
<body>
<main>
<h1>{what}</h1>
<p>{and_now}</p>
</main>
</body>
</html>
"""


def told(refused: ServiceError | None) -> Mapping[str, Any]:
    """Return a refusal as the templates read it: its code and members; an empty code where there is none."""
    if refused is None:
        return {"code": "", "field": ""}
    field = refused.field if isinstance(refused, InvalidRequest) else ""
    return {"field": field, **refused.members(), "code": refused.code}


def bare(language: Language) -> str:
    """Return the HTML of a fault for which no other page could be made."""
    say = catalogue(language).gettext
    what = say("That did not work")
    and_now = say("The service cannot answer right now. Nothing was decided. Try again in a moment.")
    return _BARE.format(language=language, what=what, and_now=and_now)
