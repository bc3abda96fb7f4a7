"""What an import did, or would do: counts, and each line that was left out with its reason."""

from dataclasses import dataclass, field
from typing import Any

from cli.importing.candidate import Refusal


@dataclass
class Report:
    """The outcome of one file; `refused` in the order of its lines."""

    file: str = ""
    imported: int = 0
    with_authenticator: int = 0
    without_password: int = 0
    refused: list[Refusal] = field(default_factory=list)
    stopped: str | None = None

    @property
    def is_clean(self) -> bool:
        """Tell whether every line was imported."""
        return not self.refused and self.stopped is None

    def as_map(self) -> dict[str, Any]:
        """Return the form that `--json` prints."""
        return {
            "file": self.file,
            "imported": self.imported,
            "with_authenticator": self.with_authenticator,
            "without_password": self.without_password,
            "refused": [each._asdict() for each in self.refused],
            "stopped": self.stopped,
        }
