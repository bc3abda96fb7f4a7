"""What is said to AWS and by it, as hypothesis makes it: every type of an attribute, every kind of text."""

from base64 import b64encode
from typing import Any

from hypothesis import strategies as st

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "token/with+base64==",
}
KEY = {"pk": {"S": "SUBSCRIBER#1"}, "sk": {"S": "STATE"}}
READ: dict[str, Any] = {"TableName": "State", "Key": KEY, "ConsistentRead": True}

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.one_of(st.integers(-(10**37), 10**37).map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))
BYTES = st.binary(max_size=40)


def _values(binary: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    plain = st.one_of(
        st.builds(lambda text: {"S": text}, TEXTS),
        st.builds(lambda number: {"N": number}, NUMBERS),
        st.builds(lambda raw: {"B": raw}, binary),
        st.builds(lambda texts: {"SS": texts}, st.lists(TEXTS, min_size=1, max_size=3)),
        st.builds(lambda numbers: {"NS": numbers}, st.lists(NUMBERS, min_size=1, max_size=3)),
        st.builds(lambda raws: {"BS": raws}, st.lists(binary, min_size=1, max_size=3)),
        st.builds(lambda told: {"BOOL": told}, st.booleans()),
        st.just({"NULL": True}),
    )
    return st.recursive(
        plain,
        lambda inner: st.one_of(
            st.builds(lambda held: {"M": held}, st.dictionaries(TEXTS, inner, max_size=3)),
            st.builds(lambda held: {"L": held}, st.lists(inner, max_size=3)),
        ),
        max_leaves=8,
    )


def _items(binary: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(TEXTS, _values(binary), max_size=5)


ITEMS = _items(BYTES)  # as Python holds them
SENT_ITEMS = _items(BYTES.map(lambda raw: b64encode(raw).decode()))  # as they stand in an answer
