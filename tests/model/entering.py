"""What login, enrollment, codes, recovery codes and password tickets answer and change.

One generator for each request: what is charged and read, `yield` (another request may come between), what is written.
"""

from tests.model.world import Answer, Authenticator, Name, Person, Steps, World, matching, refused

SHORTEST = {True: 8, False: 15}  # a password beside a second factor, and alone


class Entering(World):
    """Everything before there is a session."""

    def login(self, name: Name, password: str) -> Steps:
        """Bound is always asked, ticketed must enroll, open is the policy's to decide."""
        back, person = self._pay_password(name), self.people.get(name)
        if back is None:
            return refused("too_many_attempts")
        if person is None or person.status != "active" or person.password != password:
            self.record(name, "login failure")
            return refused("invalid_credentials")
        self.pace[name] -= back
        yield
        person, policy = self.people.get(name), self.policies[name[0]]
        if person is None or person.status != "active" or person.password != password:
            return refused("invalid_credentials")
        if person.enrollment == "bound":
            works = {"totp": person.run < 50, "recovery_code": bool(person.recovery_codes)}
            shown = {"next": "verify", "expires_in": 300, "methods": [each for each in works if works[each]]}
            return Answer(shown=shown, made={"challenge": self._open(name, "verify", 300)})
        if person.enrollment == "ticketed" or policy.mfa_required:
            shown = {"next": "enroll", "expires_in": 900, "ticket_required": person.enrollment == "ticketed"}
            return Answer(shown=shown | {"methods": []}, made={"challenge": self._open(name, "enroll", 900)})
        if len(password) < SHORTEST[False]:
            return self._longer_password(person)
        self.record(name, "login success")
        return Answer(shown={"next": "done"}, made=self._log_in(name, mfa=False))

    def _longer_password(self, person: Person) -> Answer:
        """What is too short alone buys a ticket for a longer one, unless an admin has given one."""
        waiting = person.password_ticket
        if waiting and self.now + 900 < waiting[1]:
            return Answer(shown={"next": "password", "ticket": None})
        person.password_ticket = (self.new(), self.now + 900)
        return Answer(shown={"next": "password", "expires_in": 900}, made={"ticket": person.password_ticket[0]})

    def enroll(self, challenge: int, ticket: int | None) -> Steps:
        """A secret waits in a `confirm` challenge that takes the other's place, with its time and its tries."""
        name, person = self.holder(challenge)
        if person is None or person.challenges[challenge].purpose not in ("enroll", "confirm"):
            return refused("challenge_invalid")
        held, epoch = person.challenges[challenge], person.epoch
        if held.made >= 3:
            return refused("challenge_invalid")
        tries, proven = held.tries, held.ticket if ticket is None else ticket
        needs_none = ticket is None and (held.secret is not None or person.enrollment != "ticketed")
        if not needs_none and not self._is_shown(person.enrollment_ticket, ticket):
            held.tries -= 1
            self.record(name, "enrolled failure")
            return refused("ticket_invalid")
        yield
        person = self.holder(challenge)[1]
        if person is None or person.epoch != epoch or held.tries != tries:
            current = self.people.get(name)
            return refused("conflict" if current and current.enrollment == "bound" else "challenge_invalid")
        if proven is not None and not self._is_shown(person.enrollment_ticket, proven):
            lapsed = person.enrollment_ticket is not None and person.enrollment_ticket[0] == proven
            return refused("ticket_invalid" if lapsed else "challenge_invalid")
        del person.challenges[challenge]
        secret, after = self.new(), self.new()
        held.purpose, held.secret, held.ticket, held.made = "confirm", secret, proven, held.made + 1
        person.challenges[after] = held
        return Answer(shown={"expires_in": held.expires - self.now}, made={"challenge": after, "secret": secret})

    def verify(self, challenge: int, code: str, authenticator: int | None = None, bearer: int | None = None) -> Steps:
        """A code: paid for first, judged by its time step, which must rise."""
        name, person = self.holder(challenge)
        held = person.challenges[challenge] if person else None
        if person is None or held is None or held.purpose == "enroll":
            return refused("challenge_invalid")
        if held.purpose == "add" and not (
            bearer and self.bears(bearer) and self.bearers[bearer].session == held.session
        ):
            return refused("invalid_token")
        charge = self._pay_guess(person, recovery=False)
        if isinstance(charge, str):
            return refused(charge)
        held.tries -= 1
        tries, epoch, row = held.tries, person.epoch, person.run
        codes = len(person.recovery_codes)  # answers tell what was left when the guess was paid for
        bound = {each: it.last for each, it in person.authenticators.items() if authenticator in (None, each)}
        candidates = bound if held.secret is None else {held.secret: -1}
        yield
        found = self._judge(candidates, code, name)
        event = {"verify": "verify", "confirm": "enrolled", "add": "authenticator_added"}[held.purpose]
        if isinstance(found, dict):
            disables = row == 50 and held.purpose != "confirm"
            self.record(name, f"{event} failure", *(["authenticator_disabled success"] if disables else []))
            return refused("invalid_code", tries_left=tries, **found)
        current = self.people.get(name)
        same = current is person and current.epoch == epoch and current.status == "active"
        if held.purpose == "verify":
            if not same or challenge not in person.challenges:
                return refused("challenge_invalid")
            return self._accept(name, person, challenge, charge, *found, tries=tries, codes=codes)
        return self._bind(name, challenge, charge, *found, same, codes)

    def _judge(self, candidates: dict[int, int], code: str, name: Name) -> tuple[int, int] | dict[str, object]:
        """Return the authenticator and the step, or what the wrong code is told."""
        now, hints = self.now // 30, set[str]()
        for each, last in candidates.items():
            steps = matching(self.secrets[each], code, self.now)
            fresh = [one for one in steps if abs(one - now) <= self.policies[name[0]].tolerance_steps and one > last]
            if fresh:
                return each, fresh[0]
            hints |= {"replayed" if one <= last else "clock_behind" if one < now else "clock_ahead" for one in steps}
        told = next((each for each in ("replayed", "clock_behind") if each in hints), None)
        return {} if "clock_ahead" in hints and told is None else {"hint": told}  # how it is told has its own tests

    def _accept(
        self, name: Name, person: Person, challenge: int, charge: int, used: int, step: int, tries: int, codes: int
    ) -> Answer:
        authenticator = person.authenticators[used]
        if step <= authenticator.last:
            self.record(name, "verify failure")
            return refused("invalid_code", tries_left=tries, hint="replayed")
        authenticator.last, authenticator.used = step, self.now
        del person.challenges[challenge]
        person.run = 0
        self._take_back(person, charge)
        self.record(name, "verify success")
        return Answer(shown={"next": "done", "recovery_codes_left": codes}, made=self._log_in(name, mfa=True))

    def _bind(self, name: Name, challenge: int, charge: int, secret: int, step: int, same: bool, codes: int) -> Answer:
        """Bind what a `confirm` or `add` challenge holds: ticket, challenge and binding change in one write."""
        person = self.people.get(name)
        held = person.challenges.get(challenge) if person and same else None
        if person is None or held is None:
            lost_to_a_binding = person is not None and person.enrollment == "bound"
            return refused("conflict" if lost_to_a_binding and not self.adds.get(challenge) else "challenge_invalid")
        if held.session is not None and self.living(held.session) is None:
            return refused("challenge_invalid")
        if person.enrollment == "bound" and len(person.authenticators) >= self.policies[name[0]].max_authenticators:
            return refused("conflict")
        if person.enrollment != "bound" and not self._opens(person, held.ticket):
            lapsed = person.enrollment_ticket is not None and person.enrollment_ticket[0] == held.ticket
            self.record(name, *(["enrolled failure"] if lapsed else []))
            return refused("ticket_invalid" if lapsed else "challenge_invalid")
        del person.challenges[challenge]
        self._take_back(person, charge)
        person.authenticators[secret] = Authenticator(step, self.now)
        if person.enrollment == "bound":
            person.run -= 1
            self.record(name, "authenticator_added success")
            return Answer(shown={"recovery_codes_left": codes})
        person.enrollment, person.run = "bound", 0
        person.password_ticket = person.enrollment_ticket = None
        self._change_epoch(person, surviving=held.session)
        self.record(name, "enrolled success")
        if held.session is not None:
            return Answer(shown={"recovery_codes_left": 0})
        person.recovery_codes = [self.new() for _ in range(10)]
        return Answer(
            shown={"next": "done", "recovery_codes_left": 10},
            made=self._log_in(name, mfa=True) | {"recovery_codes": list(person.recovery_codes)},
        )

    def _opens(self, person: Person, ticket: int | None) -> bool:
        """Tell whether a first binding may be: the ticket that was shown still lives, or none is needed."""
        return person.enrollment == "open" if ticket is None else self._is_shown(person.enrollment_ticket, ticket)

    def recover(self, challenge: int, recovery_code: int) -> Steps:
        """A recovery code: its own window, and good once; a disabled authenticator does not close this door."""
        name, person = self.holder(challenge)
        held = person.challenges[challenge] if person else None
        if person is None or held is None or held.purpose == "enroll":
            return refused("challenge_invalid")
        if held.purpose != "verify":
            return refused("invalid_request")
        charge = self._pay_guess(person, recovery=True)
        if isinstance(charge, str):
            return refused(charge)
        held.tries -= 1
        epoch, tries, is_right = person.epoch, held.tries, recovery_code in person.recovery_codes
        codes = len(person.recovery_codes) - 1
        yield
        if not is_right:
            self.record(name, "recovery_code_used failure")
            return refused("invalid_code", tries_left=tries, hint=None)
        stands = self.people.get(name) is person and person.epoch == epoch and challenge in person.challenges
        if not stands or recovery_code not in person.recovery_codes:
            return refused("challenge_invalid")
        del person.challenges[challenge]
        person.recovery_codes.remove(recovery_code)
        self._take_back(person, charge)
        self.record(name, "recovery_code_used success")
        return Answer(shown={"recovery_codes_left": codes}, made=self._log_in(name, mfa=True))

    def redeem(self, name: Name, ticket: int, password: str) -> Steps:
        """Set a password by a ticket: shape, ticket, rules; every session and challenge is over afterwards."""
        back, person = self._pay_password(name), self.people.get(name)
        if back is None:
            return refused("too_many_attempts")
        if person is None or person.status == "disabled" or not self._is_shown(person.password_ticket, ticket):
            self.record(name, "password_set failure")
            return refused("ticket_invalid")
        self.pace[name] -= back
        if len(password) < SHORTEST[self.policies[name[0]].mfa_required]:
            return refused("password_refused", reason="too_short")
        epoch = person.epoch
        yield
        person = self.people.get(name)
        ticket_stands = person is not None and self._is_shown(person.password_ticket, ticket)
        if person is None or person.epoch != epoch or not ticket_stands:
            return refused("conflict" if ticket_stands else "ticket_invalid")
        person.password, person.status, person.password_ticket = password, "active", None
        self._change_epoch(person)
        self.record(name, "password_set success")
        return Answer(status=204)
