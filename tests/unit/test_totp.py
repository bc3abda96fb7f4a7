"""RFC 6238 and RFC 4226 by their own vectors; which steps are accepted, and what the rest is called."""

import base64
from io import BytesIO
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
import resvg_py
import zxingcpp
from PIL import Image

from secondstep.authenticators import totp
from secondstep.authenticators.totp import Secret

RFC_SECRET = Secret(b"12345678901234567890")
RFC_6238 = {
    59: "94287082",
    1111111109: "07081804",
    1111111111: "14050471",
    1234567890: "89005924",
    2000000000: "69279037",
    20000000000: "65353130",
}
RFC_4226 = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
NOW = 1_800_000_010  # ten seconds into a step
STEP = NOW // 30


def code_at(step: int, secret: Secret = RFC_SECRET) -> str:
    return pyotp.HOTP(secret.base32).at(step)


@pytest.mark.parametrize(("moment", "code"), list(RFC_6238.items()))
def test_the_vectors_of_rfc_6238_are_accepted_at_their_moment(moment: int, code: str) -> None:
    verdict = totp.verify(code[-6:], RFC_SECRET, last_step=-1, now=moment, tolerance_steps=0)
    assert verdict == totp.Verdict("accepted", moment // 30)


@pytest.mark.parametrize(("counter", "code"), list(enumerate(RFC_4226)))
def test_the_vectors_of_rfc_4226_keep_their_leading_zeros(counter: int, code: str) -> None:
    verdict = totp.verify(code, RFC_SECRET, last_step=-1, now=counter * 30, tolerance_steps=0)
    assert verdict.kind == "accepted"


@pytest.mark.parametrize("second", [0, 1, 29])
@pytest.mark.parametrize("offset", list(range(-12, 13)))
def test_only_the_neighbouring_steps_are_accepted(offset: int, second: int) -> None:
    now = STEP * 30 + second
    verdict = totp.verify(code_at(STEP + offset), RFC_SECRET, last_step=0, now=now, tolerance_steps=1)
    expected = "accepted" if abs(offset) <= 1 else "behind" if offset < 0 else "ahead"
    assert verdict.kind == (expected if abs(offset) <= 10 else "wrong")


def test_without_tolerance_only_the_present_step_is_accepted() -> None:
    kinds = [
        totp.verify(code_at(STEP + offset), RFC_SECRET, last_step=0, now=NOW, tolerance_steps=0).kind
        for offset in (-1, 0, 1)
    ]
    assert kinds == ["behind", "accepted", "ahead"]


@pytest.mark.parametrize("last", [STEP - 1, STEP, STEP + 1, STEP + 5])
def test_a_step_must_rise(last: int) -> None:
    for offset in (-1, 0, 1):
        verdict = totp.verify(code_at(STEP + offset), RFC_SECRET, last_step=last, now=NOW, tolerance_steps=1)
        assert verdict.kind == ("accepted" if STEP + offset > last else "replayed")


@pytest.mark.parametrize("typed", ["123456", "123 456", " 1 2 3 4 5 6 "])
def test_spaces_are_forgiven(typed: str) -> None:
    assert totp.parse_code(typed) == "123456"


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1",
        "12345",
        "1234567",
        "12345a",
        "１２３４５６",
        "١٢٣٤٥٦",
        "123456\n",
        "\t123456",
        "12345６",
        "123-456",
        "+12345",
    ],
)
def test_what_is_not_six_ascii_digits_is_no_code(typed: str) -> None:
    assert totp.parse_code(typed) is None


def test_secrets_are_twenty_random_bytes_and_32_characters() -> None:
    made = [totp.new_secret() for _ in range(1000)]
    assert {len(each.raw) for each in made} == {20}
    assert all(len(each.base32) == 32 and "=" not in each.base32 for each in made)
    assert len({each.raw for each in made}) == 1000
    assert base64.b32decode(made[0].base32) == made[0].raw


def test_a_secret_hides_itself() -> None:
    assert RFC_SECRET.base32 not in repr(RFC_SECRET) + str(RFC_SECRET)
    assert "1234" not in repr(RFC_SECRET)


@pytest.mark.parametrize("issuer", ["Acme Support", "A&B: 100%", "Zürich/Süd", "日本"])
@pytest.mark.parametrize("name", ["kim@example.com", "kim (Tablet)", "ünïcode+tag"])
def test_the_uri_is_percent_encoded_and_spells_its_parameters_out(issuer: str, name: str) -> None:
    uri = totp.otpauth_uri(RFC_SECRET, issuer=issuer, name=name)
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert "+" not in uri
    assert [unquote(part) for part in parts.path[1:].split(":")] == [issuer, name]
    assert parse_qs(parts.query) == {
        "secret": [RFC_SECRET.base32],
        "issuer": [issuer],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_the_qr_code_reads_as_the_uri() -> None:
    uri = totp.otpauth_uri(RFC_SECRET, issuer="Acme Support", name="kim@example.com")
    png = resvg_py.svg_to_bytes(svg_string=totp.qr_svg(uri), width=400)

    [found] = zxingcpp.read_barcodes(Image.open(BytesIO(bytes(png))))
    assert found.text == uri
