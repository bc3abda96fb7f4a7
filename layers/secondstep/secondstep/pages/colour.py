"""An account's colour on the pages: always to be seen, on light paper and on dark, and with a text that can be read.

WCAG 2.2: 3:1 for borders and marks (1.4.11). No colour falls short on both papers, so none is refused: on the one
where it does it is made darker or lighter, as little as is needed.
"""

from collections.abc import Iterator

LIGHT_PAPER, DARK_PAPER = "#ffffff", "#17181a"  # as style.css has them
_SEEN = 3.0
_STEPS = 20


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb` (WCAG 2.2)."""
    linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(colour: str) -> str:
    """Return black or white, whichever is read better on a colour: 4.5:1 at least."""
    return max("#000000", "#ffffff", key=lambda each: contrast(each, colour))


def is_seen_on(colour: str, paper: str) -> bool:
    """Tell whether a border of this colour is seen on a paper."""
    return contrast(colour, paper) >= _SEEN


def seen_on(colour: str, paper: str) -> str:
    """Return the colour itself, or the nearest shade of it that is seen on a paper."""
    return next(each for each in _shades(colour, towards=text_on(paper)) if is_seen_on(each, paper))


def stylesheet(accent: str) -> str:
    """Return the account's colours for both papers."""
    light, dark = (_root(seen_on(accent, paper)) for paper in (LIGHT_PAPER, DARK_PAPER))
    return f"{light}@media (prefers-color-scheme:dark){{{dark}}}"


def _root(accent: str) -> str:
    return f":root{{--accent:{accent};--on-accent:{text_on(accent)}}}"


def _shades(colour: str, *, towards: str) -> Iterator[str]:
    pairs = list(zip(_channels(colour), _channels(towards), strict=True))
    for step in range(_STEPS + 1):
        mixed = [start + (end - start) * step / _STEPS for start, end in pairs]
        yield "#" + "".join(f"{round(each * 255):02x}" for each in mixed)


def _channels(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
