"""`secondstep export`: the account as a file that only its owner can read, whole or not there at all."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from cli.deployment import Deployment, DeploymentError
from cli.importing.moving import ENCODER, AccountLine, EndLine, SubscriberLine, line_of
from cli.importing.patience import patiently
from secondstep.audit import EventName, Operator, Outcome, account_event
from secondstep.errors import InvalidRequest
from secondstep.keys import SealKey
from secondstep.store import Store
from secondstep.subscriber import Subscriber

_WORKERS, _WINDOW, _PAGE = 8, 64, 100


def export(account: str, path: Path, deployment: Deployment, *, with_secrets: bool, told: Callable[[], object]) -> int:
    """Write the file and return how many subscribers it holds; the event is recorded before anything leaves.

    InvalidRequest where there is no such account or the file exists.
    """
    if not deployment.store.imports.exists(account):
        raise InvalidRequest("does not exist", field="account")
    context = deployment.context()
    with _private(path) as file:
        detail = {"with_secrets": with_secrets}
        operator = Operator(deployment.operator_arn)
        event = account_event(operator, account, EventName.EXPORTED, Outcome.SUCCESS, context, detail=detail)
        deployment.store.subscribers.record(event)
        heading = AccountLine(
            version=1,
            account=account,
            policy=deployment.store.accounts.stored_policy(account).fields,
            exported_at=context.now,
            with_secrets=with_secrets,
        )
        _put(file, heading)
        count = 0
        for line in _lines(everybody(deployment.store, account), deployment.seal_key if with_secrets else None):
            _put(file, line)
            count += 1
            told()
        _put(file, EndLine(subscribers=count))
    return count


def everybody(store: Store, account: str) -> Iterator[Subscriber]:
    """Yield the subscribers in order of their names, a page at a time: two calls for a hundred."""
    after: str | None = None
    while True:
        page = patiently(lambda: store.directory.subscribers(account, prefix="", after=after, limit=_PAGE))  # noqa: B023
        yield from page.entries
        after = page.next_after
        if after is None:
            return


def _lines(people: Iterator[Subscriber], opened_by: SealKey | None) -> Iterator[SubscriberLine]:
    """Yield the lines in order; keys are asked for a window of subscribers at a time."""
    flying: deque[Future[SubscriberLine]] = deque()
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="export") as pool:
        for each in people:
            flying.append(pool.submit(_line, each, opened_by))
            if len(flying) >= _WINDOW:
                yield flying.popleft().result()
        while flying:
            yield flying.popleft().result()


def _line(each: Subscriber, opened_by: SealKey | None) -> SubscriberLine:
    return patiently(lambda: line_of(each, opened_by))


def _put(file: BinaryIO, line: msgspec.Struct) -> None:
    file.write(ENCODER.encode(line) + b"\n")


@contextmanager
def _private(path: Path) -> Iterator[BinaryIO]:
    """Open a new file of the caller's own (0600) that takes its name only when it is complete."""
    if path.exists():
        raise InvalidRequest("exists, and an export overwrites nothing", field=str(path))
    partial = path.with_name(f"{path.name}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as refused:
        raise DeploymentError(f"{partial} cannot be written: {refused.strerror}.") from refused
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)
