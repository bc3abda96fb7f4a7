"""The words of the notices, by language. A language that lacks one is found by tests/unit."""

from collections.abc import Mapping

import msgspec

from secondstep.notices.occasions import Notice


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a mail says in one language."""

    subjects: Mapping[Notice, str]
    happened: Mapping[Notice, str]
    account: str
    login_name: str
    when: str
    source: str
    by: str
    by_operator: str
    nothing_to_do: str
    not_you: str
    ask_admin: str
    automatic: str


FALLBACK = "en"
_PLACEHOLDERS = {
    "account": "{account}",
    "login_name": "{login_name}",
    "when": "{when}",
    "source": "{source}",
    "by": "{login_name}",
}
