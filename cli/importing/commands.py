"""`secondstep import`, `export`, `old-hashes`. Exit codes: 0 all of it, 1 something was left out, 3 it was stopped."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from cli.deployment import Deployment, explained_writes, find
from cli.importing import moving
from cli.importing.building import Destination, entry_of
from cli.importing.candidate import Reader, Refusal, WrongFormat
from cli.importing.exporting import everybody, export
from cli.importing.formats import READERS, Authenticators, Format, SeedFormat
from cli.importing.hashes import scheme_of
from cli.importing.report import Report
from cli.importing.resealing import ReEncrypt
from cli.importing.writing import Entry, Importer, told
from secondstep.account import Policy
from secondstep.audit import EventName, Operator, Outcome, account_event
from secondstep.context import RequestContext
from secondstep.errors import Conflict, InvalidRequest
from secondstep.store.accounts import policy_of
from secondstep.subscriber import Identity

LEFT_OUT, STOPPED = 1, 3
_SHOWN = 20

_FileOfUsers = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="The file or files to read.")]
_Stack = Annotated[str, typer.Option(envvar="SECONDSTEP_STACK", help="The CloudFormation stack of the deployment.")]
_Region = Annotated[str | None, typer.Option(help="The AWS region; default: the environment's or profile's.")]
_AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        "import", epilog="Example: secondstep import acme users.jsonl --format django --dry-run; then without --dry-run"
    )(import_)
    app.command("export", epilog="Example: secondstep export acme acme.jsonl")(export_)
    app.command("old-hashes", epilog="Example: secondstep old-hashes acme --json")(old_hashes)


def import_(
    account: Annotated[str, typer.Argument(help="The account that the users come into.")],
    files: _FileOfUsers,
    file_format: Annotated[Format, typer.Option("--format", help="What wrote the files.")],
    authenticators: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A second file: the users' TOTP seeds.")
    ] = None,
    authenticators_format: Annotated[SeedFormat | None, typer.Option(help="What wrote the second file.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at everything, write nothing.")] = False,
    stack: _Stack = "secondstep",
    region: _Region = None,
    as_json: _AsJson = False,
) -> None:
    """Bring users in, with the password and the authenticator that they have; what cannot be taken in is listed.

    Each user is one transaction: whole or not at all, never over a name that exists. If interrupted, run it again.
    """
    if (authenticators is None) != (authenticators_format is None):
        raise typer.BadParameter("--authenticators and --authenticators-format go together")
    if authenticators and (len(files) > 1 or file_format is Format.SECONDSTEP):
        raise typer.BadParameter("--authenticators goes with one file of users of another system")
    deployment = find(stack, region)
    with explained_writes(), _shown_progress("import", sum(path.stat().st_size for path in files)) as advanced:
        run = _Run(account, deployment, advanced, dry_run=dry_run)
        if file_format is Format.SECONDSTEP:
            reports = [run.moved(path) for path in files]
        elif authenticators and authenticators_format:
            reports = run.joined(files[0], file_format, authenticators, authenticators_format)
        else:
            reports = [run.users(path, file_format) for path in files]
    _tell(reports, dry_run=dry_run, as_json=as_json)
    if any(each.stopped for each in reports):
        raise typer.Exit(STOPPED)
    if not all(each.is_clean for each in reports):
        raise typer.Exit(LEFT_OUT)


def export_(
    account: Annotated[str, typer.Argument(help="The account to write down.")],
    output: Annotated[Path, typer.Argument(help="The file to make; it must not exist.", dir_okay=False)],
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Open the TOTP secrets and write them in clear. Rarely needed.")
    ] = False,
    stack: _Stack = "secondstep",
    region: _Region = None,
    as_json: _AsJson = False,
) -> None:
    """Write an account to a file of JSON lines: policy, subscribers, password hashes, sealed TOTP secrets."""
    if with_secrets:
        _warn(f"{output} will hold every TOTP secret in clear: whoever reads it can compute everybody's codes.")
    deployment = find(stack, region)
    with explained_writes(), _shown_progress("export", None) as advanced:
        count = export(account, output, deployment, with_secrets=with_secrets, told=lambda: advanced(None))
    if as_json:
        typer.echo(json.dumps({"account": account, "subscribers": count, "with_secrets": with_secrets}))
    else:
        Console(highlight=False, soft_wrap=True).print(
            f"{count} subscribers of [bold]{account}[/] are in {output}, readable by you alone."
        )


def old_hashes(
    account: Annotated[str, typer.Argument(help="The account to look through.")],
    stack: _Stack = "secondstep",
    region: _Region = None,
    as_json: _AsJson = False,
) -> None:
    """List who still has a password hash of another system, and forget the schemes that nobody has any more.

    Then unknown names are not checked with them any longer. Do not run it beside an import.
    """
    deployment, names, schemes = find(stack, region), list[str](), set[str]()
    with explained_writes(), _shown_progress("look", None) as advanced:
        for each in everybody(deployment.store, account):
            scheme = scheme_of(each.password_hash)
            if scheme:
                names.append(each.login_name)
                schemes.add(scheme)
            advanced(None)
        kept = deployment.store.imports.keep_only(account, frozenset(schemes))
    if not kept:
        raise Conflict("An import is under way. Look again when it has ended.")
    if as_json:
        typer.echo(json.dumps({"account": account, "old_hashes": names}))
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{len(names)} subscribers of [bold]{account}[/] have an old hash.")
    for name in names:
        console.print(f"  {name}", markup=False)


class _Run:
    """One import: where to, and who is told how far it is."""

    def __init__(
        self, account: str, deployment: Deployment, advanced: "Callable[[int | None], None]", *, dry_run: bool
    ) -> None:
        Identity.parse(account=account, login_name="anybody")
        self._account = account
        self._deployment = deployment
        self._advanced = advanced
        self._dry_run = dry_run
        self._request = deployment.context().request_id
        self._done = 0
        self._importer: Importer | None = None

    def users(self, path: Path, file_format: Format) -> Report:
        """Take in the users of one file."""
        return self._taken(path, file_format, lambda source: READERS[file_format](source))

    def joined(self, path: Path, file_format: Format, seeds: Path, seed_format: SeedFormat) -> list[Report]:
        """Take in the users of one file with the authenticators of another."""
        try:
            with _opened(seeds) as source:
                held = Authenticators(READERS[seed_format](source))
        except (WrongFormat, UnicodeDecodeError) as wrong:
            return [Report(file=str(seeds), stopped=told(wrong))]
        report = self._taken(path, file_format, lambda source: held.joined(READERS[file_format](source)))
        return [report, Report(file=str(seeds), refused=[*held.refused, *held.left_over()])]

    def moved(self, path: Path) -> Report:
        """Take in an export; the account is made, with the policy of the export, where there is none."""
        report = Report(file=str(path))
        with _opened(path) as source:
            try:
                heading = moving.heading(source)
                policy = moving.policy_of(heading)
            except WrongFormat as wrong:
                report.stopped = str(wrong)
                return report
            if not self._deployment.store.imports.exists(self._account) and not self._dry_run:
                self._create_account(heading)
            reseal = ReEncrypt(self._deployment.region, self._deployment.seal_key_arn)
            entries = moving.users(source, heading, self._destination(policy), reseal)
            self._run(entries, report, source)
        return report

    def _taken(self, path: Path, file_format: Format, read: "Callable[[IO[str]], Reader]") -> Report:
        if not self._deployment.store.imports.exists(self._account):
            raise InvalidRequest("does not exist; make it first: secondstep account create", field="account")
        policy = policy_of(self._deployment.store.accounts.stored_policy(self._account).fields)
        destination, report = self._destination(policy), Report(file=str(path))
        with _opened(path) as source:
            self._run((entry_of(each, destination, file_format) for each in read(source)), report, source)
        return report

    def _run(self, entries: "Iterator[Entry | Refusal]", report: Report, source: IO[str]) -> None:
        """Run one file; names and seeds are remembered over all files of the command."""
        self._importer = self._importer or Importer(self._account, self._deployment.store, dry_run=self._dry_run)
        before = self._done
        self._importer.run(entries, report, lambda: self._advanced(before + source.buffer.tell()))  # type: ignore[attr-defined]
        self._done = before + Path(report.file).stat().st_size

    def _create_account(self, heading: moving.AccountLine) -> None:
        operator, context = Operator(self._deployment.operator_arn), self._context()
        detail = {"format": "secondstep", "from_account": heading.account}
        event = account_event(operator, self._account, EventName.IMPORTED, Outcome.SUCCESS, context, detail=detail)
        self._deployment.store.imports.create_account(self._account, heading.policy, event, context.now)

    def _destination(self, policy: Policy) -> Destination:
        held = self._deployment
        return Destination(self._account, policy, held.store, held.seal_key, Operator(held.operator_arn), self._context)

    def _context(self) -> RequestContext:
        """Return the context of one write: its own time, the command's one request id."""
        return msgspec.structs.replace(self._deployment.context(), request_id=self._request)


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with path.open(encoding="utf-8-sig", newline="") as source:
        yield source


