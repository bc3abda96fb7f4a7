"""Lines of JSON and of CSV: the ground that the formats stand on."""

import csv
import json
from collections.abc import Callable, Iterator
from typing import IO, Any

from cli.importing.candidate import Candidate, Reader, Refusal, Unreadable, WrongFormat

type Record = dict[str, Any]

_LONGEST_LINE = 64 * 1024


def records(source: IO[str]) -> Iterator[tuple[int, Record | Refusal]]:
    """Yield the records of JSON lines or of a CSV file with a heading, each with its line; blank lines are skipped.

    One line is held at a time. WrongFormat for one JSON document (an array), which would have to be held as a whole.
    """
    first = source.readline(_LONGEST_LINE)
    while first and not first.strip():
        first = source.readline(_LONGEST_LINE)
    if first.lstrip().startswith("["):
        raise WrongFormat("This is one JSON array. Export JSON lines (Django: dumpdata --format jsonl), or CSV.")
    if first.lstrip().startswith("{"):
        yield from _json_lines(_again(first, source))
    elif first:
        yield from _csv_rows(_again(first, source))


def read(source: IO[str], convert: Callable[[int, Record], Candidate | None]) -> Reader:
    """Yield what `convert` makes of each record; its Unreadable is the line's refusal, None is no user."""
    for line, record in records(source):
        if isinstance(record, Refusal):
            yield record
            continue
        try:
            found = convert(line, record)
        except Unreadable as why:
            yield Refusal(line, str(why), name_in(record) or _name_within(record))
        else:
            if found is not None:
                yield found


def name_in(record: Record) -> str:
    """Return the login name that a record has, under any of the usual names, or nothing."""
    for key in ("login_name", "username", "user_name", "name", "login"):
        value = record.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def _name_within(record: Record) -> str:
    fields = record.get("fields")  # Django's dumps
    return name_in(fields) if isinstance(fields, dict) else ""


def text_in(record: Record, *names: str) -> str | None:
    """Return the first text that is there and not empty."""
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return None


def truth_in(record: Record, name: str, *, default: bool) -> bool:
    """Return a yes or no, as JSON or as CSV spells it."""
    value = record.get(name)
    if value is None or value == "":
        return default
    return value if isinstance(value, bool) else str(value).strip().lower() in ("1", "true", "t", "yes")


def _again(first: str, source: IO[str]) -> Iterator[str]:
    yield first
    while line := source.readline(_LONGEST_LINE):
        yield line


def _json_lines(lines: Iterator[str]) -> Iterator[tuple[int, Record | Refusal]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if isinstance(record, dict):
            yield number, record
        else:
            yield number, Refusal(number, "this is no JSON object")


def _csv_rows(lines: Iterator[str]) -> Iterator[tuple[int, Record | Refusal]]:
    reader = csv.reader(lines)
    heading = [name.strip().lower().lstrip("\ufeff") for name in next(reader)]
    if not name_in(dict.fromkeys(heading, "")) and not {"username", "login_name"} & set(heading):
        raise WrongFormat("The first line must name the columns, username or login_name among them.")
    try:
        for row in reader:
            number = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) == len(heading):
                yield number, dict(zip(heading, row, strict=True))
            else:
                yield number, Refusal(number, f"the line has {len(row)} columns, the heading {len(heading)}")
    except csv.Error as wrong:
        raise WrongFormat(f"Line {reader.line_num} is not CSV: {wrong}.") from wrong
