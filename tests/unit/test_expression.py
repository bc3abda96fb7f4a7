"""Writes: every name and value is aliased, every section has its form, nothing is lost."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondstep.store import expression
from secondstep.store.codec import decode, encode_item
from secondstep.store.expression import Clause, Names, NewItem, Query, Write

KEY = {"pk": "P", "sk": "S"}
RESERVED = [
    "day",
    "status",
    "role",
    "name",
    "state",
    "sub",
    "hash",
    "token",
    "session",
    "ttl",
    "time",
    "size",
    "a.b",
    "é",
]
_ALIAS = re.compile(r"[#:][0-9]+")
# What is left of an expression without its aliases: DynamoDB's own words and signs.
_GRAMMAR = re.compile(
    r"(SET|REMOVE|DELETE|AND|OR|IN|BETWEEN|attribute_exists|attribute_not_exists|size|contains|begins_with"
    r"|<>|<=|[=<>+,.()]|\s)*"
)


def in_words(text: str, request: dict[str, Any]) -> str:
    """Return an expression with its names and values written in, as people would read it."""
    names = request.get("ExpressionAttributeNames", {})
    values = {alias: decode(value) for alias, value in request.get("ExpressionAttributeValues", {}).items()}
    return _ALIAS.sub(lambda found: names[found[0]] if found[0][0] == "#" else repr(values[found[0]]), text)


def read(clause: Clause) -> str:
    names = Names()
    return in_words(clause(names), names.request())


CLAUSES: dict[str, Clause] = {
    "attribute_exists(name)": expression.exists("name"),
    "attribute_exists(c.status.p)": expression.exists("c", "status", "p"),
    "attribute_not_exists(name)": expression.absent("name"),
    "sub = 'x'": expression.equals(("sub",), "x"),
    "sub <> 'x'": expression.differs(("sub",), "x"),
    "role IN ('a', 'b', 'c')": expression.one_of(("role",), ["a", "b", "c"]),
    "c.x = x": expression.same(("c", "x"), ("x",)),
    "day < 5": expression.below(("day",), 5),
    "day > 5": expression.above(("day",), 5),
    "day <= 5": expression.at_most(("day",), 5),
    "size(br) < 10": expression.fewer_than(("br",), 10),
    "contains(k, b'm')": expression.contains(("k",), b"m"),
    "(attribute_exists(a) OR a = 1)": expression.either(expression.exists("a"), expression.equals(("a",), 1)),
    "a = 1 AND b = 2": expression.both(expression.equals(("a",), 1), expression.equals(("b",), 2)),
    "begins_with(name, 'ki')": expression.begins_with(("name",), "ki"),
    "time BETWEEN 1 AND 2": expression.between(("time",), 1, 2),
}


@pytest.mark.parametrize(("words", "clause"), CLAUSES.items(), ids=CLAUSES)
def test_a_clause_reads_as_its_sentence(words: str, clause: Clause) -> None:
    assert read(clause) == words


@pytest.mark.parametrize("clause", CLAUSES.values(), ids=CLAUSES)
def test_a_clause_holds_no_name_and_no_value_of_its_own(clause: Clause) -> None:
    assert _GRAMMAR.fullmatch(_ALIAS.sub("", clause(Names())))


def test_all_members_of_a_map_must_exist() -> None:
    assert [read(each) for each in expression.all_exist(("br",), ["a", "b"])] == [
        "attribute_exists(br.a)",
        "attribute_exists(br.b)",
    ]


def updated(write: Write) -> str:
    request = write.as_update("State")
    return in_words(request["UpdateExpression"], request)


FORMS: dict[str, Callable[[Write], Write]] = {
    "SET name = 'x'": lambda write: write.set(("name",), "x"),
    "SET c.k.day = 1, b = 2": lambda write: write.set(("c", "k", "day"), 1).set(("b",), 2),
    "SET n = n + 3": lambda write: write.add(("n",), 3),
    "SET n = n + -1": lambda write: write.add(("n",), -1),
    "REMOVE a, b.c": lambda write: write.remove(("a",), ("b", "c")),
}


@pytest.mark.parametrize(("words", "form"), FORMS.items(), ids=FORMS)
def test_a_change_reads_as_its_sentence(words: str, form: Callable[[Write], Write]) -> None:
    assert updated(form(Write(KEY))) == words


def test_a_member_is_taken_out_of_its_set_alone() -> None:
    request = Write(KEY).take_from_set(("k",), b"m").as_update("State")
    assert in_words(request["UpdateExpression"], request) == "DELETE k frozenset({b'm'})"
    assert request["ExpressionAttributeValues"] == {":0": {"BS": [b"m"]}}


@pytest.mark.parametrize("gone", [None, frozenset()], ids=repr)
def test_what_cannot_be_stored_is_removed(gone: object) -> None:
    assert updated(Write(KEY).set_or_remove(("k",), gone)) == "REMOVE k"


@pytest.mark.parametrize("kept", [0, "", False, b"", frozenset({b"m"}), [], {}], ids=repr)
def test_what_can_be_stored_is_set_however_little_it_is(kept: object) -> None:
    assert updated(Write(KEY).set_or_remove(("k",), kept)) == f"SET k = {kept!r}"


def test_the_sections_stand_in_one_update_each_once() -> None:
    write = Write(KEY).remove(("a",)).set(("b",), 1).take_from_set(("k",), b"m").add(("n",), 1).remove(("c",))
    assert updated(write) == "SET b = 1, n = n + 1 REMOVE a, c DELETE k frozenset({b'm'})"


def test_a_write_says_its_table_its_key_its_condition_and_wants_to_know_what_refused_it() -> None:
    write = Write(KEY).require(expression.exists("pk"), expression.equals(("sub",), "x")).set(("n",), 1)
    request = write.as_update("State")
    assert request["TableName"] == "State"
    assert request["Key"] == encode_item(KEY)
    assert in_words(request["ConditionExpression"], request) == "attribute_exists(pk) AND sub = 'x'"
    assert request["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_a_clause_of_two_halves_is_bracketed_between_others() -> None:
    one_of_two = expression.either(expression.absent("a"), expression.equals(("a",), 1))
    request = Write(KEY).require(expression.exists("pk"), one_of_two, expression.exists("b")).as_check("State")
    assert in_words(request["ConditionExpression"], request) == (
        "attribute_exists(pk) AND (attribute_not_exists(a) OR a = 1) AND attribute_exists(b)"
    )


def test_a_write_without_a_condition_sends_none() -> None:
    request = Write(KEY).set(("n",), 1).as_update("State")
    assert "ConditionExpression" not in request
    assert "ReturnValuesOnConditionCheckFailure" not in request


def test_a_check_changes_nothing() -> None:
    check = Write(KEY).require(expression.exists("pk"))
    assert check.changes_nothing
    assert "UpdateExpression" not in check.as_check("State")
    for change in (
        Write(KEY).set(("a",), 1),
        Write(KEY).add(("a",), 1),
        Write(KEY).remove(("a",)),
        Write(KEY).take_from_set(("a",), b""),
    ):
        assert not change.changes_nothing


def test_a_request_that_has_no_names_or_values_carries_no_empty_members() -> None:
    """DynamoDB refuses an empty map of names or values."""
    assert Names().request() == {}
    request = Write(KEY).require(expression.exists("pk")).as_check("State")
    assert "ExpressionAttributeValues" not in request


def test_a_write_can_be_rendered_twice() -> None:
    """A transaction that met a conflict is sent again."""
    write = Write(KEY).require(expression.exists("pk")).set(("n",), 1)
    assert write.as_update("State") == write.as_update("State")


paths = st.lists(st.sampled_from(RESERVED), min_size=1, max_size=3).map(tuple)
amounts = st.integers(-5, 5)
steps = st.one_of(
    st.tuples(st.just("set"), paths, amounts),
    st.tuples(st.just("add"), paths, amounts),
    st.tuples(st.just("remove"), paths, amounts),
    st.tuples(st.just("take"), paths, amounts),
    st.tuples(st.just("require"), paths, amounts),
)


def applied(write: Write, step: tuple[str, tuple[str, ...], int]) -> Write:
    kind, path, number = step
    match kind:
        case "set":
            return write.set(path, number)
        case "add":
            return write.add(path, number)
        case "remove":
            return write.remove(path)
        case "take":
            return write.take_from_set(path, b"m")
        case _:
            return write.require(expression.equals(path, number))


@given(st.lists(steps, min_size=1, max_size=8))
def test_whatever_is_written_every_name_is_aliased_and_every_alias_is_used(
    made_of: list[tuple[str, tuple[str, ...], int]],
) -> None:
    write = Write(KEY)
    for step in made_of:
        write = applied(write, step)
    request = write.as_check("State") if write.changes_nothing else write.as_update("State")
    text = " ".join(request.get(name, "") for name in ("ConditionExpression", "UpdateExpression"))
    defined = {**request.get("ExpressionAttributeNames", {}), **request.get("ExpressionAttributeValues", {})}
    assert set(_ALIAS.findall(text)) == set(defined)
    assert _GRAMMAR.fullmatch(_ALIAS.sub("", text))
    names = list(request["ExpressionAttributeNames"].values())
    assert len(names) == len(set(names))
    assert set(names) == {part for _, path, _ in made_of for part in path}


def test_a_new_item_must_not_exist_and_wants_to_know_what_does() -> None:
    assert NewItem({**KEY, "n": 1, "gone": None}).as_put("Audit") == {
        "TableName": "Audit",
        "Item": {"pk": {"S": "P"}, "sk": {"S": "S"}, "n": {"N": "1"}},
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def test_a_query_says_only_what_it_was_given() -> None:
    request = Query("State", expression.equals(("pk",), "P"), 10).request()
    assert in_words(request.pop("KeyConditionExpression"), request) == "pk = 'P'"
    assert {name: request[name] for name in ("TableName", "ScanIndexForward", "Limit")} == {
        "TableName": "State",
        "ScanIndexForward": True,
        "Limit": 10,
    }
    assert not {"IndexName", "ExclusiveStartKey", "FilterExpression", "ConsistentRead"} & set(request)


def test_a_query_of_an_index_goes_on_where_it_stopped() -> None:
    request = Query(
        "Audit",
        expression.both(expression.equals(("as",), "acme#1"), expression.between(("sk",), "1", "2")),
        5,
        index_name="by_account",
        newest_first=True,
        after=KEY,
        only=expression.equals(("event",), "reset"),
    ).request()
    assert in_words(request["KeyConditionExpression"], request) == "as = 'acme#1' AND sk BETWEEN '1' AND '2'"
    assert in_words(request["FilterExpression"], request) == "event = 'reset'"
    assert (request["IndexName"], request["ScanIndexForward"]) == ("by_account", False)
    assert request["ExclusiveStartKey"] == encode_item(KEY)


def test_a_query_of_a_table_can_be_consistent() -> None:
    assert Query("State", expression.equals(("pk",), "P"), 10, consistent=True).request()["ConsistentRead"] is True
