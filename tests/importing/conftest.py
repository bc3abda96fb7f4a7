"""The command, for tests that need it."""

import pytest

from tests.importing.moving_in import Command


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Command:
    """Return the operator's command."""
    return Command(monkeypatch)
