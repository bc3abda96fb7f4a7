"""Time-based one-time passwords (RFC 6238): SHA-1, six digits, 30 seconds, 20-byte secrets.

These are the only parameters that Google Authenticator, Authy and Okta Verify all honour. A code is judged by the
time step it belongs to, never by its text: the step must rise, so a code is good once, whatever its spelling.
"""

import base64
import hmac
import secrets
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec
import pyotp

DIGITS = 6
PERIOD_SECONDS = 30
ALGORITHM = "SHA1"
SECRET_BYTES = 20  # RFC 4226 section 4, R6: 160 bits recommended
_LONGEST_ISSUER, _LONGEST_NAME = 480, 1000  # percent-encoded: twice the one, the other and the rest make 2,331 bytes
DRIFT_STEPS = 10  # how far off a clock is still explained (five minutes); never accepted


class Secret(msgspec.Struct, frozen=True):
    """A TOTP secret; its `repr` hides it."""

    raw: bytes

    def __repr__(self) -> str:
        return "Secret(…)"

    @property
    def base32(self) -> str:
        """Return upper-case Base32 without padding, as apps want it typed (20 bytes have none)."""
        return base64.b32encode(self.raw).decode()


class Verdict(msgspec.Struct, frozen=True):
    """What a presented code turned out to be; `step` is the time step it belongs to."""

    kind: Literal["accepted", "replayed", "behind", "ahead", "wrong"]
    step: int = 0


def new_secret() -> Secret:
    """Return twenty random bytes from the operating system's generator."""
    return Secret(secrets.token_bytes(SECRET_BYTES))


def parse_code(typed: str) -> str | None:
    """Return six ASCII digits after spaces are removed, else None (never full-width or other digits)."""
    code = typed.replace(" ", "")
    return code if len(code) == DIGITS and code.isascii() and code.isdecimal() else None


def step_at(now: int) -> int:
    """Return the time step of a moment (RFC 6238 section 4.2)."""
    return now // PERIOD_SECONDS


def seconds_to_next_step(now: int) -> int:
    """Return after how many seconds an app shows its next code."""
    return PERIOD_SECONDS - now % PERIOD_SECONDS


def verify(presented_code: str, secret: Secret, *, last_step: int, now: int, tolerance_steps: int) -> Verdict:
    """Judge a code: accepted only for a step within the tolerance that is later than `last_step` (RFC 6238 5.2).

    Every step of the search is computed and compared, whatever matches, so the time tells nothing.
    """
    current = step_at(now)
    near = range(current - tolerance_steps, current + tolerance_steps + 1)
    matched = _matching(presented_code, secret, range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1))
    fresh = [step for step in matched if step in near and step > last_step]
    if fresh:
        return Verdict("accepted", fresh[0])
    return _explain([step for step in matched if step not in near or step <= last_step], current, last_step)


def _explain(matched: list[int], current: int, last_step: int) -> Verdict:
    """Explain a code that is not accepted: used already, of an earlier step, or of a later one."""
    if not matched:
        return Verdict("wrong")
    step = min(matched, key=lambda each: abs(each - current))
    if step <= last_step:
        return Verdict("replayed", step)
    return Verdict("behind" if step < current else "ahead", step)


def _matching(presented_code: str, secret: Secret, steps: Iterable[int]) -> list[int]:
    generator = pyotp.HOTP(secret.base32, digits=DIGITS)
    return [step for step in steps if step >= 0 and hmac.compare_digest(generator.at(step), presented_code)]


def label_for(*, issuer: str, name: str) -> str:
    """Return what an app shows for the entry: `issuer:name`."""
    return f"{issuer}:{name}"


def otpauth_uri(secret: Secret, *, issuer: str, name: str) -> str:
    """Return the key URI that apps scan: everything percent-encoded with %20, all parameters spelled out.

    Issuer and name are cut where the whole would not fit a QR code; letters of some scripts take nine bytes each.
    """
    shown_issuer, shown_name = _cut(issuer, _LONGEST_ISSUER), _cut(name, _LONGEST_NAME)
    parameters = {
        "secret": secret.base32,
        "issuer": shown_issuer,
        "algorithm": ALGORITHM,
        "digits": DIGITS,
        "period": PERIOD_SECONDS,
    }
    path = f"{quote(shown_issuer, safe='')}:{quote(shown_name, safe='')}"
    return f"otpauth://totp/{path}?{urlencode(parameters, quote_via=quote, safe='')}"


def _cut(text: str, longest: int) -> str:
    while len(quote(text, safe="")) > longest:
        text = text[:-1]
    return text
