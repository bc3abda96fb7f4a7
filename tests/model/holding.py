"""What a session's owner asks for: its end, its renewal, a step-up, and changes of one's own account."""

from tests.model.entering import SHORTEST, Entering
from tests.model.world import MINUTE, Answer, Session, Steps, refused


class Holding(Entering):
    """Everything that a refresh token or a bearer token opens, but the admin routes."""

    def refresh(self, token: int) -> Steps:
        """Rotate; the same token within 10 s gets the same successor, later it ends the session."""
        session, it = next((each, one) for each, one in self.sessions.items() if token in one.chain)
        if self._refuses(session):
            return refused("invalid_token")
        yield
        if self._refuses(session):
            return refused("invalid_token")
        if token == it.chain[-1]:
            it.chain.append(self.new())
            it.rotated = self.now
        elif token != it.chain[-2] or self.now - it.rotated > 10:
            it.ended = True
            self.record(it.name, "refresh_reuse failure")
            return refused("invalid_token")
        it.last_used = self.now
        return Answer(made=self._tokens(session, it.auth_time, mfa=it.mfa) | {"refresh_token": it.chain[-1]})

    def _refuses(self, session: int) -> bool:
        """Tell whether a session may not go on: over, idle, or weaker than what is asked for now."""
        it, person = self.sessions[session], self.living(session)
        policy = self.policies[it.name[0]]
        idle = self.now - it.last_used > policy.idle_minutes * MINUTE
        return person is None or idle or (not it.mfa and (policy.mfa_required or person.enrollment == "bound"))

    def me(self, bearer: int) -> Steps:
        """Who a token speaks for, read live."""
        person = self.bears(bearer)
        if person is None:
            return refused("invalid_token")
        return Answer(shown={"role": person.role, "recovery_codes_left": len(person.recovery_codes)})
        yield

    def logout(self, bearer: int) -> Steps:
        """End the session of a bearer token."""
        it = self.sessions[self.bearers[bearer].session]
        if self.bears(bearer) is None:
            return refused("invalid_token")
        yield
        self.record(it.name, *([] if it.ended else ["logout success"]))
        it.ended = True
        return Answer(status=204)

    def logout_by_refresh(self, token: int) -> Steps:
        """End the session of a refresh token: its current one, or the one before."""
        session, it = next((each, one) for each, one in self.sessions.items() if token in one.chain)
        if self.living(session) is None or token not in it.chain[-2:]:
            return refused("invalid_token")
        yield
        self.record(it.name, *([] if it.ended else ["logout success"]))
        it.ended = True
        return Answer(status=204)

    def step_up(self, bearer: int, code: str) -> Steps:
        """Prove a code again: the same windows, and five failures of this session in a row end it."""
        person, session = self.bears(bearer), self.bearers[bearer].session
        it = self.sessions[session]
        if person is None or it.failures >= 5:
            return refused("invalid_token")
        epoch = person.epoch
        yield
        if self._moved_on(session, epoch):
            return refused("invalid_token")
        charge = self._pay_guess(person, recovery=False)
        if isinstance(charge, str):
            return refused(charge)
        row, bound = person.run, {each: one.last for each, one in person.authenticators.items()}
        yield
        if it.ended or it.epoch != epoch or it.failures >= 5:
            return refused("invalid_token")
        it.failures += 1
        failures = it.failures
        yield
        found = self._judge(bound, code, it.name)
        if isinstance(found, dict):
            self.record(it.name, "step_up failure", *(["authenticator_disabled success"] if row == 50 else []))
            self._count_failure(it, failures)
            return refused("invalid_code", tries_left=5 - failures, **found)
        no = self._moved_on(session, epoch)
        if no:
            return no
        authenticator = person.authenticators[found[0]]
        if found[1] <= authenticator.last:
            return refused("conflict")
        authenticator.last, authenticator.used, person.run, it.failures, it.last_used = (
            found[1],
            self.now,
            0,
            0,
            self.now,
        )
        self._take_back(person, charge)
        self.record(it.name, "step_up success")
        return Answer(made=self._tokens(session, self.now, mfa=True))

    def _moved_on(self, session: int, epoch: int) -> Answer | None:
        """Return why a write in the name of a session is lost: it is over, or its owner has changed something in it."""
        person = self.living(session)
        if person is None:
            return refused("invalid_token")
        return None if person.epoch == epoch else refused("conflict")

    def _count_failure(self, it: Session, failures: int) -> None:
        if failures >= 5 and not it.ended:
            it.ended = True
            self.record(it.name, "session_ended success")

    # --- one's own account

    def add(self, bearer: int, ticket: int | None) -> Steps:
        """Begin a further authenticator, or a first one by the ticket rule of `/enroll`."""
        person, session = self.bears(bearer), self.bearers[bearer].session
        it = self.sessions[session]
        if person is None:
            return refused("invalid_token")
        if not self.is_fresh(bearer, person):
            return refused("step_up_required", max_age=300)
        begun = [each for each in person.challenges.values() if each.session == session and self.now < each.expires]
        too_many = len(person.authenticators) >= self.policies[it.name[0]].max_authenticators
        if too_many or sum(each.tries > 0 for each in begun) >= 3:
            return refused("conflict")
        epoch, proven = person.epoch, None if person.enrollment == "bound" else ticket
        if person.enrollment != "bound" and (ticket is not None or person.enrollment == "ticketed"):
            if it.failures >= 5:
                return refused("invalid_token")
            if not self._is_shown(person.enrollment_ticket, ticket):
                it.failures += 1
                self.record(it.name, "enrolled failure")
                self._count_failure(it, it.failures)
                return refused("ticket_invalid")
        yield
        if self.people.get(it.name) is not person or person.epoch != epoch or person.status != "active":
            return refused("conflict" if self.living(session) else "invalid_token")
        secret = self.new()
        challenge = self._open(it.name, "add", 900, secret=secret, ticket=proven, session=session)
        self.adds[challenge] = True
        return Answer(shown={"expires_in": 900}, made={"challenge": challenge, "secret": secret})

    def remove(self, bearer: int, authenticator: int) -> Steps:
        """Remove an authenticator; every other session ends, and the last one takes the recovery codes with it."""
        person, session = self.bears(bearer), self.bearers[bearer].session
        name = self.sessions[session].name
        if person is None:
            return refused("invalid_token")
        if not self.is_fresh(bearer, person):
            return refused("step_up_required", max_age=300)
        if authenticator not in person.authenticators:
            return refused("not_found")
        policy, is_last = self.policies[name[0]], len(person.authenticators) == 1
        if is_last and (policy.mfa_required or person.role == "admin"):
            return refused("conflict")
        epoch = person.epoch
        yield
        if self.living(session) is not person or person.epoch != epoch or authenticator not in person.authenticators:
            return refused("conflict" if self.living(session) else "invalid_token")
        del person.authenticators[authenticator]
        if is_last:
            person.enrollment = "ticketed" if policy.enrollment_ticket == "always" else "open"
            person.recovery_codes, person.run = [], 0
        self._change_epoch(person, surviving=session)
        self.record(name, "authenticator_removed success")
        return Answer(status=204)

    def renew(self, bearer: int) -> Steps:
        """Make a new set of recovery codes; the old one dies."""
        person, session = self.bears(bearer), self.bearers[bearer].session
        if person is None:
            return refused("invalid_token")
        if not self.is_fresh(bearer, person):
            return refused("step_up_required", max_age=300)
        if person.enrollment != "bound":
            return refused("conflict")
        epoch = person.epoch
        yield
        no = self._moved_on(session, epoch)
        if no:
            return no
        person.recovery_codes = [self.new() for _ in range(10)]
        self.record(self.sessions[session].name, "recovery_codes_renewed success")
        return Answer(shown={"recovery_codes_left": 10}, made={"recovery_codes": list(person.recovery_codes)})

    def change_password(self, bearer: int, current: str, password: str) -> Steps:
        """Change one's password; the other sessions, every challenge and a waiting password ticket are over."""
        person, session = self.bears(bearer), self.bearers[bearer].session
        name = self.sessions[session].name
        if person is None:
            return refused("invalid_token")
        if not self.is_fresh(bearer, person):
            return refused("step_up_required", max_age=300)
        back = self._pay_password(name)
        if back is None:
            return refused("too_many_attempts")
        if current != person.password:
            self.record(name, "password_changed failure")
            return refused("invalid_credentials")
        self.pace[name] -= back
        if len(password) < SHORTEST[self.policies[name[0]].mfa_required]:
            return refused("password_refused", reason="too_short")
        epoch = person.epoch
        yield
        no = self._moved_on(session, epoch)
        if no:
            return no
        person.password, person.password_ticket = password, None
        self._change_epoch(person, surviving=session)
        self.record(name, "password_changed success")
        return Answer(status=204)
