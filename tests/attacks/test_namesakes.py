"""A name that changes hands while a request is in flight: what was meant for the one is never done to the other.

Here even the epoch is the same, which no deletion leaves behind: so `sub` alone has to tell the two apart (promise 4).
"""

from collections.abc import Callable

import msgspec
import pytest

from secondstep.aws import Answer
from secondstep.subscriber import new_id
from tests.recording import Called
from tests.service import Person, Reply, Service

type Tokens = dict[str, str]
type Send = Callable[[Service, Person, Tokens, str], Reply]

OWN: dict[str, Send] = {
    "refresh": lambda service, _, own, __: service.post("/refresh", {"refresh_token": own["refresh_token"]}),
    "step up": lambda service, person, own, _: service.post(
        "/step-up", {"code": service.code(person)}, token=own["account_token"]
    ),
    "profile": lambda service, _, own, __: service.call(
        "PATCH", "/me", {"display_name": "Mallory"}, token=own["account_token"]
    ),
    "new recovery codes": lambda service, _, own, __: service.post("/me/recovery-codes", token=own["account_token"]),
}
AN_ADMINS: dict[str, Send] = {
    "reset": lambda service, person, _, admin: service.reset(admin, person.login_name),
    "unlock": lambda service, person, _, admin: service.post(
        f"/admin/subscribers/{person.login_name}/unlock", token=admin
    ),
    "password reset": lambda service, person, _, admin: service.post(
        f"/admin/subscribers/{person.login_name}/password-reset", {"reason": "asked"}, token=admin
    ),
    "change": lambda service, person, _, admin: service.call(
        "PATCH", f"/admin/subscribers/{person.login_name}", {"status": "disabled"}, token=admin
    ),
    "delete": lambda service, person, _, admin: service.call(
        "DELETE", f"/admin/subscribers/{person.login_name}", token=admin
    ),
}

REFUSED = dict.fromkeys(OWN, "invalid_token") | {"reset": "not_found"}  # the rest is a conflict


def _another_takes_the_name(service: Service, person: Person) -> None:
    """Give the name to somebody else right before the next write."""

    def change_first(called: Called, send: Callable[[], Answer]) -> Answer:
        if called.operation in ("update_item", "transact_write_items"):
            service.recorder.fault = None
            service.change(person, sub=new_id())
        return send()

    service.recorder.fault = change_first


@pytest.mark.parametrize("act", [*OWN, *AN_ADMINS])
def test_what_is_in_flight_does_nothing_to_a_namesake(
    service: Service, enrolled: Person, admin_token: str, act: str
) -> None:
    own = service.session(enrolled)
    service.clock.advance(30)
    before, recorded = service.record(enrolled), len(service.events())
    _another_takes_the_name(service, enrolled)
    reply = {**OWN, **AN_ADMINS}[act](service, enrolled, own, admin_token)
    assert reply.code == REFUSED.get(act, "conflict")
    namesake = service.record(enrolled)
    assert namesake == msgspec.structs.replace(before, sub=namesake.sub)
    assert namesake.sub != before.sub
    assert len(service.events()) == recorded
