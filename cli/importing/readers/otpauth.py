"""Key URIs, one on each line: `otpauth://totp/Issuer:login_name?secret=…`.

The login name is the label's part behind the issuer. Such users have a second factor and no password yet.
"""

from typing import IO

from cli.importing.candidate import Candidate, Reader, Refusal, Unreadable
from cli.importing.seeds import from_uri, named_in

_LONGEST_LINE = 8 * 1024


def users(source: IO[str]) -> Reader:
    """Yield one user for each URI."""
    line = 0
    while text := source.readline(_LONGEST_LINE):
        line += 1
        if not text.strip():
            continue
        try:
            login_name, seed = from_uri(text)
        except Unreadable as why:
            yield Refusal(line, str(why), named_in(text))
        else:
            yield Candidate(line, login_name, seeds=(seed,))
