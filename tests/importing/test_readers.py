"""Each format's file, read line by line: who is in it, and what is left out and why."""

import io
from typing import NamedTuple

import pytest

from cli.importing.candidate import Candidate, Refusal, WrongFormat
from cli.importing.formats import READERS, Authenticators
from secondstep.authenticators import foreign_hashes
from tests.importing.moving_in import FILES, PASSWORD, seed


class Taken(NamedTuple):
    """What matters of a candidate."""

    has_password: bool
    seeds: int


def read(file_format: str, name: str) -> tuple[dict[str, Candidate], dict[tuple[int, str], str]]:
    """Return who is in a file by name, and the reasons by line and name."""
    with (FILES / name).open(encoding="utf-8", newline="") as source:
        found = list(READERS[file_format](source))
    users = {each.login_name: each for each in found if isinstance(each, Candidate)}
    return users, {(each.line, each.login_name): each.reason for each in found if isinstance(each, Refusal)}


def taken(users: dict[str, Candidate]) -> dict[str, Taken]:
    return {name: Taken(each.password_hash is not None, len(each.seeds)) for name, each in users.items()}


def test_django_json_lines() -> None:
    users, refused = read("django", "django.jsonl")
    assert users["ana"].email == "ana@example.com"
    assert users["ana"].display_name == "Ana Example"
    assert users["dov"].is_disabled
    assert users["cem"].password_hash is None  # no usable password
    assert refused == {(6, "eva"): "the password hash is of a format or cost that is not supported (md5)"}
    assert "agents" not in users


def test_django_csv() -> None:
    users, refused = read("django", "django.csv")
    assert taken(users) == {"ana": (True, 0), "ben": (True, 0)}
    assert refused == {(4, ""): "the line has 2 columns, the heading 3"}


def test_rows_of_json() -> None:
    users, refused = read("rows", "rows.jsonl")
    assert taken(users) == {"ana": (True, 1), "ben": (True, 1), "cem": (True, 1), "gus": (True, 1), "": (True, 0)}
    assert users["cem"].seeds[0].secret == seed("cem")
    assert refused == {
        (4, "dov"): "the code is computed with SHA256, not SHA1",
        (5, "eva"): "the code has 8 digits, not 6",
        (6, "fay"): "the code changes every 60 s, not every 30 s",
        (8, "hal"): "the authenticator is of the type hotp, not totp",
        (9, "ivy"): "the password hash is of a format or cost that is not supported (unknown)",
        (10, "jim"): "the seed is not Base32",
        (11, "kai"): "the seed has 5 bytes, not 10 to 128",
        (13, ""): "this is no JSON object",
    }


def test_rows_of_csv() -> None:
    users, refused = read("rows", "rows.csv")
    assert taken(users) == {"ana": (True, 1), "ben": (True, 0)}
    assert users["ana"].display_name == "Example, Ana"
    assert not refused


def test_keycloak() -> None:
    users, refused = read("keycloak", "keycloak.json")
    assert taken(users) == {"ana": (True, 1), "ben": (True, 1), "cem": (True, 0), "dov": (True, 0)}
    assert users["ana"].seeds[0].secret.raw == b"kc20charactersecret1"
    assert users["ana"].seeds[0].name == "work phone"
    assert users["ben"].seeds[0].secret == seed("ben")
    assert users["dov"].is_disabled
    assert refused == {
        (5, "eva"): "the code is computed with HmacSHA256, not SHA1",
        (6, "fay"): "the authenticator is of the type hotp, not totp",
        (7, "gus"): "the password hash is of a format or cost that is not supported (md5crypt)",
    }


def test_privacyidea() -> None:
    users, refused = read("privacyidea", "privacyidea.json")
    assert taken(users) == {"ana": (False, 1), "ben": (False, 2)}
    assert users["ana"].seeds[0].secret == seed("ana")
    assert refused == {
        (4, "cem"): "the code is computed with sha256, not SHA1",
        (5, "dov"): "the code changes every 60 s, not every 30 s",
        (6, "eva"): "the token is of the type hotp, not totp",
        (7, ""): "the token has no owner",
    }


def test_key_uris() -> None:
    users, refused = read("otpauth", "otpauth.txt")
    assert set(users) == {"ana", "ben@example.com", "dov", "eva"}
    assert users["dov"].seeds[0].secret == seed("dov")
    assert refused == {
        (4, "cem"): "the code changes every 60 s, not every 30 s",
        (5, ""): "this is no otpauth:// URI",
    }


def test_google_authenticators_export() -> None:
    users, refused = read("google", "google.txt")
    assert {name: each.seeds[0].secret for name, each in users.items()} == {"ana": seed("ana"), "ben": seed("ben")}
    assert refused == {
        (2, "cem"): "the code is computed with SHA256, not SHA1",
        (2, "dov"): "the code has 8 digits, not 6",
        (2, "eva"): "the authenticator is of the type hotp, not totp",
        (3, ""): "the payload is cut short",
        (4, ""): "the payload is not Base64",
    }


@pytest.mark.parametrize(
    ("file_format", "name"),
    [("django", "django.jsonl"), ("rows", "rows.jsonl"), ("rows", "rows.csv"), ("keycloak", "keycloak.json")],
)
def test_everybodys_hash_matches_the_old_password_and_no_other(file_format: str, name: str) -> None:
    users, _ = read(file_format, name)
    for each in users.values():
        if each.password_hash:
            foreign = foreign_hashes.parse(each.password_hash)
            assert foreign is not None
            assert foreign_hashes.matches(PASSWORD, foreign)
            assert not foreign_hashes.matches(PASSWORD.upper(), foreign)


@pytest.mark.parametrize(
    ("file_format", "text", "word"),
    [
        ("django", '[{"model": "auth.user"}]', "jsonl"),
        ("rows", "email,password\na@example.com,x\n", "columns"),
        ("keycloak", "{}", "users"),
        ("keycloak", "no JSON", "JSON"),
        ("privacyidea", "no JSON", "JSON"),
    ],
)
def test_a_file_of_another_format_is_told(file_format: str, text: str, word: str) -> None:
    with pytest.raises(WrongFormat, match=word):
        list(READERS[file_format](io.StringIO(text)))


def test_what_a_reader_says_never_holds_a_seed_or_a_hash() -> None:
    for file_format, name in (("rows", "rows.jsonl"), ("keycloak", "keycloak.json"), ("otpauth", "otpauth.txt")):
        users, refused = read(file_format, name)
        said = repr(list(users.values())) + repr(refused)
        for each in users.values():
            assert not any(one.secret.base32 in said for one in each.seeds)
            assert (each.password_hash or "-") not in said


def test_seeds_of_a_second_file_come_to_their_owners() -> None:
    users = iter([Candidate(1, "Ana", "x"), Candidate(2, "cem", "x"), Candidate(3, "zoe", "x")])
    with (FILES / "privacyidea.json").open() as source:
        held = Authenticators(READERS["privacyidea"](source))
    joined = list(held.joined(users))
    assert isinstance(joined[0], Candidate)
    assert joined[0].seeds[0].secret == seed("ana")
    assert isinstance(joined[1], Refusal)  # who had a second factor never comes in without it
    assert joined[2] == Candidate(3, "zoe", "x")
    assert [each.login_name for each in held.left_over()] == ["ben"]
