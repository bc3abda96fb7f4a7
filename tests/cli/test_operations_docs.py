"""docs/operations.md names commands, alarms and parameters that there are."""

import re
from pathlib import Path

import pytest

from local.template import TEMPLATE
from tests.cli.test_command_line_docs import COMMANDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")
CODE = "\n".join([*re.findall(r"(?s)```sh\n(.*?)```", PAGE), *re.findall(r"`([^`\n]+)`", PAGE)])
TYPED = sorted(set(re.findall(r"(?m)(?:^|&& |; )secondstep ([a-z][a-z-]*(?: [a-z-]+)?)", CODE)))
GROUPED = sorted(set(re.findall(r"(?m)^((?:account|subscriber|policy|audit|keys) [a-z-]+)", CODE)))
TEXT = TEMPLATE.read_text("utf-8")
NAMED = set(re.findall(r"(?m)^  ([A-Z][A-Za-z]+):", TEXT))  # parameters, resources, outputs
NAMED |= set(re.findall(r"(?m)^    (\w+): {Shifts: ", TEXT))  # the values of Rollout
PARAMETERS = re.findall(r"(?m)^  (\w+):", TEXT.partition("\nParameters:\n")[2].partition("\nRules:\n")[0])
ALARMS = re.findall(r"(?m)^  (\w+):.*\n    Type: AWS::CloudWatch::Alarm$", TEXT)
OF_AWS = {"DDBStreamBatchInfo", "InvalidCiphertextException", "ProductionAccessEnabled"}


def test_the_page_was_read() -> None:
    assert "keys retire" in TYPED
    assert "subscriber reset" in GROUPED
    assert "Firewall" in PARAMETERS
    assert len(ALARMS) == TEXT.count("Type: AWS::CloudWatch::Alarm")


@pytest.mark.parametrize("typed", [*TYPED, *GROUPED])
def test_a_command_that_is_named_is_one(typed: str) -> None:
    words = tuple(typed.split())
    assert words in COMMANDS or words[:1] in COMMANDS, typed


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`([A-Z][a-z]+[A-Z][A-Za-z]+)[`=]", PAGE)) - OF_AWS))
def test_a_parameter_alarm_function_or_output_that_is_named_is_one(name: str) -> None:
    assert name in NAMED


@pytest.mark.parametrize("name", [*PARAMETERS, *ALARMS])
def test_every_parameter_and_alarm_is_told_of(name: str) -> None:
    assert f"`{name}`" in PAGE
