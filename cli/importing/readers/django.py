"""Django: `manage.py dumpdata auth.user --format jsonl`, or CSV with `username,email,password`.

`is_active`, `first_name` and `last_name` are taken where they are there. Nobody becomes an admin by an import.
"""

from typing import IO

from cli.importing.candidate import Candidate, Reader, Unreadable
from cli.importing.hashes import stored_form
from cli.importing.readers.lines import Record, name_in, read, text_in, truth_in


def users(source: IO[str]) -> Reader:
    """Yield the users of a dump; records of other models are no users and are passed over."""
    return read(source, _user)


def _user(line: int, record: Record) -> Candidate | None:
    if "model" in record:
        if not str(record["model"]).lower().endswith("user"):
            return None
        record = record.get("fields") or {}
        if not isinstance(record, dict):
            raise Unreadable("fields must be an object")
    names = [text_in(record, "first_name"), text_in(record, "last_name")]
    return Candidate(
        line=line,
        login_name=name_in(record) or text_in(record, "email") or "",
        password_hash=stored_form(text_in(record, "password")),
        email=text_in(record, "email"),
        display_name=" ".join(name for name in names if name) or None,
        is_disabled=not truth_in(record, "is_active", default=True),
    )
