"""Where everything lies: keys, attribute names, and records to items and back. docs/storage-layout lists them.

Attribute names are one or two letters, values binary: the usual subscriber stays under 1,024 bytes, one write unit.
Changing a name or a form here means reading the old form as well.
"""

from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from secondstep.audit import Event, EventName, Operator, Outcome, Person
from secondstep.authenticators.password import Schemes
from secondstep.aws import Item
from secondstep.session import Carrier, Session
from secondstep.store.expression import Path
from secondstep.subscriber import (
    Ahead,
    Authenticator,
    Challenge,
    Enrollment,
    Pending,
    Purpose,
    Role,
    Status,
    Subscriber,
    Ticket,
)

ACCOUNT, LOGIN_NAME, SUB, ROLE, STATUS, ENROLLMENT = "a", "n", "u", "r", "s", "e"
PASSWORD_HASH, EPOCH, CREATED_AT, LAST_LOGIN_AT = "p", "x", "m", "l"
AUTHENTICATORS, CHALLENGES, RECOVERY_CODES = "t", "c", "k"
PASSWORD_TICKET, ENROLLMENT_TICKET = "pt", "et"
RECENT, DAY, RECOVERY_RECENT, RUN = "br", "bd", "bk", "bn"
EMAIL, DISPLAY_NAME, LOCALE = "em", "dn", "lo"

# parts of maps
A_NAME, A_SECRET, A_CREATED, A_STEP, A_USED = "n", "c", "m", "l", "u"
C_PURPOSE, C_EPOCH, C_OPENED, C_EXPIRES, C_TRIES, C_PENDING, C_AHEAD, C_CHARGE = "p", "x", "o", "z", "n", "w", "f", "g"
T_HASH, T_EXPIRES = "h", "z"

# sessions
S_CURRENT, S_PREVIOUS, S_ROTATED_AT, S_ROTATIONS, S_SEED = "rc", "rp", "rt", "rn", "rs"
S_CARRIER, S_CLIENT, S_AUTH_TIME, S_AMR = "by", "ci", "at", "am"
S_SOURCE, S_USED, S_EXPIRES, S_FAILURES, S_CHARGE = "so", "lu", "z", "f", "g"

# what an import leaves beside the subscribers
SCHEMES_SECRET, SCHEMES_FOREIGN = "secret", "foreign"
SEED_OF, SEED_AUTHENTICATOR = "of", "authenticator"

# budgets
TAT, CHARGE, REFUND = "tat", "charge", "refund"
PURGE_AT = "purge_at"
TTL_GRACE_SECONDS = 24 * 60 * 60  # TTL only cleans up: expiry itself is in the conditions

_AUDIT_KEPT_SECONDS = 400 * 24 * 60 * 60


def subscriber_key(subscriber_hash: str) -> Item:
    """Return the key of a subscriber's item."""
    return {"pk": f"SUBSCRIBER#{subscriber_hash}", "sk": "STATE"}


SESSION_PREFIX = "SESSION#"


def session_key(subscriber_hash: str, sid: str) -> Item:
    """Return the key of a session: beside its subscriber, so that one call reads both."""
    return {"pk": f"SUBSCRIBER#{subscriber_hash}", "sk": f"{SESSION_PREFIX}{sid}"}


def account_key(account: str) -> Item:
    """Return the key of an account and its policy."""
    return {"pk": f"ACCOUNT#{account}", "sk": "POLICY"}


def summary_key(account: str) -> Item:
    """Return the key of an account's kept counts."""
    return {"pk": f"ACCOUNT#{account}", "sk": "SUMMARY"}


def schemes_key(account: str) -> Item:
    """Return the key of the password schemes that an import brought into an account."""
    return {"pk": f"ACCOUNT#{account}", "sk": "SCHEMES"}


def seed_key(account: str, fingerprint: str) -> Item:
    """Return the key of the note that a TOTP seed was imported into an account."""
    return {"pk": f"ACCOUNT#{account}", "sk": f"SEED#{fingerprint}"}


