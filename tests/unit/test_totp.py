"""RFC 6238 and RFC 4226 by their own vectors; which steps are accepted, and what the rest is called."""

import base64
from io import BytesIO
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
import resvg_py
import zxingcpp
from PIL import Image

from secondstep.authenticators import qr, totp
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


def accepted_at(now: int, tolerance_steps: int) -> set[int]:
    """Return the steps, of many, whose codes are accepted at a moment."""
    steps = range(STEP - 15, STEP + 16)
    tried = {
        step: totp.verify(code_at(step), RFC_SECRET, last_step=0, now=now, tolerance_steps=tolerance_steps)
        for step in steps
    }
    assert all(verdict.step == step for step, verdict in tried.items() if verdict.kind == "accepted")
    return {step for step, verdict in tried.items() if verdict.kind == "accepted"}


def test_the_accepted_steps_move_on_between_second_29_and_second_30() -> None:
    assert accepted_at(STEP * 30 + 29, 1) == {STEP - 1, STEP, STEP + 1}
    assert accepted_at(STEP * 30 + 30, 1) == {STEP, STEP + 1, STEP + 2}
    assert accepted_at(STEP * 30 + 29, 0) == {STEP}
    assert accepted_at(STEP * 30 + 30, 0) == {STEP + 1}


def test_a_code_that_two_steps_share_is_good_once_for_each() -> None:
    """Six digits repeat: what was burnt is the step, not the text (here the steps 62075368 and 62075369)."""
    first = 62075368
    code = code_at(first)
    assert code == code_at(first + 1) == "235522"
    now = (first + 1) * 30
    for last, verdict in (
        (first - 1, totp.Verdict("accepted", first)),
        (first, totp.Verdict("accepted", first + 1)),
        (first + 1, totp.Verdict("replayed", first + 1)),
    ):
        assert totp.verify(code, RFC_SECRET, last_step=last, now=now, tolerance_steps=1) == verdict


def test_the_first_steps_of_all_time_have_no_steps_before_them() -> None:
    assert totp.verify(RFC_4226[0], RFC_SECRET, last_step=-1, now=0, tolerance_steps=1).kind == "accepted"
    assert totp.verify("000000", RFC_SECRET, last_step=-1, now=0, tolerance_steps=1).kind == "wrong"


def test_another_secrets_code_is_wrong() -> None:
    other = Secret(b"09876543210987654321")
    assert totp.verify(code_at(STEP, other), RFC_SECRET, last_step=0, now=NOW, tolerance_steps=1).kind == "wrong"


def test_every_step_of_the_search_is_computed_whatever_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the place of a match nor its absence shows in the number of HMACs."""
    asked: list[int] = []
    at = pyotp.HOTP.at

    def counted(generator: pyotp.HOTP, count: int) -> str:
        asked.append(count)
        return at(generator, count)

    codes = [code_at(STEP + offset) for offset in (-10, -1, 0, 1, 10, 11)]
    monkeypatch.setattr(pyotp.HOTP, "at", counted)
    for code in codes:
        asked.clear()
        totp.verify(code, RFC_SECRET, last_step=0, now=NOW, tolerance_steps=1)
        assert asked == list(range(STEP - 10, STEP + 11))


@pytest.mark.parametrize(("second", "wait"), [(0, 30), (1, 29), (10, 20), (29, 1)])
def test_the_next_code_is_told_to_the_second(second: int, wait: int) -> None:
    assert totp.seconds_to_next_step(STEP * 30 + second) == wait
    assert totp.step_at(STEP * 30 + second + wait) == STEP + 1


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
        "-12345",
        "123456\r\n",
        "\n123456",
        "123\t456",
        "123456\x00",
        "12345\u00a06",
        "123\u2003456",
        "123\u200b456",
        "1 2 3 4 5",
        "      ",
        "12.456",
        "1e1000",
        "²³¹²³¹",
        "०१२३४५",
        "𝟏𝟐𝟑𝟒𝟓𝟔",
        "12345\ud800",
        pytest.param("123456" * 1000, id="six thousand digits"),
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


@pytest.mark.parametrize("issuer", ["Acme Support", "A&B: 100%", "A:B", "=?#;+", "Zürich/Süd", "日本"])
@pytest.mark.parametrize("name", ["kim@example.com", "kim (Tablet)", "ünïcode+tag"])
def test_the_uri_is_percent_encoded_and_spells_its_parameters_out(issuer: str, name: str) -> None:
    uri = totp.otpauth_uri(RFC_SECRET, issuer=issuer, name=name)
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert "+" not in uri
    assert uri.isascii()
    assert uri.count("?") == 1
    assert [unquote(part) for part in parts.path[1:].split(":")] == [issuer, name]
    assert parse_qs(parts.query) == {
        "secret": [RFC_SECRET.base32],
        "issuer": [issuer],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }


def test_the_uri_is_spelled_as_apps_read_it() -> None:
    """The key URI format, letter by letter: a plus would be shown as a plus, a bare colon would split the label."""
    assert totp.otpauth_uri(RFC_SECRET, issuer="A: B & C", name="kim x") == (
        "otpauth://totp/A%3A%20B%20%26%20C:kim%20x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=A%3A%20B%20%26%20C&algorithm=SHA1&digits=6&period=30"
    )


def test_an_app_makes_the_code_of_the_uri_and_we_accept_it() -> None:
    secret = totp.new_secret()
    app = pyotp.parse_uri(totp.otpauth_uri(secret, issuer="Acme & Söhne", name="kim@example.com"))
    assert isinstance(app, pyotp.TOTP)
    assert (app.issuer, app.name) == ("Acme & Söhne", "kim@example.com")
    assert totp.verify(app.at(NOW), secret, last_step=0, now=NOW, tolerance_steps=0).kind == "accepted"


@pytest.mark.parametrize(
    ("issuer", "name"),
    [("Acme Support", "kim@example.com"), ("日本" * 16, "語" * 40), ("A: B & C", "kim (Tablet)"), ("A", "b" * 128)],
    ids=["plain", "long", "punctuation", "name of 128"],
)
def test_the_qr_code_reads_as_the_uri(issuer: str, name: str) -> None:
    uri = totp.otpauth_uri(RFC_SECRET, issuer=issuer, name=name)
    png = resvg_py.svg_to_bytes(svg_string=qr.qr_svg(uri), width=800)
    [found] = zxingcpp.read_barcodes(Image.open(BytesIO(bytes(png))))
    assert found.text == uri


def test_the_qr_code_is_plain_inline_svg_that_loads_and_runs_nothing() -> None:
    svg = qr.qr_svg(totp.otpauth_uri(RFC_SECRET, issuer="<script>", name='"><img src=x>'))
    assert svg.startswith("<svg")
    assert not any(word in svg for word in ("script", "href", "http://", "https://", "<img", "onload", "<style"))


def test_a_label_is_the_issuer_and_the_name() -> None:
    assert totp.label_for(issuer="Acme", name="kim") == "Acme:kim"


@pytest.mark.parametrize("letter", ["a", "%", "é", "カ", "🂡"])
def test_the_longest_issuer_and_name_of_any_script_fit_a_qr_code(letter: str) -> None:
    """A login name has 128 code points, an issuer and an entry's own name 64 each."""
    uri = totp.otpauth_uri(totp.new_secret(), issuer=letter * 64, name=f"{letter * 128} ({letter * 64})")
    assert qr.qr_svg(uri).startswith("<svg")
    assert pyotp.parse_uri(uri).issuer == letter * len(pyotp.parse_uri(uri).issuer or "")
