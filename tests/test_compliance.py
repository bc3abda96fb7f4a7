"""`docs/compliance.md` speaks of every clause of the chapters that it names, once, and says how each is met."""

import re

import pytest

from tests.readme import ROOT

PAGE = (ROOT / "docs" / "compliance.md").read_text("utf-8")
# OWASP ASVS 5.0: chapter and section, and how many clauses it has.
SECTIONS = {
    "6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2,
    "9.1": 3, "9.2": 4,
    "11.1": 4, "11.2": 5, "11.3": 5, "11.4": 4, "11.5": 2, "11.6": 2, "11.7": 2,
    "13.1": 4, "13.2": 6, "13.3": 4, "13.4": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 4,
}  # fmt: skip
NIST = ("2.2.1", "2.2.2", "2.2.3", "3.1.1.2", "3.1.2.2", "3.1.4.2", "3.2.2", "3.2.5", "3.2.7", "4.1.2.1", "4.2.1.1")
# Claims that nothing but a reader holds; a new one is added here on purpose, or not at all.
WITHOUT_A_TEST = [
    "3.2.8 authentication intent",
    "6.4.2",
    "7.4.4",
    "11.1.4",
    "11.5.2",
    "13.3.3",
    "13.4.1",
    "13.4.6",
    "16.1.1, 16.2.3",
]


def _rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(heading)[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if re.match(r"\| \d", line)]
    return [[cell.strip() for cell in row] for row in rows]


def _clauses(cell: str) -> list[str]:
    """Return the clauses of a row's first cell, a range (`11.3.1–11.3.5`) as all that lie in it."""
    first, dash, last = cell.partition("–")
    if not dash:
        return cell.split(", ")
    section, _, start = first.rpartition(".")
    return [f"{section}.{number}" for number in range(int(start), int(last.rpartition(".")[2]) + 1)]


def test_every_clause_of_the_asvs_chapters_is_told_of_once() -> None:
    told = [clause for row in _rows("## OWASP ASVS 5.0") for clause in _clauses(row[0])]
    wanted = [f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1)]
    assert sorted(clause for clause in told if clause.count(".") > 1) == sorted(wanted)


@pytest.mark.parametrize("section", NIST)
def test_every_section_of_nist_that_binds_a_verifier_is_told_of(section: str) -> None:
    assert any(section in re.findall(r"\d+(?:\.\d+)+", row[0]) for row in _rows("## NIST SP 800-63B-4"))


def test_what_is_met_names_a_test_or_says_that_it_has_none() -> None:
    unheld = [
        row[0]
        for row in _rows("## NIST SP 800-63B-4") + _rows("## OWASP ASVS 5.0")
        if any("**met" in cell for cell in row) and "::test_" not in row[-1]
    ]
    assert unheld == WITHOUT_A_TEST


def test_every_deviation_is_explained() -> None:
    explained = PAGE.partition("## Deviations")[2]
    for clause in ("2.2.2", "3.2.2", "4.1.2.2", "6.2.8", "6.2.12", "6.5.2", "6.5.5", "11.2.3"):
        assert clause in explained
