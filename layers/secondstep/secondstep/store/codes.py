"""Hand-over codes: kept for a minute, spent by the transaction that makes the application's session.

A spent one keeps the session's id and lies there as long as that session can last: shown again, it betrays a copy.
"""

from secondstep.audit import Event
from secondstep.aws import Item
from secondstep.oauth import HandOverCode
from secondstep.session import Session, Standing
from secondstep.store.conditions import ITEM_EXISTS, alive, epoch_is
from secondstep.store.database import Database, Refused
from secondstep.store.expression import NewItem, Write, above, absent
from secondstep.store.layout import (
    EPOCH,
    PURGE_AT,
    S_CLIENT,
    S_EXPIRES,
    SUB,
    TTL_GRACE_SECONDS,
    event_item,
    session_item,
    session_key,
    subscriber_key,
)

_OF, _SID, _REDIRECT, _CHALLENGE, _SPENT_BY = "of", "sid", "ru", "cc", "by"


class NotSpent(Exception):
    """Nothing was written; `spent_by` is the session that the code has made for somebody else, if that is why."""

    def __init__(self, spent_by: str | None) -> None:
        super().__init__("not spent")
        self.spent_by = spent_by


class Codes:
    """Reads and writes of code items."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, code: HandOverCode) -> None:
        """Write a code that was just made."""
        self._database.create(NewItem(_item(code)))

    def read(self, code_hash: str) -> HandOverCode | None:
        """Return a code, spent, expired or good (consistent read)."""
        item = self._database.get(_key(code_hash))
        return _record(item) if item else None

    def spend(self, code: HandOverCode, session: Session, event: Event, now: int) -> None:
        """One transaction: spend the code, make the session and record it.

        The subscriber still is who it was, active and in the same epoch, and the browser has not signed out: whatever
        came in between wins (promise 4). Raises NotSpent.
        """
        stands_on = code.standing
        spent = Write(_key(code.hash)).require(ITEM_EXISTS, absent(_SPENT_BY), above((S_EXPIRES,), now))
        browser = Write(session_key(stands_on.subscriber_hash, stands_on.sid)).require(epoch_is(stands_on.epoch))
        subscriber = Write(subscriber_key(stands_on.subscriber_hash))
        try:
            self._database.commit(
                self._database.changed(spent.set((_SPENT_BY,), session.sid)),
                self._database.created(NewItem(session_item(session))),
                self._database.recorded(NewItem(event_item(event))),
                self._database.checked(subscriber.require(*alive(sub=stands_on.sub, epoch=stands_on.epoch))),
                self._database.checked(browser),
            )
        except Refused as refused:
            code_as_it_is = refused.item if refused.part == 0 else None
            raise NotSpent((code_as_it_is or {}).get(_SPENT_BY)) from refused


def _key(code_hash: str) -> Item:
    return {"pk": f"CODE#{code_hash}", "sk": "STATE"}


def _item(it: HandOverCode) -> Item:
    return _key(it.hash) | {
        _OF: it.standing.subscriber_hash,
        _SID: it.standing.sid,
        SUB: it.standing.sub,
        EPOCH: it.standing.epoch,
        S_CLIENT: it.client_id,
        _REDIRECT: it.redirect_uri,
        _CHALLENGE: it.code_challenge,
        S_EXPIRES: it.expires_at,
        _SPENT_BY: it.spent_by,
        PURGE_AT: it.expires_at + TTL_GRACE_SECONDS,  # the longest session is a day, too
    }


def _record(item: Item) -> HandOverCode:
    return HandOverCode(
        hash=item["pk"].removeprefix("CODE#"),
        standing=Standing(item[_OF], item[_SID], item[SUB], item[EPOCH]),
        client_id=item[S_CLIENT],
        redirect_uri=item[_REDIRECT],
        code_challenge=item[_CHALLENGE],
        expires_at=item[S_EXPIRES],
        spent_by=item.get(_SPENT_BY),
    )
