"""docs/operations.md names commands, alarms and parameters that there are."""

import re
from pathlib import Path

import pytest

from local.template import TEMPLATE
from tests.cli.test_command_line_docs import COMMANDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
CODE = "\n".join([*re.findall(r"(?s)```sh\n(.*?)```", PAGE), *re.findall(r"`([^`\n]+)`", PAGE)])
TYPED = sorted(set(re.findall(r"secondstep ([a-z-]+(?: [a-z-]+)?)", CODE)))
GROUPED = sorted(set(re.findall(r"(?m)^((?:account|subscriber|policy|audit|keys) [a-z-]+)", CODE)))
NAMED = set(re.findall(r"(?m)^  ([A-Z][A-Za-z]+):", TEMPLATE.read_text("utf-8")))  # parameters and resources


def test_the_page_was_read() -> None:
    assert "keys retire" in TYPED
    assert "subscriber reset" in GROUPED


@pytest.mark.parametrize("typed", [*TYPED, *GROUPED])
def test_a_command_that_is_named_is_one(typed: str) -> None:
    words = tuple(typed.split())
    assert words in COMMANDS or words[:1] in COMMANDS, typed


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][A-Za-z]+Alarm)`", PAGE))))
def test_an_alarm_that_is_named_is_one(name: str) -> None:
    assert name in NAMED


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][A-Za-z]+)=", PAGE))))
def test_a_parameter_that_is_given_a_value_is_one(name: str) -> None:
    assert name in NAMED
