"""Many invitations from a file: each its own transaction, a ticket for each, and a reason for who gets none.

The file has a login name on each line, or is CSV with a heading (`login_name`, and `role`, `email`, `display_name`,
`locale` as you like). A line that is refused stops nobody else.
"""

import csv
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import batched
from pathlib import Path
from typing import NamedTuple

from cli.deployment import Deployment
from cli.importing.patience import patiently
from cli.requests import shaped
from secondstep.acting import ActingOperator
from secondstep.aws import AwsError
from secondstep.errors import Conflict, InvalidRequest, ServiceError, Unavailable
from secondstep.flows.invitation import invite
from secondstep.shapes import InviteRequest
from secondstep.subscriber import Identity, canonical_login_name

_WORKERS = 8
_COLUMNS = ("login_name", "role", "email", "display_name", "locale")


class Invited(NamedTuple):
    """Who was invited, and the ticket: shown once."""

    login_name: str
    ticket: str
    expires_at: int


class LeftOut(NamedTuple):
    """A line that invited nobody, and why."""

    line: int
    login_name: str
    reason: str


class Row(NamedTuple):
    """A line of the file as it was read."""

    line: int
    fields: dict[str, str]

    @property
    def name(self) -> str:
        """Return the login name as it stands there."""
        return self.fields["login_name"]


@dataclass
class Outcome:
    """What became of a file; `stopped` says why it did not get to its end."""

    invited: list[Invited] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    stopped: str | None = None


def rows(path: Path, role: str) -> list[Row | LeftOut]:
    """Return the lines of a file; InvalidRequest where it has no shape that can be read."""
    try:
        lines = path.read_text("utf-8-sig").splitlines()
        heading = next((line for line in lines if line.strip()), "")
        columns = [name.strip().lower() for name in next(csv.reader([heading]), [])]
        if "login_name" in columns:
            return _csv_rows(path, lines, columns, role)
    except UnicodeDecodeError as wrong:
        raise InvalidRequest("is not UTF-8", field=str(path)) from wrong
    except csv.Error as wrong:
        raise InvalidRequest(f"is not CSV: {wrong}", field=str(path)) from wrong
    if set(",;\t") & set(heading):  # the whole line would become a name
        raise InvalidRequest("must name its columns in the first line, login_name among them", field=str(path))
    named = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    return [Row(number, {"login_name": name, "role": role}) for number, name in named]


def _csv_rows(path: Path, lines: list[str], columns: list[str], role: str) -> list[Row | LeftOut]:
    unknown = sorted(set(columns) - set(_COLUMNS))
    if unknown:
        raise InvalidRequest(f"has columns that nobody knows: {', '.join(unknown)}", field=str(path))
    reader = csv.reader(lines)
    filled = [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]
    return [_csv_row(line, cells, columns, role) for line, cells in filled[1:]]


def _csv_row(line: int, cells: list[str], columns: list[str], role: str) -> Row | LeftOut:
    if len(cells) != len(columns):
        return LeftOut(line, cells[0], f"the line has {len(cells)} columns, the heading {len(columns)}")
    given = {name: cell.strip() for name, cell in zip(columns, cells, strict=True) if cell.strip()}
    return Row(line, {"login_name": "", "role": role} | given)


class Invitations:
    """One run over a file."""

    def __init__(self, deployment: Deployment, actor: ActingOperator, *, only_new: bool) -> None:
        self._deployment = deployment
        self._actor = actor
        self._only_new = only_new

    def run(self, wanted: list[Row | LeftOut], told: Callable[[int], object]) -> Outcome:
        """Invite in the order of the file. What was invited before a fault is told: its tickets are shown only now."""
        outcome = Outcome()
        flying: deque[Future[Invited | LeftOut | str]] = deque()
        met: dict[str, int] = {}
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="invite") as pool:
            try:
                for several in batched(wanted, _WORKERS * 4, strict=False):
                    alone = [self._met(row, met) for row in several]
                    flying.extend(pool.submit(self._judged, each) for each in alone)
                    _land(flying, outcome, told)
                    if outcome.stopped:
                        break
            except KeyboardInterrupt:
                outcome.stopped = "It was interrupted."
                _land(flying, outcome, told)
        return outcome

    def _met(self, row: Row | LeftOut, met: dict[str, int]) -> Row | LeftOut:
        """Return the row, or that its name stood there before: a second ticket would end the first."""
        if isinstance(row, LeftOut):
            return row
        try:
            name = canonical_login_name(row.name)
        except InvalidRequest as wrong:
            return LeftOut(row.line, row.name, f"login_name {wrong.message}")
        if name in met:
            return LeftOut(row.line, name, f"the name stands on line {met[name]} already")
        met[name] = row.line
        return Row(row.line, row.fields | {"login_name": name})

    def _judged(self, row: Row | LeftOut) -> Invited | LeftOut | str:
        """Return the ticket, or why there is none; a text where AWS does not answer."""
        if isinstance(row, LeftOut):
            return row
        try:
            return patiently(partial(self._invited, row))
        except Unavailable:
            return f"AWS did not answer for line {row.line}; whether {row.name} is invited is not known."
        except AwsError as refused:
            return f"AWS refused line {row.line}: {refused}."
        except InvalidRequest as wrong:
            return LeftOut(row.line, row.name, f"{wrong.field} {wrong.message}")
        except ServiceError as refused:
            return LeftOut(row.line, row.name, refused.detail)

    def _invited(self, row: Row) -> Invited:
        request = shaped(row.fields, InviteRequest)
        store = self._deployment.store
        if self._only_new and store.subscribers.read(Identity(self._actor.account, row.name).hash):
            raise Conflict("The name exists.")
        made = invite(request, self._actor, store=store, context=self._deployment.context())
        return Invited(row.name, made.ticket or "", made.expires_at or 0)


def _land(flying: deque[Future[Invited | LeftOut | str]], outcome: Outcome, told: Callable[[int], object]) -> None:
    """Take what is in flight into the outcome, in order; nothing that was invited may go untold."""
    while flying:
        found = flying[0].result()
        if isinstance(found, Invited):
            outcome.invited.append(found)
        elif isinstance(found, LeftOut):
            outcome.left_out.append(found)
        else:
            outcome.stopped = outcome.stopped or found
        flying.popleft()
        told(1)
