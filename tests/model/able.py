"""The requests that a subscriber, or its admin, can send right now, most with success where nothing meets them."""

from functools import cached_property

from tests.model.chosen import PASSWORDS, Chosen
from tests.model.observed import Request
from tests.model.world import Name, Policy


class Able:
    """Makes requests of a kind; what they need is had first, by requests of its own. None where that cannot be had."""

    def __init__(self, chosen: Chosen, name: Name) -> None:
        self._chosen = chosen
        self._name = name
        self._make = chosen.make

    def pair(self, *kinds: str) -> list[Request | None]:
        """Return a request of each kind.

        They are made twice: to have what they need, by which time passes, and then with the codes of the moment.
        """
        for kind in kinds:
            getattr(self, kind)()
        self._chosen._past_the_burned_step(self._name)
        return [getattr(self, kind)() for kind in kinds]

    # --- what they need

    @cached_property
    def _boss(self) -> int:
        return self._chosen._boss(self._name[0])

    @cached_property
    def _token(self) -> int | None:
        return self._chosen._fresh(self._name, 0)

    @cached_property
    def _here(self) -> int | None:
        return self._opened()

    @cached_property
    def _elsewhere(self) -> int | None:
        return self._opened()

    @cached_property
    def _added(self) -> int | None:
        if self._token is None:
            return None
        self._chosen._spaced(self._name)
        answer = self._chosen._run(self._make.add(self._name, self._token, self._chosen._ticket(self._name, 0)))
        challenge = answer.made.get("challenge")
        return challenge if isinstance(challenge, int) else None

    @cached_property
    def _two(self) -> bool:
        """Bind another authenticator beside the one there is, so that one of them can go."""
        if self._token is None or self._added is None:
            return False
        code = self._code(self._added)
        answer = self._chosen._run(self._make.verify(self._name, self._added, code, bearer=self._token))
        del self._added
        return answer.code == "ok"

    @cached_property
    def _ticket(self) -> int | None:
        answer = self._chosen._run(self._make.reset_password(self._name, self._boss))
        return self._chosen._ticket(self._name, 0) if answer.code == "ok" else None

    @cached_property
    def _chain(self) -> list[int] | None:
        token = self._token
        return None if token is None else self._chosen.world.sessions[self._chosen.world.bearers[token].session].chain

    def _opened(self) -> int | None:
        """Return a challenge that takes a code, if a login gives one."""
        chosen, name = self._chosen, self._name
        chosen._spaced(name)
        challenge = chosen._run(self._make.login(name, chosen.passwords[name])).made.get("challenge")
        if isinstance(challenge, int) and chosen.world.people[name].challenges[challenge].purpose == "enroll":
            answer = chosen._run(self._make.enroll(name, challenge, chosen._ticket(name, 0)))
            challenge = answer.made.get("challenge")
        return challenge if isinstance(challenge, int) else None

    def _code(self, challenge: int | None) -> str:
        return self._chosen._code(self._name, "right", self._chosen._secret(self._name, challenge))

    def _new_password(self) -> str:
        return PASSWORDS[2] if self._chosen.passwords[self._name] == PASSWORDS[1] else PASSWORDS[1]

    def _recovery(self, challenge: int | None, which: int) -> Request | None:
        codes = self._chosen.codes[self._name]
        if challenge is None or len(codes) <= which:
            return None
        return self._make.recover(self._name, challenge, codes[which])

    # --- before there is a session

    def login(self) -> Request | None:
        return self._make.login(self._name, self._chosen.passwords[self._name])

    def enroll(self) -> Request | None:
        return None if self._here is None else self._make.enroll(self._name, self._here, None)

    def verify(self) -> Request | None:
        return None if self._here is None else self._make.verify(self._name, self._here, self._code(self._here))

    def verify_elsewhere(self) -> Request | None:
        there = self._elsewhere
        return None if there is None else self._make.verify(self._name, there, self._code(there))

    def guess(self) -> Request | None:
        return None if self._here is None else self._make.verify(self._name, self._here, "000000")

    def recover(self) -> Request | None:
        return self._recovery(self._here, 0)

    def recover_elsewhere(self) -> Request | None:
        return self._recovery(self._elsewhere, 0)

    def recover_another(self) -> Request | None:
        return self._recovery(self._here, 1)

    def redeem(self) -> Request | None:
        return None if self._ticket is None else self._make.redeem(self._name, self._ticket, self._new_password())

    def redeem_another(self) -> Request | None:
        return None if self._ticket is None else self._make.redeem(self._name, self._ticket, PASSWORDS[0])

    # --- in a session

    def refresh(self) -> Request | None:
        return None if self._chain is None else self._make.refresh(self._name, self._chain[-1])

    def refresh_previous(self) -> Request | None:
        if self._chain is None:
            return None
        if len(self._chain) == 1:
            self._chosen._run(self._make.refresh(self._name, self._chain[-1]))
        return self._make.refresh(self._name, self._chain[max(-2, -len(self._chain))])

    def logout(self) -> Request | None:
        return None if self._token is None else self._make.logout(self._name, self._token)

    def step_up(self) -> Request | None:
        return None if self._token is None else self._make.step_up(self._name, self._token, self._code(None))

    def step_up_wrong(self) -> Request | None:
        return None if self._token is None else self._make.step_up(self._name, self._token, "000000")

    def add(self) -> Request | None:
        return None if self._token is None else self._make.add(self._name, self._token, None)

    def confirm_added(self) -> Request | None:
        if self._added is None:
            return None
        return self._make.verify(self._name, self._added, self._code(self._added), bearer=self._token)

    def remove(self) -> Request | None:
        authenticator = self._chosen._secret(self._name, None)
        if self._token is None or authenticator is None or not self._two:
            return None
        return self._make.remove(self._name, self._token, authenticator)

    def renew(self) -> Request | None:
        return None if self._token is None else self._make.renew(self._name, self._token)

    def change_password(self) -> Request | None:
        if self._token is None:
            return None
        current = self._chosen.passwords[self._name]
        return self._make.change_password(self._name, self._token, current, self._new_password())

    # --- by an admin

    def reset(self) -> Request | None:
        return self._make.reset(self._name, self._boss)

    def reset_password(self) -> Request | None:
        return self._make.reset_password(self._name, self._boss)

    def unlock(self) -> Request | None:
        return self._make.unlock(self._name, self._boss)

    def change_role(self) -> Request | None:
        person = self._chosen.world.people.get(self._name)
        role = "agent" if person is None or person.role == "admin" else "admin"
        return self._make.change(self._name, self._boss, role=role)

    def disable(self) -> Request | None:
        return self._make.change(self._name, self._boss, status="disabled")

    def delete(self) -> Request | None:
        return self._make.delete(self._name, self._boss)

    def invite(self) -> Request | None:
        return self._make.invite(self._name, self._boss, "agent")

    def policy(self) -> Request | None:
        before = self._chosen.world.policies[self._name[0]]
        after = Policy(mfa_required=not before.mfa_required, enrollment_ticket=before.enrollment_ticket)
        return self._make.replace_policy(self._name[0], self._boss, after)
