"""What a page's handler answers: a page to show, or a place to go to; and the cookies that change with it."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A page: its template, what it shows, and its status."""

    template: str
    shows: Mapping[str, Any] = {}
    account: str = ""  # whose name, logo and colour it bears
    status: int = 200
    cookies: tuple[str, ...] = ()
    headers: Mapping[str, str] = {}
    code: str = "ok"  # of a refusal, for the log and the metric
    is_shown_again: bool = True  # False: its address shows something else, so nothing may lead there


class GoTo(msgspec.Struct, frozen=True):
    """Another page: answered by 303, so that Reload and Back send nothing twice."""

    page: str
    cookies: tuple[str, ...] = ()


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """A stylesheet, a script or a picture: text, so that the gateway has nothing to decode."""

    content: bytes
    media_type: str
    cached_seconds: int  # 0: never kept
    status: int = 200
    headers: Mapping[str, str] = {}


type Answer = Page | GoTo | Asset
