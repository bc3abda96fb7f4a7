"""What a sign-in for an application leaves in the tables, by the service's own records: for the events after it."""

import base64
import hashlib
import time
from typing import Any

import msgspec

from local.seeds import EXAMPLE
from secondstep.oauth import CODE_SECONDS, HandOverCode, hash_code, new_code
from secondstep.session import PASSWORD_AND_CODE, Carrier, Login, start
from secondstep.store.codec import encode_item
from secondstep.store.codes import Codes
from secondstep.store.database import Database
from secondstep.store.layout import session_item
from secondstep.subscriber import Subscriber

VERIFIER = "a" * 43  # of PKCE, as the events have it
_SOURCE = "203.0.113.7"
_HOURS = 12


class SignedIn:
    """A subscriber who has just signed in with both steps, at one moment of the service's clock."""

    def __init__(self, subscriber: Subscriber, now: int, *, dynamodb: Any, state_table: str) -> None:
        self._subscriber = subscriber
        self._now = now
        self._dynamodb = dynamodb
        self._table = state_table

    def in_a_browser(self) -> Login:
        """Write the session of a browser; its handle is what the cookie holds."""
        return self._written(Carrier.BROWSER)

    def at_the_application(self) -> Login:
        """Write the session that the example application has made of its code; its handle is the refresh token."""
        return self._written(Carrier.TOKENS, client_id=EXAMPLE.client_id)

    def handed_over(self) -> str:
        """Write a code that stands on a browser's session, and return it."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
        code = new_code()
        held = HandOverCode(
            hash=hash_code(code),
            standing=self.in_a_browser().session.standing,
            client_id=EXAMPLE.client_id,
            redirect_uri=EXAMPLE.redirect_uris[0],
            code_challenge=challenge,
            expires_at=self._now + CODE_SECONDS,
        )
        Codes(Database(self._dynamodb, state=self._table, audit="", pause=time.sleep)).keep(held)
        return code

    def _written(self, carrier: Carrier, **changes: str) -> Login:
        of = self._subscriber
        secret, begun = start(
            of, epoch=of.epoch, amr=PASSWORD_AND_CODE, source=_SOURCE, now=self._now, hours=_HOURS, carrier=carrier
        )
        session = msgspec.structs.replace(begun, **changes)
        self._dynamodb.put_item(TableName=self._table, Item=encode_item(session_item(session)))
        return Login(of, session, secret)
