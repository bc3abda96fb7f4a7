"""Every sentence of the pages is said in every language, with the same placeholders; none is kept that is not said."""

import re
from collections.abc import Sequence

import pytest
from babel.messages.catalog import Catalog, Message

from tests.translations import LOCALE, TRANSLATED, catalogue, compiled, extracted, missing

_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]")


@pytest.fixture(scope="module")
def said() -> Catalog:
    return extracted()


def ids(catalog: Catalog) -> set[str]:
    return {str(each.id) for each in catalog if each.id}


def texts(value: str | Sequence[str] | None) -> list[str]:
    return [value or ""] if value is None or isinstance(value, str) else list(value)


def test_there_is_something_to_say(said: Catalog) -> None:
    assert len(ids(said)) > 100


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_language_has_every_sentence_and_no_other(said: Catalog, tag: str) -> None:
    held = catalogue(tag)
    assert ids(held) == ids(said)
    assert missing(held) == []
    assert not held.obsolete


@pytest.mark.parametrize("tag", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_sentence(tag: str) -> None:
    for each in catalogue(tag):
        if each.id:
            assert_same_placeholders(each)


def assert_same_placeholders(each: Message) -> None:
    wanted = set(_PLACEHOLDER.findall(texts(each.id)[-1]))
    for text in texts(each.string):
        found = set(_PLACEHOLDER.findall(text))
        assert found <= wanted, text
        assert found | {"%(num)d"} >= wanted, text  # a language may say "one" in a word


@pytest.mark.parametrize("tag", TRANSLATED)
def test_the_compiled_catalogue_is_the_kept_one(tag: str) -> None:
    assert (LOCALE / f"{tag}.mo").read_bytes() == compiled(catalogue(tag))
