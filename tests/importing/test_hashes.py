"""Hashes of other systems: verified as their makers do, replaced at the first login, refused where too costly."""

import hashlib

import argon2
import bcrypt
import pytest
from werkzeug.security import generate_password_hash

from secondstep.authenticators import foreign_hashes, password
from tests.importing import makers
from tests.service import Service

pytestmark = pytest.mark.hashing

LONG = "a long passphrase, " * 6


@pytest.mark.parametrize("make", makers.REDUCED.values(), ids=makers.REDUCED)
@pytest.mark.parametrize("typed", ["plain enough", "Münchner Weißwurst 7", "e\u0301 decomposed", LONG])
def test_a_hash_matches_what_was_typed_and_nothing_else(make: makers.Maker, typed: str) -> None:
    stored = make(typed)
    assert password.match(typed, stored)
    assert not password.match(typed + " ", stored) or (len(typed) > 72 and "$2b$" in stored)
    assert not password.match("another", stored)
    assert password.needs_rehash(stored)


@pytest.mark.parametrize("make", makers.REDUCED.values(), ids=makers.REDUCED)
def test_a_foreign_hash_is_not_normalized(make: makers.Maker) -> None:
    """The other system hashed the bytes as they came: another spelling never matched there, and does not here."""
    assert not password.match("\u00e9 composed", make("e\u0301 composed"))


def test_bcrypt_cuts_where_its_maker_cut() -> None:
    stored = bcrypt.hashpw(LONG.encode()[:72], bcrypt.gensalt(4)).decode()
    assert password.match(LONG, stored)
    assert password.match(LONG[:72] + "anything else", stored)
    assert not password.match(LONG[:71], stored)


def test_djangos_bcrypt_sha256_is_not_cut() -> None:
    digest = hashlib.sha256(LONG.encode()).hexdigest().encode()
    stored = f"bcrypt_sha256${bcrypt.hashpw(digest, bcrypt.gensalt(4)).decode()}"
    assert password.match(LONG, stored)
    assert not password.match(LONG[:72], stored)


@pytest.mark.parametrize("letter", ["a", "b", "y"])
def test_every_letter_of_bcrypt_is_known(letter: str) -> None:
    stored = bcrypt.hashpw(b"plain enough", bcrypt.gensalt(4)).decode().replace("$2b$", f"$2{letter}$")
    assert password.match("plain enough", stored)


@pytest.mark.parametrize(
    "stored",
    [
        "pbkdf2_sha256$99999999$salt$AAAA",
        "pbkdf2_sha256$1000$salt$not base64",
        "pbkdf2_sha256$0$salt$AAAA",
        "scrypt:1048576:32:4$salt$" + "0" * 128,
        "scrypt:1000:8:1$salt$" + "0" * 128,  # N is no power of two
        "$2b$31$" + "." * 53,
        "$2x$12$" + "." * 53,
        "argon2$argon2id$v=19$m=9999999,t=9,p=1$c29tZXNhbHQ$" + "A" * 43,
        "argon2$argon2d$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$" + "A" * 43,
        "md5$salt$" + "0" * 32,
        "plain text",
        "",
    ],
)
def test_an_unsupported_hash_never_matches_and_costs_one_hash(stored: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert foreign_hashes.parse(stored) is None
    hashed: list[str] = []
    verify = argon2.PasswordHasher.verify

    def counting(self: argon2.PasswordHasher, encoded: str, presented: bytes) -> bool:
        hashed.append(encoded)
        return bool(verify(self, encoded, presented))

    monkeypatch.setattr(argon2.PasswordHasher, "verify", counting)
    assert not password.match("plain text", stored)
    assert len(hashed) == 1
    assert password.needs_rehash(stored)


@pytest.mark.parametrize("make", makers.REDUCED.values(), ids=makers.REDUCED)
def test_a_scheme_is_a_hash_of_nobodys_of_the_same_scheme(make: makers.Maker) -> None:
    foreign = foreign_hashes.parse(make("plain enough"))
    assert foreign is not None
    decoy = foreign_hashes.parse(foreign.scheme)
    assert decoy is not None
    assert decoy.scheme == foreign.scheme
    assert not foreign_hashes.matches("plain enough", decoy)


def test_a_scrypt_hash_of_the_least_cost_is_verified_too() -> None:
    digest = hashlib.scrypt(b"plain enough", salt=b"salt", n=16, r=8, p=1, dklen=64).hex()
    assert password.match("plain enough", f"scrypt:16:8:1$salt${digest}")


def test_werkzeugs_own_default_is_supported() -> None:
    assert foreign_hashes.parse(generate_password_hash("plain enough")) is not None


@pytest.mark.parametrize("make", makers.REDUCED.values(), ids=makers.REDUCED)
def test_the_first_login_replaces_the_hash_by_ours(service: Service, make: makers.Maker) -> None:
    typed = "Münchner Weißwurst 7"
    person = service.bound_person("mover", password_hash=make(typed))
    assert service.log_in(person, "wrong").code == "invalid_credentials"
    assert service.record(person).password_hash == make.last  # a wrong password changes nothing
    assert service.log_in(person, typed).body["next"] == "verify"
    replaced = service.record(person).password_hash or ""
    assert replaced.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert service.log_in(person, typed).body["next"] == "verify"
    assert service.record(person).password_hash == replaced


def test_a_login_goes_on_where_a_reset_came_between_rehash_and_challenge(service: Service) -> None:
    """The hash that stands is our own rehash of the password that was proven: no wrong password."""
    make = makers.REDUCED["django"]
    person = service.bound_person("mover", password_hash=make("plain enough"))
    subscriber = service.record(person)
    store = service.services.store
    ours = store.subscribers.rehash(subscriber, password.hash_password("plain enough"))
    assert ours.password_hash == service.record(person).password_hash
    again = store.subscribers.rehash(subscriber, password.hash_password("plain enough"))
    assert again.password_hash == ours.password_hash