def schemes_item(account: str, it: Schemes) -> Item:
    """Return the item of an account's password schemes."""
    return schemes_key(account) | {SCHEMES_SECRET: it.key, SCHEMES_FOREIGN: sorted(it.foreign)}


def schemes_record(item: Item | None) -> Schemes:
    """Return the record of an account's password schemes; most accounts have none but ours."""
    return Schemes(item[SCHEMES_SECRET], frozenset(item[SCHEMES_FOREIGN])) if item else Schemes()


def logo_key(account: str) -> Item:
    """Return the key of an account's picture."""
    return {"pk": f"ACCOUNT#{account}", "sk": "LOGO"}


def name_budget_key(subscriber_hash: str) -> Item:
    """Return the key of a name's password budget, whether or not the name exists."""
    return {"pk": f"BUDGET#{subscriber_hash}", "sk": "PASSWORD"}


def address_budget_key(source: str) -> Item:
    """Return the key of an address' password budget; an IPv6 customer has a /64, so that is one address.

    What is no address at all (the console's test calls) shares one budget: never none.
    """
    try:
        address = ip_address(source)
    except ValueError:
        return {"pk": "BUDGET#IP#unknown", "sk": "PASSWORD"}
    one = address if isinstance(address, IPv4Address) else ip_network((address, 64), strict=False)
    return {"pk": f"BUDGET#IP#{one}", "sk": "PASSWORD"}


def notice_key(subscriber_hash: str, notice: str) -> Item:
    """Return the key of the note that a notice was sent: a partition of its own, beside no subscriber.

    Who may write it can thus write nothing that a login depends on.
    """
    return {"pk": f"NOTICE#{subscriber_hash}", "sk": notice}


SIGNING_KEYS = "SIGNING_KEY"


def signing_key_key(kid: str) -> Item:
    """Return the key of a signing key."""
    return {"pk": SIGNING_KEYS, "sk": kid}


def challenge_path(key: str, *part: str) -> Path:
    """Return the path of an open challenge or of one of its parts."""
    return (CHALLENGES, key, *part)


def authenticator_path(authenticator_id: str, *part: str) -> Path:
    """Return the path of an authenticator or of one of its parts."""
    return (AUTHENTICATORS, authenticator_id, *part)


def subscriber_item(it: Subscriber) -> Item:
    """Return the whole item: every map exists from its creation (a SET below an absent map is an error)."""
    return subscriber_key(it.identity.hash) | {
        ACCOUNT: it.account,
        LOGIN_NAME: it.login_name,
        SUB: it.sub,
        ROLE: it.role.value,
        STATUS: it.status.value,
        ENROLLMENT: it.enrollment.value,
        PASSWORD_HASH: it.password_hash,
        EPOCH: it.epoch,
        CREATED_AT: it.created_at,
        AUTHENTICATORS: {each.id: authenticator_map(each) for each in it.authenticators.values()},
        CHALLENGES: {each.key: challenge_map(each) for each in it.challenges.values()},
        RECOVERY_CODES: it.recovery_codes or None,
        PASSWORD_TICKET: ticket_map(it.password_ticket),
        ENROLLMENT_TICKET: ticket_map(it.enrollment_ticket),
        RECENT: dict(it.recent),
        DAY: dict(it.day),
        RECOVERY_RECENT: dict(it.recovery_recent),
        RUN: it.run,
        LAST_LOGIN_AT: it.last_login_at,
        EMAIL: it.email,
        DISPLAY_NAME: it.display_name,
        LOCALE: it.locale,
    }


