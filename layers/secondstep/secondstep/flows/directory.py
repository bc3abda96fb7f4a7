"""What an account admin looks at: the list, the counts, the audit; and a subscriber at its own events."""

import re

from secondstep import describing
from secondstep.acting import Acting
from secondstep.bearer import Principal
from secondstep.context import RequestContext
from secondstep.cursor import List
from secondstep.errors import InvalidRequest
from secondstep.shapes import EventsAnswer, SubscribersAnswer, SummaryAnswer
from secondstep.store import Store, counting
from secondstep.store.directory import Period
from secondstep.subscriber import Identity, canonical_login_name

_EVENT_PLACE = re.compile(r"[0-9]{13}#[A-Za-z0-9_-]{16}")


def subscribers(
    actor: Acting,
    *,
    prefix: str,
    status: str | None,
    enrolled: bool | None,
    cursor: str | None,
    limit: int,
    store: Store,
) -> SubscribersAnswer:
    """Return a page in order of login name: two calls, whatever the account's size. A filter makes pages short."""
    listed = List(actor.caller, f"subscribers {prefix}", lambda place: _is_name_under(prefix, place))
    page = store.directory.subscribers(actor.account, prefix=prefix, after=listed.place(cursor), limit=limit)
    wanted = [
        each
        for each in page.entries
        if (status is None or each.status.value == status) and (enrolled is None or each.is_bound is enrolled)
    ]
    return SubscribersAnswer(
        subscribers=[describing.line(each) for each in wanted], cursor=listed.cursor(page.next_after)
    )


def _is_name_under(prefix: str, place: str) -> bool:
    try:
        return place.startswith(prefix) and canonical_login_name(place) == place
    except InvalidRequest:
        return False


def summary(actor: Acting, *, store: Store, context: RequestContext) -> SummaryAnswer:
    """Return how many subscribers the account has, by state: at most a minute old, or those of the last count.

    It makes some 40 calls at most, whatever the account's size: a large account is counted by several requests.
    """
    counts = store.counting.summary(actor.account, context.now, pages=counting.PAGES_OF_A_REQUEST)
    return SummaryAnswer(**counts._asdict())


def whole_summary(actor: Acting, *, store: Store, context: RequestContext) -> SummaryAnswer:
    """Return the counts at most a minute old, however long it takes to count: for who has no time limit."""
    return SummaryAnswer(**store.counting.summary(actor.account, context.now, pages=None)._asdict())


def events(
    actor: Acting,
    *,
    login_name: str | None,
    since: int | None,
    until: int | None,
    event: str | None,
    cursor: str | None,
    limit: int,
    store: Store,
) -> EventsAnswer:
    """Return a page of the account's events, newest first: eight calls, or one for a single login name."""
    about = None if login_name is None else Identity(actor.account, canonical_login_name(login_name))
    listed = _events_for(actor.caller, about.login_name if about else "")
    period, before = Period(since, until, event), listed.place(cursor)
    if about is None:
        page = store.directory.events(actor.account, period, before=before, limit=limit)
    else:
        page = store.directory.events_about(about, period, before=before, limit=limit)
    shown = [describing.event(each) for each in page.entries if each.account == actor.account]
    return EventsAnswer(events=shown, cursor=listed.cursor(page.next_after))


def own_events(principal: Principal, *, cursor: str | None, limit: int, store: Store) -> EventsAnswer:
    """Return a page of the subscriber's own events; a namesake who was deleted before is somebody else."""
    subscriber = principal.subscriber
    listed = _events_for(subscriber.sub, subscriber.login_name)
    before = listed.place(cursor)
    page = store.directory.events_about(subscriber.identity, Period(None, None, None), before=before, limit=limit)
    own = [each for each in page.entries if each.subject is not None and each.subject.sub == subscriber.sub]
    return EventsAnswer(events=[describing.event(each) for each in own], cursor=listed.cursor(page.next_after))


def _events_for(caller: str, about: str) -> List:
    return List(caller, f"events {about}", lambda place: _EVENT_PLACE.fullmatch(place) is not None)
