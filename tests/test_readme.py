"""The documents say what the code does: routes, codes, events, make targets, links, and the tests they name."""

import re
from pathlib import Path

import pytest

from secondstep import audit, contract, errors, site_map
from secondstep.store import layout
from tests.readme import README, ROOT, blocks, rows
from tests.test_architecture import RANKS

API = ROOT / "docs" / "api.md"
THREATS = ROOT / "docs" / "threat-model.md"
REQUEST_WALK = ROOT / "docs" / "request-walk.md"
DOCUMENTS = [README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
ROUTES = {f"{route.method} {route.path}" for route in contract.ROUTES}
OAUTH = {f"{route.method} {route.path}" for route in (site_map.AUTHORIZE, contract.TOKEN)}


def _by_name(path: Path) -> str:
    return path.name


def test_the_readme_lists_the_routes_that_are_served() -> None:
    assert set(rows(README, "## Routes")) == ROUTES


def test_the_contract_marks_as_served_exactly_the_routes_that_are() -> None:
    listed = rows(API, "# The HTTP contract")
    assert {route for route, cells in listed.items() if cells[-1] == "served"} == ROUTES | OAUTH
    assert {cells[-1] for cells in listed.values()} == {"served"}


def test_the_contract_marks_every_route_alike_wherever_it_stands() -> None:
    listed = {route: cells[-1] for route, cells in rows(API, "# The HTTP contract").items()}
    headings = dict(re.findall(r"^### `([A-Z]+ /\S*)` — (served)$", API.read_text("utf-8"), re.MULTILINE))
    tables = {
        route: cells[0]
        for part in ("## Subscriber routes", "## Admin routes")
        for route, cells in rows(API, part).items()
    }
    assert listed == listed | headings | tables
    assert set(headings) | set(tables) == set(listed)


def _refusals(base: type[errors.ServiceError]) -> set[type[errors.ServiceError]]:
    return {each for child in base.__subclasses__() for each in ({child} | _refusals(child))}


def test_the_contract_names_every_code_with_its_status() -> None:
    table = dict(re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", API.read_text("utf-8"), re.MULTILINE))
    coming = {"precondition_failed": "412", "precondition_required": "428"}
    assert table == {each.code: str(each.status) for each in _refusals(errors.ServiceError)} | coming


def test_the_contract_names_every_event() -> None:
    section = API.read_text("utf-8").partition("## Events")[2].partition("## ")[0]
    named = set(re.findall(r"`([a-z_]+)`", section))
    assert {each.value for each in audit.EventName} <= named


def test_the_storage_page_names_every_attribute() -> None:
    page = (ROOT / "docs" / "storage-layout.md").read_text("utf-8")
    names = {value for name, value in vars(layout).items() if name.isupper() and isinstance(value, str)}
    assert not {name for name in names if f"`{name}`" not in page}


@pytest.mark.parametrize("document", DOCUMENTS, ids=_by_name)
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    code = [*(text for _, _, text in blocks(document)), *re.findall(r"`([^`\n]+)`", document.read_text("utf-8"))]
    targets = set(re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"^(?:[A-Z]+=\S+ )*make ([a-z0-9]+)", "\n".join(code), re.MULTILINE)) <= targets


@pytest.mark.parametrize("document", DOCUMENTS, ids=_by_name)
def test_every_link_leads_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8"))
    broken = {link for link in links if "://" not in link and not (document.parent / link).exists()}
    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=_by_name)
def test_every_test_that_is_named_exists(document: Path) -> None:
    text = document.read_text("utf-8")
    for path, name in re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", text):
        assert (ROOT / path).is_file(), path
        assert not name or f"def {name}(" in (ROOT / path).read_text("utf-8"), f"{path}::{name}"


@pytest.mark.parametrize("document", [README, THREATS], ids=_by_name)
def test_a_claim_rests_on_tests_that_have_a_name_and_never_on_a_folder(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text("utf-8"))
    assert not {link for link in links if "tests/" in link and (document.parent / link).is_dir()}


def test_the_threat_model_has_guard_and_test_for_every_attack_or_says_why_not() -> None:
    section = THREATS.read_text("utf-8").partition("## The attack list")[2].partition("\n## ")[0]
    table = re.findall(r"^\| (A\d\d) \| (.+) \| (.+) \| (.+) \|$", section, re.MULTILINE)
    without = re.findall(r"\b(A\d\d) \([^)]+\)", section.partition("Not in this release")[2])
    assert {attack for attack, *_ in table} | set(without) == {f"A{number:02}" for number in range(1, 54)}
    assert not {attack for attack, *_ in table} & set(without)
    assert not [attack for attack, _, _, tests in table if not re.search(r"`tests/[\w/]+\.py::test_\w+`", tests)]


def test_the_request_walk_lists_the_rooms_from_the_top_down() -> None:
    section = REQUEST_WALK.read_text("utf-8").partition("## The rooms")[2]
    table = [re.findall(r"`(\w+)`", cell) for cell in re.findall(r"^\| (`[^|]*) \|", section, re.MULTILINE)]
    assert [set(row) for row in table] == list(reversed(RANKS))


def test_every_event_file_that_is_named_exists() -> None:
    named = {
        each for document in DOCUMENTS for each in re.findall(r"events/[\w.-]+\.json", document.read_text("utf-8"))
    }
    assert not {each for each in named if not (ROOT / each).is_file()}


def test_no_walk_is_marked_twice() -> None:
    names = [name for name, _, _ in blocks() if name]
    assert len(names) == len(set(names))