def subscriber_record(item: Item) -> Subscriber:
    """Return the record of an item that `subscriber_item` made and conditional writes changed since."""
    return Subscriber(
        account=item[ACCOUNT],
        login_name=item[LOGIN_NAME],
        sub=item[SUB],
        role=Role(item[ROLE]),
        status=Status(item[STATUS]),
        enrollment=Enrollment(item[ENROLLMENT]),
        password_hash=item.get(PASSWORD_HASH),
        epoch=item[EPOCH],
        created_at=item[CREATED_AT],
        authenticators={key: _authenticator(key, each) for key, each in item[AUTHENTICATORS].items()},
        challenges={key: _challenge(key, each) for key, each in item[CHALLENGES].items()},
        recovery_codes=item.get(RECOVERY_CODES, frozenset()),
        password_ticket=_ticket(item.get(PASSWORD_TICKET)),
        enrollment_ticket=_ticket(item.get(ENROLLMENT_TICKET)),
        recent=item[RECENT],
        day=item[DAY],
        recovery_recent=item[RECOVERY_RECENT],
        run=item[RUN],
        last_login_at=item.get(LAST_LOGIN_AT),
        email=item.get(EMAIL),
        display_name=item.get(DISPLAY_NAME),
        locale=item.get(LOCALE),
    )


def authenticator_map(it: Authenticator) -> dict[str, Any]:
    """Return the map of a bound authenticator."""
    return {
        A_NAME: it.name,
        A_SECRET: it.sealed_secret,
        A_CREATED: it.created_at,
        A_STEP: it.last_step,
        A_USED: it.last_used_at,
    }


def _authenticator(key: str, held: dict[str, Any]) -> Authenticator:
    return Authenticator(
        id=key,
        name=held[A_NAME],
        sealed_secret=held[A_SECRET],
        created_at=held[A_CREATED],
        last_step=held[A_STEP],
        last_used_at=held[A_USED],
    )


def challenge_map(it: Challenge) -> dict[str, Any]:
    """Return the map of an open challenge."""
    return {
        C_PURPOSE: it.purpose.value,
        C_EPOCH: it.epoch,
        C_OPENED: it.opened_at,
        C_EXPIRES: it.expires_at,
        C_TRIES: it.tries_left,
        C_PENDING: pending_map(it.pending) if it.pending else None,
        C_AHEAD: ahead_map(it.ahead) if it.ahead else None,
    }


def _challenge(key: str, held: dict[str, Any]) -> Challenge:
    return Challenge(
        key=key,
        purpose=Purpose(held[C_PURPOSE]),
        epoch=held[C_EPOCH],
        opened_at=held[C_OPENED],
        expires_at=held[C_EXPIRES],
        tries_left=held[C_TRIES],
        pending=_pending(held[C_PENDING]) if C_PENDING in held else None,
        ahead=_ahead(held[C_AHEAD]) if C_AHEAD in held else None,
    )


def pending_map(it: Pending) -> dict[str, Any]:
    """Return the map of a secret that waits for its first right code."""
    return {
        "i": it.authenticator_id,
        "n": it.name,
        "c": it.sealed_secret,
        "m": it.made,
        "h": it.ticket_hash,
        "s": it.sid,
    }


def _pending(held: dict[str, Any]) -> Pending:
    return Pending(
        authenticator_id=held["i"],
        name=held["n"],
        sealed_secret=held["c"],
        made=held["m"],
        ticket_hash=held.get("h"),
        sid=held.get("s"),
    )


def ahead_map(it: Ahead) -> dict[str, Any]:
    """Return the map of a code that belongs to a future step."""
    return {"i": it.authenticator_id, "s": it.step, "o": it.offset}


def _ahead(held: dict[str, Any]) -> Ahead:
    return Ahead(authenticator_id=held["i"], step=held["s"], offset=held["o"])


def ticket_map(it: Ticket | None) -> dict[str, Any] | None:
    """Return the map of a stored ticket."""
    return {T_HASH: it.hash, T_EXPIRES: it.expires_at} if it else None


def _ticket(held: dict[str, Any] | None) -> Ticket | None:
    return Ticket(held[T_HASH], held[T_EXPIRES]) if held else None


