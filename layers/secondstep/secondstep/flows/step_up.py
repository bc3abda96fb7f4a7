"""Step up: authenticate again within a living session (RFC 9470); five wrong in a row end it.

The guesses are charged to the same budgets as at `/verify`, and to the session. The fresh `auth_time` lives in the new
tokens only; a browser has none, so there the session itself bears it.
"""

from secondstep.audit import Event, EventName, Outcome, event_about
from secondstep.authenticators import password, recovery_codes
from secondstep.bearer import Principal, lost_race
from secondstep.context import RequestContext
from secondstep.errors import InvalidCode, InvalidCredentials, InvalidRequest, InvalidToken
from secondstep.evaluation import Accepted, disabling, evaluate
from secondstep.explanation import Explanation, explain
from secondstep.keys import SealKey
from secondstep.session import (
    PASSWORD_AND_CODE,
    PASSWORD_AND_RECOVERY_CODE,
    PASSWORD_ONLY,
    Session,
)
from secondstep.store import Store
from secondstep.store.charges import CODES, RECOVERY_CODES, Budget, Charge, behind_session
from secondstep.store.expression import Write
from secondstep.store.sessions import SessionStale
from secondstep.throttle import STEP_UP_FAILURES

type Factors = tuple[str, ...]


class StepUp:
    """One attempt to step up; what it stands on is read live before. Each way returns the factors it proves."""

    def __init__(self, principal: Principal, *, store: Store, context: RequestContext) -> None:
        self._principal = principal
        self._session = principal.session
        self._subscriber = principal.subscriber
        self._store = store
        self._context = context

    def by_code(self, presented_code: str, authenticator_id: str | None, seal_key: SealKey) -> Factors:
        """Accept a code of a bound authenticator: charged first, its step burned, all in the session's name."""
        charge, session = self._pay(CODES)
        policy = self._store.accounts.policy(charge.subscriber.account, self._context.now)
        found = evaluate(presented_code, charge, authenticator_id, policy, seal_key=seal_key, context=self._context)
        if isinstance(found, Accepted):
            burned = self._store.subscribers.code_burned(charge, *found, self._context.now)
            return self._accept(burned, session, PASSWORD_AND_CODE)
        explained = explain(found, None, tries_left=_left(session), now=self._context.now)
        raise self._refused(session, explained, *disabling(charge, self._context))

    def by_recovery_code(self, presented_code: str) -> Factors:
        """Accept a recovery code: removed from the set by the write that accepts it."""
        characters = recovery_codes.parse(presented_code)
        if characters is None:
            raise InvalidRequest("must be sixteen characters in groups of four", field="recovery_code")
        charge, session = self._pay(RECOVERY_CODES)
        held = charge.subscriber
        code_hash = recovery_codes.match(characters, held.sub, held.recovery_codes)
        if code_hash is None:
            raise self._refused(session, Explanation(InvalidCode(tries_left=_left(session)), "wrong", None))
        removed = self._store.subscribers.recovery_code_removed(charge, code_hash)
        return self._accept(removed, session, PASSWORD_AND_RECOVERY_CODE)

    def by_password(self, presented: str) -> Factors:
        """Accept the password, where no authenticator is bound; it is charged to the name's password budget."""
        if self._subscriber.is_bound:
            raise InvalidRequest("an authenticator is bound: send its code", field="password")
        paid = self._store.passwords.charge_name(self._session.subscriber_hash, self._context.now)
        session = self._store.sessions.charge_step_up(self._session, self._context.now)
        if not password.match(presented, self._subscriber.password_hash):
            self._refused(session, Explanation(InvalidCode(tries_left=_left(session)), "wrong", None))
            raise InvalidCredentials
        self._store.passwords.give_back(paid, self._context.now)
        return self._accept(self._store.subscribers.unbound(self._subscriber), session, PASSWORD_ONLY)

    def _pay(self, budget: Budget) -> tuple[Charge, Session]:
        if self._session.step_up_failures >= STEP_UP_FAILURES:
            raise InvalidToken  # nothing more is evaluated in this session, so nothing more is charged to its owner
        gate = behind_session(self._session, self._context.now)
        charge = self._store.charges.charge(self._session.subscriber_hash, gate, budget, self._context.now)
        return charge, self._store.sessions.charge_step_up(self._session, self._context.now)

    def _accept(self, proof: Write, session: Session, amr: tuple[str, ...]) -> Factors:
        event = self._event(Outcome.SUCCESS)
        try:
            self._store.sessions.accept_step_up(session, proof, amr, event, self._context.now)
        except SessionStale as stale:  # the same code twice in one moment: the session may well live
            raise lost_race(self._principal, self._store, self._context) from stale
        return amr

    def _refused(self, session: Session, found: Explanation, *more: Event) -> InvalidCode:
        """Record the failure; the fifth in a row ends the session in the same transaction."""
        events = [self._event(Outcome.FAILURE, why=found.why), *more]
        if session.step_up_failures < STEP_UP_FAILURES:
            self._store.subscribers.record(*events)
        else:
            ended = event_about(
                self._subscriber,
                EventName.SESSION_ENDED,
                Outcome.SUCCESS,
                self._context,
                detail={"sid": session.sid, "why": "step_up"},
            )
            self._store.sessions.end(session, *events, ended)
        return found.refusal

    def _event(self, outcome: Outcome, **detail: str) -> Event:
        return event_about(self._subscriber, EventName.STEP_UP, outcome, self._context, detail=detail)


def _left(session: Session) -> int:
    return STEP_UP_FAILURES - session.step_up_failures