@contextmanager
def _shown_progress(what: str, total: int | None) -> "Iterator[Callable[[int | None], None]]":
    """Show how far it is, on a terminal: by the file's bytes, or by the count where the end is not known."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[lines]} users"))
    with Progress(
        *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task, lines = bar.add_task(what, total=total, lines=0), 0

        def advanced(to: int | None) -> None:
            nonlocal lines
            lines += 1
            bar.update(task, completed=to, lines=lines)

        yield advanced


def _tell(reports: list[Report], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "files": [each.as_map() for each in reports]}))
        return
    console = Console(highlight=False, soft_wrap=True)
    for report in reports:
        did = "would be imported" if dry_run else "imported"
        console.print(f"[bold]{report.file}[/]: {report.imported} {did}, {len(report.refused)} left out.")
        if report.imported:
            console.print(
                f"  {report.with_authenticator} with an authenticator, {report.without_password} without a password"
            )
        for refusal in report.refused[:_SHOWN]:
            console.print(f"  line {refusal.line}  {refusal.login_name}  {refusal.reason}", markup=False)
        if len(report.refused) > _SHOWN:
            console.print(f"  … and {len(report.refused) - _SHOWN} more; --json lists all")
        if report.stopped:
            _warn(f"{report.stopped} Stopped there; run it again: who is in is listed and not changed.")


def _warn(sentence: str) -> None:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"secondstep: {sentence}", style="yellow", markup=False)