def session_item(it: Session) -> Item:
    """Return the item of a session; TTL removes it a day after its end."""
    return session_key(it.subscriber_hash, it.sid) | {
        SUB: it.sub,
        EPOCH: it.epoch,
        S_CURRENT: it.current_hash,
        S_SEED: it.seed,
        S_ROTATIONS: it.rotations,
        S_CLIENT: it.client_id,
        S_AUTH_TIME: it.auth_time,
        S_AMR: list(it.amr),
        S_SOURCE: it.source,
        CREATED_AT: it.created_at,
        S_USED: it.last_used_at,
        S_EXPIRES: it.expires_at,
        S_FAILURES: it.step_up_failures,
        S_CARRIER: it.carrier.value if it.carrier is not Carrier.TOKENS else None,
        PURGE_AT: it.expires_at + TTL_GRACE_SECONDS,
    }


def session_record(item: Item) -> Session:
    """Return the record of a session's item."""
    return Session(
        subscriber_hash=item["pk"].removeprefix("SUBSCRIBER#"),
        sid=item["sk"].removeprefix(SESSION_PREFIX),
        sub=item[SUB],
        epoch=item[EPOCH],
        current_hash=item[S_CURRENT],
        previous_hash=item.get(S_PREVIOUS),
        rotated_at=item.get(S_ROTATED_AT, 0),
        rotations=item[S_ROTATIONS],
        seed=item[S_SEED],
        client_id=item[S_CLIENT],
        auth_time=item[S_AUTH_TIME],
        amr=tuple(item[S_AMR]),
        source=item[S_SOURCE],
        created_at=item[CREATED_AT],
        last_used_at=item[S_USED],
        expires_at=item[S_EXPIRES],
        step_up_failures=item[S_FAILURES],
        carrier=Carrier(item.get(S_CARRIER, Carrier.TOKENS)),
    )


def event_sort_key(milliseconds: int, event_id: str) -> str:
    """Return the key by which the events of a subscriber are ordered."""
    return f"{milliseconds:013d}#{event_id}"


def event_item(it: Event) -> Item:
    """Return the item of an audit event; only what happened after the password lies in an account's index."""
    return {
        "pk": _partition(it),
        "sk": event_sort_key(it.milliseconds, it.id),
        "as": f"{it.account}#{it.shard}" if it.account else None,
        "event": str(it.event),
        "outcome": it.outcome.value,
        "at": it.at,
        "actor": it.actor.as_map() if it.actor else None,
        "subject": it.subject.as_map() if it.subject else None,
        "reason": it.reason,
        "source": it.source,
        "request_id": it.request_id,
        "detail": dict(it.detail) if it.detail else None,
        PURGE_AT: it.at + _AUDIT_KEPT_SECONDS,
    }


def _partition(it: Event) -> str:
    if it.subscriber_hash:
        return f"SUBSCRIBER#{it.subscriber_hash}"
    return f"ACCOUNT#{it.account}" if it.account else "DEPLOYMENT"


def event_record(item: Item) -> Event:
    """Return the record of an audit event's item; what only a later release knows of it does not stand in the way."""
    return Event(
        id=item["sk"].partition("#")[2],
        at=item["at"],
        milliseconds=int(item["sk"].partition("#")[0]),
        event=_event_name(item["event"]),
        outcome=Outcome(item["outcome"]),
        account=item["as"].rpartition("#")[0] if "as" in item else None,
        subscriber_hash=item["pk"].removeprefix("SUBSCRIBER#") if item["pk"].startswith("SUBSCRIBER#") else None,
        subject=_person(item.get("subject")),
        actor=_actor(item.get("actor")),
        source=item["source"],
        request_id=item["request_id"],
        reason=item.get("reason"),
        detail=item.get("detail"),
    )


def _event_name(stored: str) -> EventName | str:
    """Return the name; one of a later release stays the text that it is (docs/api.md: events may gain values)."""
    return EventName(stored) if stored in EventName else stored


def _person(stored: Item | None) -> Person | None:
    return Person(stored["sub"], stored["login_name"]) if stored and "sub" in stored else None


def _actor(stored: Item | None) -> Person | Operator | None:
    return Operator(stored["operator"]) if stored and "operator" in stored else _person(stored)
