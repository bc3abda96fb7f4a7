"""The command as an operator's shell runs it."""

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

import pytest

from cli.main import main


class Done(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return what it printed, as JSON."""
        return json.loads(self.out)


class Terminal:
    """`secondstep …`; nothing is shown, because tickets are printed on purpose."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, *arguments: object, typed: str = "") -> Done:
        """Run a command; `typed` is what the operator answers to questions."""
        self._patch.setattr(sys, "argv", ["secondstep", *(str(each) for each in arguments)])
        self._patch.setattr(sys, "stdin", StringIO(typed))
        out, err = StringIO(), StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
        assert "Traceback" not in err.getvalue()
        return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())
