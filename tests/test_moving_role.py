"""The role of a move: while it is named it may seal, open and re-encrypt authenticators' secrets, and nothing else."""

import re

import pytest

from local.template import TEMPLATE, Template
from tests import templates
from tests.templates import document, findings, key_policy, key_statements

ROLE = "arn:aws:iam::111122223333:role/moving"
ACTIONS = {"kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"}


def named() -> Template:
    return Template.load(TEMPLATE, {"MovingRoleArn": ROLE})


def of_the_role(key: str, given: Template) -> list[dict[str, templates.Json]]:
    """Return the statements of a key's policy whose principal is the role, as a deployment with it has them."""
    statements = [given.resolve(each) for each in key_statements(key, given)]
    return [each for each in statements if each["Principal"] == {"AWS": ROLE}]


def test_the_role_may_seal_open_and_re_encrypt_what_is_this_applications() -> None:
    [statement] = of_the_role("SealKey", named())
    assert set(statement["Action"]) == ACTIONS
    assert statement["Condition"] == {"StringEquals": {"kms:EncryptionContext:app": "secondstep"}}


@pytest.mark.parametrize("key", ["SigningSealKey", "TableKey"])
def test_the_role_has_no_part_in_the_other_keys(key: str) -> None:
    assert of_the_role(key, named()) == []


def test_naming_the_role_changes_nothing_for_anybody_else() -> None:
    with_role = key_statements("SealKey", named())
    assert [each for each in with_role if each["Sid"] != "Move"] == key_statements("SealKey")


def test_without_the_parameter_nobody_moves() -> None:
    """The default: what is sealed opens for the two functions alone."""
    assert document()["Parameters"]["MovingRoleArn"]["Default"] == ""
    assert "Move" not in {each.sid for each in key_policy("SealKey").statements}
    assert not key_policy("SealKey").on("SealKey") & {"kms:ReEncryptFrom", "kms:ReEncryptTo"}


@pytest.mark.parametrize(
    ("said", "is_taken"),
    [
        ("", True),
        (ROLE, True),
        ("arn:aws-cn:iam::111122223333:role/teams/moving@2026", True),
        ("*", False),
        ("arn:aws:iam::111122223333:root", False),
        ("arn:aws:iam::111122223333:user/kim", False),
        ("arn:aws:iam::111122223333:role/*", False),
        (f"{ROLE}\n", False),
    ],
)
def test_only_one_role_can_be_named(said: str, is_taken: bool) -> None:
    """Attack: a principal of `*`, or a whole account, would open every secret to whoever is there."""
    pattern = document()["Parameters"]["MovingRoleArn"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern.removeprefix("^").removesuffix("$").replace("$|^", "|"), said)) is is_taken


def test_the_translated_template_with_a_moving_role_has_no_finding() -> None:
    assert findings(named()._document) == []
