"""The operator's terminal, for tests that need it."""

import pytest

from tests.cli.terminal import Terminal


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a terminal."""
    return Terminal(monkeypatch)
