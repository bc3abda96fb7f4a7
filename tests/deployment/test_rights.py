"""Least privilege, proven both ways: every right is needed by something, and without it that fails closed.

The rights are the template's, one by one; the deeds are the events' and a few more (`deeds`). Which deed needs which
right is what the deployment itself has decided while it did the deed.
"""

import os
import re

import pytest

from tests.deployment.deeds import Deed, bystanders_deeds, event_deeds, other_deeds, token_bearers_deeds
from tests.deployment.emulator import Deployment
from tests.deployment.rights import Census, Right, all_rights, function_of, taken
from tests.deployment.visitor import Reply, Visitor, patiently

pytestmark = pytest.mark.e2e

_ON_THE_LOGIN_PATH = {f"{name}Role" for name in ("Authorizer", "Enroll", "Login", "Refresh", "Reset", "Verify")}
RIGHTS = [each for each in all_rights() if os.environ.get("RIGHTS") == "all" or each.role in _ON_THE_LOGIN_PATH]
DEEDS = [*event_deeds(), *other_deeds()]
BYSTANDERS = bystanders_deeds()
BEARERS = token_bearers_deeds()
_GIVEN = re.compile(r"eyJ[\w-]{10,}\.|\"(?:secret|refresh_token|recovery_codes|ticket|challenge)\"|otpauth:")


@pytest.fixture(scope="module")
def census(_visitor: Visitor) -> Census:
    """Return how the deeds were answered, and which rights they needed."""
    taken_once = Census(_visitor, RIGHTS)
    taken_once.take(DEEDS, all_of=[*BYSTANDERS, *BEARERS])
    return taken_once


def test_each_deed_is_answered_as_its_name_says(census: Census) -> None:
    expected = {each.name: each.expected for each in [*DEEDS, *BYSTANDERS, *BEARERS]}
    found = {name: (reply.status, reply.code) for name, reply in census.replies.items()}
    assert found == {name: expected[name] for name in found}


@pytest.mark.parametrize("right", RIGHTS, ids=lambda right: right.id)
def test_without_a_right_what_needs_it_fails_closed_and_the_others_work(
    visitor: Visitor, deployment: Deployment, census: Census, right: Right
) -> None:
    assert census.users[right], "nothing needs this right: it is one too many"
    deed = _most_telling(right, census.users[right])
    act = deed.prepare(visitor)
    untouched = [each for each in BYSTANDERS if each not in census.users[right]]
    others = [(each, each.prepare(visitor)) for each in untouched]
    sessions = visitor.sessions()
    with taken(right, deployment):
        reply = act()
        if reply.status < 500:  # an environment that remembers what it has read before
            visitor.reset()
            act = deed.prepare(visitor)
            sessions = visitor.sessions()
            deployment.renew(function_of(right.role))
            reply = act()
        assert _is_refused(reply), (deed.name, reply.status, reply.text[:500])
        assert visitor.sessions() <= sessions
        for each, ask in others:
            said = patiently(ask)
            assert (said.status, said.code) == each.expected, (each.name, said.text[:500])


def _most_telling(right: Right, users: list[Deed]) -> Deed:
    """Return a deed that cannot do without the right: all read the keys in INIT, who bears a token must."""
    if right.sid == "ReadSigningKeys":
        users = [each for each in users if each in BEARERS] or users
    return min(users, key=lambda each: (not each.succeeds, each.name))


def _is_refused(reply: Reply) -> bool:
    """Tell whether nothing was decided, and nothing given."""
    if _GIVEN.search(reply.text):
        return False
    if (reply.headers.get("Content-Type") or "") != "application/problem+json":
        return reply.status in (500, 503)  # a page, or a function that nobody calls over HTTP
    return (reply.status, reply.code) in {(500, "internal_error"), (503, "unavailable")}
