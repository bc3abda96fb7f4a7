"""The browser of the page tests, before the deployed pages: over HTTP, with the stage in every address."""

from collections.abc import Mapping
from typing import Any

from tests.browsing import HTML, Browser, Sending, _encoded
from tests.deployment.visitor import Visitor

STAGE = "/live"


class DeployedBrowser(Browser):
    """A browser without a screen and without scripts; it leaves the stage out of what it shows and is told."""

    def __init__(self, visitor: Visitor) -> None:
        super().__init__(None, headers={"Accept": HTML})  # type: ignore[arg-type]  # what is asked goes over HTTP
        self._visitor = visitor

    def _ask(self, method: str, path: str, form: Sending, headers: Mapping[str, str]) -> Any:
        path = path.removeprefix(STAGE)
        sent = {**self._sent, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body, media_type = _encoded(form or {})
        if form is not None:
            sent["Content-Type"] = media_type
        reply = self._visitor.send(method, path, body if form is not None else None, sent)
        self.seen.append(path)
        self.status, self.headers, self.path = reply.status, reply.headers, path.partition("?")[0]
        self.html = reply.text.replace(f'"{STAGE}/', '"/')
        self.set_cookies = reply.headers.get_all("Set-Cookie") or []
        for each in self.set_cookies:
            self._keep(each)
        return _Answered(reply.status, reply.headers)


class _Answered:
    def __init__(self, status: int, headers: Any) -> None:
        self.status_code = status
        self.headers = headers
