"""What a person does with the pages: types, presses, reads, scans. Codes come from what was scanned."""

import io
import json
import urllib.request

import pyotp
import zxingcpp
from PIL import Image
from playwright.sync_api import ConsoleMessage, Page

PASSWORD = "correct horse battery staple"


class Person:
    """Somebody at a browser, with a phone beside it; what the browser complains of is kept."""

    def __init__(self, page: Page, base: str) -> None:
        self.page = page
        self.base = base
        self.phone: pyotp.TOTP | None = None
        self.complaints: list[str] = []
        self.strangers: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._watch)

    def _hear(self, message: ConsoleMessage) -> None:
        """Keep what the browser complains of: a refused form is an answer and no complaint."""
        if "the server responded with a status of 4" not in message.text:
            self.complaints.append(message.text)

    def _watch(self, request: object) -> None:
        url = str(getattr(request, "url", ""))
        if not url.startswith((self.base, "blob:", "data:")):
            self.strangers.append(url)

    def goes_to(self, path: str) -> None:
        """Open an address."""
        self.page.goto(f"{self.base}{path}")

    def reads(self) -> str:
        """Return the heading of the page."""
        return self.page.locator("h1").inner_text()

    def types(self, **fields: str) -> None:
        """Fill in fields by their ids."""
        for name, text in fields.items():
            self.page.fill(f"#{name}", text)

    def presses(self, words: str) -> None:
        """Press the button or follow the link with these words."""
        self.page.locator(f"button:visible:has-text('{words}'), a:visible:has-text('{words}')").first.click()

    def signs_in(self, name: str = "agent", password: str = PASSWORD) -> None:
        """Give account, name and password."""
        self.goes_to("/ui/login?account=acme")
        self.types(login_name=name, password=password)
        self.presses("Sign in")

    def scans(self) -> None:
        """Scan the QR code from the screen, as a phone does."""
        picture = Image.open(io.BytesIO(self.page.screenshot(full_page=True)))
        [found] = zxingcpp.read_barcodes(picture)
        entry = pyotp.parse_uri(found.text)
        assert isinstance(entry, pyotp.TOTP)
        self.phone = entry

    def code(self, *, fresh: bool = True) -> str:
        """Return the phone's code; a fresh one is of a step that no code was used of."""
        assert self.phone is not None
        now = self._now(31 if fresh else 0)
        return self.phone.at(now)

    def _now(self, seconds: int) -> int:
        body = json.dumps({"advance_seconds": seconds}).encode()
        request = urllib.request.Request(f"{self.base}/_local/clock", data=body, method="POST")  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(json.load(answer)["now"])

    def enrolls(self) -> list[str]:
        """Set up a phone from the page that offers it; return the recovery codes that were shown."""
        self.presses("Show the QR code")
        self.scans()
        self.types(code=self.code(fresh=False))
        self.presses("Continue")
        codes = self.page.locator(".codes code").all_inner_texts()
        self.types(recovery_code=codes[0])
        self.presses("Continue")
        return codes
