"""Thirty-two clients at once for a minute against `python -m local`: nothing wrong, nothing lost, nothing left behind.

LOAD_SECONDS says how long. It goes in three rounds, each from the seeds: what one has stored is forgotten before the
next begins, so that memory which grows from round to round is memory that leaks.
"""

import os
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local.cloud import CREDENTIALS
from local.template import REGION, STACK
from tests.e2e import running
from tests.e2e.load import Caller, Client, Ledger, enrolled_admin

pytestmark = pytest.mark.e2e

SECONDS = float(os.environ.get("LOAD_SECONDS", "60"))
CLIENTS = 32
ROUNDS = 3
_FLAT = 1.05  # the first round grows into its size
# A password costs 19 MB for as long as it is hashed: glibc is told to give such a piece back and not to keep it.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_ARENA_MAX": "2"}
_LATEST_SECONDS = 90


class Round:
    """From the seeds to a check of the books."""

    def __init__(self, local: running.Running) -> None:
        self._local = local
        self.ledger = Ledger()
        self.audit: dict[str, list[tuple[str, str]]] = {}
        self.megabytes = 0.0

    def run(self, seconds: float) -> None:
        """Let the clients go, then read the audit, return to the seeds and weigh the process."""
        call = Caller(self._local.port, self.ledger)
        call("POST", "/_local/reset", expect=204)
        token = enrolled_admin(call)
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=Client(each, call, token).run, args=(until,)) for each in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(seconds + _LATEST_SECONDS)
        assert not any(thread.is_alive() for thread in threads)
        self.audit = _audit(self._local.port + 1)
        call("POST", "/_local/reset", expect=204)
        self.megabytes = _megabytes(self._local.pid)


def _audit(port: int) -> dict[str, list[tuple[str, str]]]:
    """Return the events of each request: what no request has caused (seeds, the first signing key) is left out."""
    found: dict[str, list[tuple[str, str]]] = {}
    pages = _client("dynamodb", port).get_paginator("scan").paginate(TableName=_audit_table(port))
    for item in (item for page in pages for item in page["Items"]):
        if item["source"]["S"] == "127.0.0.1":
            told = (item["event"]["S"], item["outcome"]["S"])
            found.setdefault(item["request_id"]["S"], []).append(told)
    return found


def _audit_table(port: int) -> str:
    [stack] = _client("cloudformation", port).describe_stacks(StackName=STACK)["Stacks"]
    return {each["OutputKey"]: str(each["OutputValue"]) for each in stack["Outputs"]}["AuditTable"]


def _client(service: str, port: int) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        region_name=REGION,
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )


def _megabytes(pid: int) -> float:
    """Return a process's resident memory."""
    said = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)  # noqa: S603, S607
    return int(said.stdout) / 1024


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Round]]:
    with running.local(tmp_path_factory.mktemp("load") / "console", **_MEMORY) as local:
        made = [Round(local) for _ in range(ROUNDS)]
        for each in made:
            each.run(SECONDS / ROUNDS)
        yield made


def test_every_answer_is_the_one_that_had_to_come(rounds: list[Round]) -> None:
    for each in rounds:
        assert not each.ledger.wrong, Counter(each.ledger.wrong)
        assert not [key for key in each.ledger.answered if key[1] >= 500]


def test_every_outcome_has_its_one_audit_event_and_no_other_is_there(rounds: list[Round]) -> None:
    for each in rounds:
        assert each.audit == {request: [told] for request, told in each.ledger.told.items()}


def test_every_kind_of_journey_was_gone_in_parallel(rounds: list[Round]) -> None:
    gone = sum((each.ledger.journeys for each in rounds), Counter())
    assert len(gone) == 9, gone
    assert gone.total() > CLIENTS


def test_memory_is_flat_from_round_to_round(rounds: list[Round]) -> None:
    first, *later = [each.megabytes for each in rounds]
    assert max(later) <= first * _FLAT, [first, *later]
