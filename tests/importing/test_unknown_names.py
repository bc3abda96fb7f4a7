"""Imported hashes do not tell who exists: an unknown name has a scheme of the account's, always the same."""

import json
from collections import Counter

import pytest

from secondstep.authenticators import foreign_hashes, password
from secondstep.authenticators.password import Schemes
from tests.importing import makers
from tests.importing.moving_in import Command, somebody
from tests.service import ACCOUNT, Service

OWN = "argon2id"


def scheme_of(checked_hash: str) -> str:
    foreign = foreign_hashes.parse(checked_hash)
    return foreign.scheme if foreign else OWN


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the schemes of the hashes that are computed."""
    computed: list[str] = []
    check = password._matches

    def counting(presented: str, checked_hash: str) -> bool:
        computed.append(scheme_of(checked_hash))
        return check(presented, checked_hash)

    monkeypatch.setattr(password, "_matches", counting)
    return computed


@pytest.fixture
def schemes(service: Service) -> set[str]:
    """Give the account people with hashes of two other systems; return all schemes that are present."""
    present = set()
    for name in ("django", "bcrypt"):
        stored = makers.REDUCED[name]("plain enough")
        service.person(f"old-{name}", password_hash=stored)
        present.add(scheme_of(stored))
    service.services.store.imports.announce(ACCOUNT, frozenset(present))
    return present | {OWN}


def login(service: Service, name: str, account: str = ACCOUNT) -> None:
    body = {"account": account, "login_name": name, "password": "not the right one"}
    source = f"203.0.113.{sum(name.encode()) % 200}"
    assert service.post("/login", body, source=source).code == "invalid_credentials"


def test_one_hash_of_a_present_scheme_is_computed_for_every_unknown_name(
    service: Service, tried: list[str], schemes: set[str]
) -> None:
    for number in range(60):
        login(service, f"nobody{number}")
    assert len(tried) == 60
    assert set(tried) == schemes


def test_a_name_has_the_same_scheme_every_time(service: Service, tried: list[str], schemes: set[str]) -> None:
    for number in range(12):
        tried.clear()
        for _ in range(3):
            login(service, f"nobody{number}")
        assert len(tried) == 3
        assert len(set(tried)) == 1


def test_a_known_name_is_checked_with_its_own(service: Service, tried: list[str], schemes: set[str]) -> None:
    login(service, "old-django")
    login(service, "old-bcrypt")
    assert [each.partition("$")[0] for each in tried] == ["pbkdf2_sha256", ""]


def test_an_account_without_imports_and_one_that_is_not_there_check_with_ours(
    service: Service, tried: list[str], schemes: set[str]
) -> None:
    service.account("other")
    login(service, "nobody", "other")
    login(service, "nobody", "nowhere")
    assert tried == [OWN, OWN]


def test_who_has_no_password_yet_is_checked_like_an_unknown_name(
    service: Service, tried: list[str], schemes: set[str]
) -> None:
    for number in range(12):
        tried.clear()
        login(service, f"nobody{number}")
        service.person(f"nobody{number}", password_hash=None)
        login(service, f"nobody{number}")
        assert tried[0] == tried[1]


def test_each_scheme_has_its_share_of_the_names() -> None:
    foreign = frozenset({"$2b$04$" + "." * 53, "$2b$05$" + "." * 53})
    counted = Counter(Schemes(b"k" * 32, foreign).decoy_for(f"nobody{number}") for number in range(900))
    assert len(counted) == 3
    assert min(counted.values()) > 250


def test_the_choice_hangs_on_the_accounts_own_secret(schemes: set[str]) -> None:
    names = [f"nobody{number}" for number in range(40)]
    foreign = frozenset(schemes - {OWN})
    chosen = {key: [Schemes(key * 32, foreign).decoy_for(name) for name in names] for key in (b"1", b"2")}
    assert chosen[b"1"] != chosen[b"2"]


def test_a_further_scheme_moves_only_the_names_that_it_wins() -> None:
    names = [f"nobody{number}" for number in range(200)]
    two = frozenset({"$2b$04$" + "." * 53, "$2b$05$" + "." * 53})
    third = "$2b$06$" + "." * 53
    before = [Schemes(b"k" * 32, two).decoy_for(name) for name in names]
    after = [Schemes(b"k" * 32, two | {third}).decoy_for(name) for name in names]
    assert all(now in (was, third) for was, now in zip(before, after, strict=True))


def test_the_schemes_hide_their_secret() -> None:
    assert repr(Schemes(b"k" * 32, frozenset())) == "Schemes(…)"


def test_schemes_that_nobody_has_any_more_are_forgotten(
    service: Service, command: Command, tried: list[str], schemes: set[str]
) -> None:
    code, out = command("old-hashes", ACCOUNT, "--json")
    assert (code, json.loads(out)["old_hashes"]) == (0, ["old-bcrypt", "old-django"])
    assert service.services.store.imports.schemes(ACCOUNT).foreign == schemes - {OWN}
    for name in ("old-django", "old-bcrypt"):
        assert service.log_in(somebody(name), "plain enough").status == 200
    code, out = command("old-hashes", ACCOUNT, "--json")
    assert json.loads(out)["old_hashes"] == []
    assert not service.services.store.imports.schemes(ACCOUNT).foreign
    tried.clear()
    login(service, "nobody")
    assert tried == [OWN]


def test_an_account_without_imports_has_nothing_to_forget(service: Service, command: Command) -> None:
    before = service.state()
    assert command("old-hashes", ACCOUNT)[0] == 0
    assert service.state() == before
