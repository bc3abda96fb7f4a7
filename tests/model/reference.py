"""What every request answers and changes, after api.md and storage.md alone: the model the service is held against.

`world` is who there is and what they hold; `entering`, `holding` and this module are the requests.
"""

from tests.model.holding import Holding
from tests.model.world import DAY, HOUR, MINUTE, Answer, Name, Person, Policy, Steps, refused

FOREVER = 10**12


class Reference(Holding):
    """The service, small. Of the admin's writes each checks the actor once more, in the transaction."""

    def _acting(self, bearer: int, name: Name, max_age: int, *, about_one: bool = True) -> Answer | None:
        """Return why an admin may not act; None where that is fine."""
        actor, it = self.bears(bearer), self.bearers[bearer]
        if actor is None:
            return refused("invalid_token")
        if actor.role != "admin" or not it.mfa:
            return refused("forbidden")
        if self.now - it.auth_time > max_age:
            return refused("step_up_required", max_age=max_age)
        own = self.sessions[it.session].name
        if about_one and (own[0] != name[0] or name not in self.people):
            return refused("not_found")
        return refused("forbidden") if about_one and own == name else None

    def _acts(self, bearer: int) -> bool:
        actor = self.living(self.bearers[bearer].session)
        return actor is not None and actor.role == "admin"

    def _standing(self, bearer: int, name: Name, seen: tuple[object, ...]) -> Answer | None:
        """Return why a write is lost: the subject is not as it was read, or the actor is an admin no more."""
        person = self.people.get(name)
        if person is None:
            return refused("not_found")
        if seen != _seen(person):
            return refused("conflict")
        return None if self._acts(bearer) else refused("invalid_token")

    def show(self, bearer: int, name: Name) -> Steps:
        """One subscriber, as an admin sees it; oneself as well."""
        no = self._acting(bearer, name, FOREVER, about_one=False)
        if no:
            return no
        if self.sessions[self.bearers[bearer].session].name[0] != name[0] or name not in self.people:
            return refused("not_found")
        person = self.people[name]
        disabled, left = person.run >= 50, len(person.recovery_codes)
        return Answer(
            shown=_line(name, person)
            | {"enrollment": person.enrollment, "authenticators_disabled": disabled, "recovery_codes_left": left}
        )
        yield

    def listed(self, bearer: int) -> Steps:
        """All of the admin's account, in order of login name."""
        no = self._acting(bearer, ("", ""), FOREVER, about_one=False)
        if no:
            return no
        account = self.sessions[self.bearers[bearer].session].name[0]
        own = sorted(name for name in self.people if name[0] == account)
        lines = [_line(name, self.people[name]) | {"display_name": None} for name in own]
        return Answer(shown={"subscribers": lines, "cursor": None})
        yield

    def reset(self, bearer: int, name: Name) -> Steps:
        """The reset: authenticators, recovery codes, challenges, sessions, budgets and both tickets go."""
        no = self._acting(bearer, name, 15 * MINUTE)
        if no:
            return no
        person = self.people[name]
        role, without = person.role, self.policies[name[0]].enrollment_ticket == "never" and person.role != "admin"
        yield
        if self.people.get(name) is not person:
            return refused("not_found")
        if person.role != role or not self._acts(bearer):
            return refused("conflict" if person.role != role else "invalid_token")
        ticket = None if without else (self.new(), self.now + DAY)
        person.authenticators.clear()
        person.recovery_codes = []
        for window in (person.recent, person.day, person.recovery_recent):
            window.clear()
        person.run, person.password_ticket, person.enrollment_ticket = 0, None, ticket
        person.enrollment = "open" if without else "ticketed"
        self._change_epoch(person)
        self.record(name, "reset success")
        if ticket is None:
            return Answer(shown={"ticket": None, "expires_at": None})
        return Answer(shown={"expires_at": ticket[1]}, made={"ticket": ticket[0]})

    def reset_password(self, bearer: int, name: Name) -> Steps:
        """A ticket for `/password`; for who has never been in it opens the enrollment as well."""
        no = self._acting(bearer, name, 15 * MINUTE)
        if no:
            return no
        person = self.people[name]
        if person.status == "disabled":
            return refused("conflict")
        seen = _seen(person)
        yield
        no = self._standing(bearer, name, seen)
        if no:
            return no
        person.password_ticket = (self.new(), self.now + DAY)
        if person.last_login is None and person.enrollment != "bound":
            person.enrollment_ticket = person.password_ticket
        self.record(name, "password_reset success")
        return Answer(shown={"expires_at": self.now + DAY}, made={"ticket": person.password_ticket[0]})

    def unlock(self, bearer: int, name: Name) -> Steps:
        """Clear the budgets; nothing is removed."""
        no = self._acting(bearer, name, 15 * MINUTE)
        if no:
            return no
        person, seen = self.people[name], _seen(self.people[name])
        yield
        no = self._standing(bearer, name, seen)
        if no:
            return no
        for window in (person.recent, person.day, person.recovery_recent):
            window.clear()
        person.run, self.pace[name] = 0, 0
        self.record(name, "unlocked success")
        return Answer(shown={"enrolled": person.enrollment == "bound"})

    def change(self, bearer: int, name: Name, status: str | None, role: str | None) -> Steps:
        """Another status or role ends every session and challenge; disabling voids the tickets."""
        no = self._acting(bearer, name, 15 * MINUTE if role is None else 5 * MINUTE)
        if no:
            return no
        person = self.people[name]
        after = (status or person.status, role or person.role)
        promoted = after[1] == "admin" and person.role == "agent" and person.enrollment != "bound"
        enabled = after[0] == "active" and person.status != "active"
        if promoted or (enabled and (person.status == "invited" or person.password is None)):
            return refused("conflict")
        seen = _seen(person)
        changes = {"status_changed": after[0] != person.status, "role_changed": after[1] != person.role}
        if not any(changes.values()):
            return Answer(shown={"status": person.status, "role": person.role})
        yield
        no = self._standing(bearer, name, seen)
        if no:
            return no
        person.status, person.role = after
        if person.status == "disabled":
            person.password_ticket = person.enrollment_ticket = None
        self._change_epoch(person)
        self.record(name, *(f"{event} success" for event, happened in changes.items() if happened))
        return Answer(shown={"status": person.status, "role": person.role})

    def delete(self, bearer: int, name: Name) -> Steps:
        """Remove a subscriber and what it holds; the audit stays."""
        no = self._acting(bearer, name, 15 * MINUTE)
        if no:
            return no
        seen = _seen(self.people[name])
        yield
        no = self._standing(bearer, name, seen)
        if no:
            return no
        del self.people[name]
        self.record(name, "deleted success")
        return Answer(status=204)

    def invite(self, bearer: int, name: Name, role: str) -> Steps:
        """A new subscriber, or a new ticket for one who is invited still: one ticket in both slots."""
        no = self._acting(bearer, name, 15 * MINUTE if role == "agent" else 5 * MINUTE, about_one=False)
        if no:
            return no
        before, policy = self.people.get(name), self.policies[name[0]]
        if before is not None and before.status != "invited":
            return refused("conflict")
        epoch = before.epoch if before else None
        yield
        person = self.people.get(name)
        if (person.epoch if person else None) != epoch:
            return refused("conflict")
        if not self._acts(bearer):
            return refused("invalid_token")
        ticket = (self.new(), self.now + 72 * HOUR)
        person = self.people.setdefault(name, Person(status="invited"))
        if role == "admin" or policy.enrollment_ticket == "always":
            person.enrollment = "ticketed"
        person.role, person.password_ticket, person.enrollment_ticket = role, ticket, ticket
        self._change_epoch(person)
        self.record(name, "invited success")
        return Answer(status=201, shown={"expires_at": ticket[1]}, made={"ticket": ticket[0]})

    def replace_policy(self, bearer: int, account: str, policy: Policy) -> Steps:
        """Replace the policy of the admin's account."""
        no = self._acting(bearer, (account, ""), 5 * MINUTE, about_one=False)
        if no:
            return no
        yield
        if not self._acts(bearer):
            return refused("invalid_token")
        self.policies[account] = policy
        self.record((account, ""), "policy_changed success")
        return Answer()


def _line(name: Name, it: Person) -> dict[str, object]:
    enrolled = it.enrollment == "bound"
    of_the_person = {"role": it.role, "status": it.status, "enrolled": enrolled, "last_login_at": it.last_login}
    return {"login_name": name[1]} | of_the_person


def _seen(person: Person) -> tuple[object, ...]:
    return (id(person), person.epoch, person.status, person.role)
