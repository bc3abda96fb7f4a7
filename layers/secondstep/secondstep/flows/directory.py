"""What an account admin looks at: the list, the counts, the audit; and a subscriber at its own events."""

from secondstep import cursor as cursors
from secondstep import describing
from secondstep.bearer import ActingAdmin, Principal
from secondstep.context import RequestContext
from secondstep.shapes import EventsAnswer, SubscribersAnswer, SummaryAnswer
from secondstep.store import Store
from secondstep.store.directory import Period
from secondstep.subscriber import Identity, canonical_login_name

_SUBSCRIBERS, _EVENTS, _OWN = "subscribers", "events", "own"


def subscribers(
    actor: ActingAdmin,
    *,
    prefix: str,
    status: str | None,
    enrolled: bool | None,
    cursor: str | None,
    limit: int,
    store: Store,
) -> SubscribersAnswer:
    """Return a page in order of login name: two calls, whatever the account's size. A filter makes pages short."""
    after = cursors.parse(cursor, caller=actor.person.sub, listed=_SUBSCRIBERS)
    page = store.directory.subscribers(actor.account, prefix=prefix, after=after, limit=limit)
    wanted = [
        each
        for each in page.entries
        if (status is None or each.status.value == status) and (enrolled is None or each.is_bound is enrolled)
    ]
    return SubscribersAnswer(
        subscribers=[describing.line(each) for each in wanted],
        cursor=cursors.make(page.next_after, caller=actor.person.sub, listed=_SUBSCRIBERS),
    )


def summary(actor: ActingAdmin, *, store: Store, context: RequestContext) -> SummaryAnswer:
    """Return how many subscribers the account has, by state; at most a minute old."""
    counted = store.directory.summary(actor.account, context.now)
    return SummaryAnswer(**counted._asdict())


def events(
    actor: ActingAdmin,
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
    listed = f"{_EVENTS}:{login_name or ''}"
    before = cursors.parse(cursor, caller=actor.person.sub, listed=listed)
    period = Period(since, until, event)
    if login_name is None:
        page = store.directory.events(actor.account, period, before=before, limit=limit)
    else:
        about = Identity(actor.account, canonical_login_name(login_name))
        page = store.directory.events_about(about, period, before=before, limit=limit)
    shown = [describing.event(each) for each in page.entries if each.account == actor.account]
    return EventsAnswer(events=shown, cursor=cursors.make(page.next_after, caller=actor.person.sub, listed=listed))


def own_events(principal: Principal, *, cursor: str | None, limit: int, store: Store) -> EventsAnswer:
    """Return a page of the subscriber's own events; a namesake who was deleted before is somebody else."""
    sub = principal.subscriber.sub
    before = cursors.parse(cursor, caller=sub, listed=_OWN)
    identity = principal.subscriber.identity
    page = store.directory.events_about(identity, Period(None, None, None), before=before, limit=limit)
    own = [each for each in page.entries if each.subject is not None and each.subject.sub == sub]
    return EventsAnswer(
        events=[describing.event(each) for each in own],
        cursor=cursors.make(page.next_after, caller=sub, listed=_OWN),
    )
