"""Python values to attribute values and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secondstep.store import codec

whole = st.integers(min_value=-(10**37), max_value=10**37)  # DynamoDB's numbers have 38 digits
plain = st.booleans() | st.text() | whole | st.binary() | st.frozensets(st.binary(), min_size=1)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    decoded = codec.decode(codec.encode(value))
    assert decoded == value
    assert type(decoded) is type(value)


@given(st.dictionaries(st.text(min_size=1), values | st.none(), max_size=6))
def test_an_item_comes_back_without_what_was_none(item: dict[str, Any]) -> None:
    present = {name: value for name, value in item.items() if value is not None}
    assert codec.decode_item(codec.encode_item(item)) == present


@given(st.lists(plain, max_size=4))
def test_a_tuple_comes_back_as_a_list(value: list[Any]) -> None:
    assert codec.decode(codec.encode(tuple(value))) == value


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        (True, {"BOOL": True}),
        (False, {"BOOL": False}),
        (0, {"N": "0"}),
        (1, {"N": "1"}),
        (-12, {"N": "-12"}),
        ("", {"S": ""}),
        ("1", {"S": "1"}),
        (b"", {"B": b""}),
        (b"\x00\xff", {"B": b"\x00\xff"}),
        (frozenset({b"b", b"a"}), {"BS": [b"a", b"b"]}),
        ([], {"L": []}),
        (("a", 1), {"L": [{"S": "a"}, {"N": "1"}]}),
        ({}, {"M": {}}),
        ({"a": None, "b": {"c": None}}, {"M": {"b": {"M": {}}}}),
    ],
)
def test_each_type_has_its_attribute_type(value: object, attribute: dict[str, Any]) -> None:
    assert codec.encode(value) == attribute


@pytest.mark.parametrize(
    "value", [None, 1.5, {1, 2}, object(), bytearray(b"x"), [None], [1.5]], ids=lambda value: type(value).__name__
)
def test_what_no_item_of_ours_holds_is_refused(value: object) -> None:
    """A float would be rounded, a set of numbers would come back as something else."""
    with pytest.raises(TypeError):
        codec.encode(value)


def test_a_type_error_names_the_type_and_never_the_value() -> None:
    with pytest.raises(TypeError) as refused:
        codec.encode(bytearray(b"secret"))
    assert str(refused.value) == "bytearray"


def test_an_empty_set_is_left_out_as_none_is() -> None:
    """DynamoDB has no empty sets: it refuses the whole write."""
    assert codec.encode_item({"k": frozenset(), "n": 1}) == {"n": {"N": "1"}}


def test_binary_of_any_kind_comes_back_as_bytes() -> None:
    """Clients may answer a wrapper or a view of bytes; hashes of ours are compared with bytes."""
    assert codec.decode({"B": bytearray(b"x")}) == b"x"
    assert codec.decode({"BS": [bytearray(b"x")]}) == frozenset({b"x"})
    assert type(codec.decode({"B": bytearray(b"x")})) is bytes
