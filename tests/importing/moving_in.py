"""The command against the local cloud, and people who come in by it."""

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cli.main import main
from secondstep.authenticators.totp import Secret
from secondstep.subscriber import Identity
from tests.service import ACCOUNT, Person, Service, secret_of

FILES = Path(__file__).parent / "files"
KNOWN = json.loads((FILES / "known.json").read_text("utf-8"))
PASSWORD = str(KNOWN["password"])


def seed(name: str) -> Secret:
    """Return what is in the person's old phone."""
    return secret_of(KNOWN["seeds"][name])


def somebody(name: str, secret: Secret | None = None, account: str = ACCOUNT) -> Person:
    """Return a person by name, with the phone."""
    return Person(Identity(account, name), "", secret or Secret(bytes(20)), [])


class Command:
    """`secondstep …`, as a shell would run it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        self.errors = ""

    def __call__(self, *arguments: object) -> tuple[int, str]:
        """Return exit code and standard output; both outputs are shown as well, and searched for secrets."""
        self._patch.setattr(sys, "argv", ["secondstep", *(str(each) for each in arguments)])
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
        self.errors = err.getvalue()
        sys.stdout.write(out.getvalue())
        sys.stderr.write(self.errors)
        return int(ended.value.code or 0), out.getvalue()

    def report(self, *arguments: object) -> tuple[int, dict[str, Any]]:
        """Return exit code and the first file's report."""
        code, out = self("import", *arguments, "--json")
        return code, json.loads(out)["files"][0]


def refused(report: dict[str, Any]) -> dict[int, str]:
    """Return the reasons by line."""
    return {each["line"]: each["reason"] for each in report["refused"]}


def logs_in(service: Service, person: Person, presented: str = PASSWORD) -> bool:
    """Tell whether the old password and the old phone's code give a session."""
    reply = service.log_in(person, presented)
    if reply.body.get("next") != "verify":
        return False
    return service.verify(reply.body["challenge"], service.code(person)).status == 200
