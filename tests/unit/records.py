"""Records as the unit tests want them: whole and plain; each test says only what matters to it."""

import secrets

import msgspec

from secondstep.session import PASSWORD_AND_CODE, Session, hash_refresh_secret
from secondstep.subscriber import Enrollment, Role, Status, Subscriber

NOW = 1_800_000_010  # ten seconds into a time step
ISSUER = "https://login.example.test"
EPOCH = b"epoch-01"


def a_subscriber(**changes: object) -> Subscriber:
    """Return an active, bound agent of the account `acme`."""
    plain = Subscriber(
        account="acme",
        login_name="kim",
        sub="sub-of-kim",
        role=Role.AGENT,
        status=Status.ACTIVE,
        enrollment=Enrollment.BOUND,
        epoch=EPOCH,
        created_at=NOW - 1000,
    )
    return msgspec.structs.replace(plain, **changes)


def a_session(**changes: object) -> Session:
    """Return a session of that agent, with both factors, twelve hours long."""
    plain = Session(
        subscriber_hash=a_subscriber().identity.hash,
        sid="sid-of-sixteen-1",
        sub="sub-of-kim",
        epoch=EPOCH,
        current_hash=hash_refresh_secret(secrets.token_urlsafe(32)),
        seed=bytes(range(32)),
        auth_time=NOW,
        amr=PASSWORD_AND_CODE,
        source="203.0.113.7",
        created_at=NOW,
        last_used_at=NOW,
        expires_at=NOW + 12 * 60 * 60,
    )
    return msgspec.structs.replace(plain, **changes)
