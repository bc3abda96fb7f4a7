"""Random sequences of requests by subscribers of two accounts, two at once among them, under a clock that jumps."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model.chosen import AWAY, NAMES, PASSWORDS
from tests.model.pairs import Pairs
from tests.model.world import DAY, HOUR, Name, Policy

JUMPS = [
    1,
    9,
    10,
    11,
    30,
    60,
    90,
    299,
    300,
    301,
    601,
    899,
    900,
    901,
    1201,
    HOUR + 1,
    13 * HOUR,
    DAY,
    -1,
    -30,
    -61,
    -400,
]

who = st.sampled_from(NAMES)
pick = st.integers(0, 4)  # how far back among the things there are; 0 is the youngest
password = st.sampled_from(PASSWORDS)
code_kind = st.sampled_from(["right", "right", "right", "right", *AWAY, "wrong", "again", "other"])
one_of = st.sampled_from


class Machine(Pairs):
    """What may happen; after each request the service is compared with the model."""

    # --- rules: logging in

    @rule(name=who, typed=one_of([None, None, *PASSWORDS]))
    def login(self, name: Name, typed: str | None) -> None:
        """A password, right or not."""
        self._spaced(name)
        self._run(self.make.login(name, typed or self.passwords[name]))

    @rule(name=who)
    def sign_in(self, name: Name) -> None:
        """All steps, with what its owner has."""
        self._spaced(name)
        self._sign_in(name)

    @rule(name=who, back=pick, ticket=pick)
    def enroll(self, name: Name, back: int, ticket: int) -> None:
        """A secret, for a challenge of any kind and age."""
        challenge = self._challenge(name, back)
        if challenge is not None:
            self._run(self.make.enroll(name, challenge, self._ticket(name, ticket)))

    @rule(name=who, back=pick, kind=code_kind, which=one_of([None, None, 0, 1]), bearer=pick)
    def guess(self, name: Name, back: int, kind: str, which: int | None, bearer: int) -> None:
        """A code, for a challenge of any kind and age."""
        challenge = self._challenge(name, back)
        if challenge is None:
            return
        secret = self._secret(name, challenge, which or 0)
        person = self.world.people.get(name)
        named = secret if which is not None and person and secret in person.authenticators else None
        token = self._bearer(name, bearer) if bearer < 4 else None
        self._run(self.make.verify(name, challenge, self._code(name, kind, secret), named, token))

    @rule(name=who, times=st.integers(3, 9))
    def hammer(self, name: Name, times: int) -> None:
        """Wrong codes, one after the other, with as many logins as it takes."""
        for turn in range(times):
            challenge = self._challenge(name, 0)
            if turn % 5 == 0 or challenge is None:
                self._spaced(name)
                made = self._run(self.make.login(name, self.passwords[name])).made.get("challenge")
                challenge = made if isinstance(made, int) else challenge
            if challenge is not None:
                self._run(self.make.verify(name, challenge, "000000"))

    @rule(name=who, back=pick, which=st.integers(0, 12))
    def recover(self, name: Name, back: int, which: int) -> None:
        """A recovery code: unused, used, of an older set, or somebody else's."""
        challenge, codes = self._challenge(name, back), self.codes[name] or self.codes[NAMES[1]]
        if challenge is not None:
            self._run(self.make.recover(name, challenge, codes[which % len(codes)]))

    @rule(name=who, ticket=pick, new=password, asked=st.booleans())
    def redeem(self, name: Name, ticket: int, new: str, asked: bool) -> None:
        """A ticket for another password, the one that was just asked for or what there is."""
        if asked:
            self._run(self.make.reset_password(name, self._boss(name[0])))
        number = self._ticket(name, ticket)
        if number is not None and self._run(self.make.redeem(name, number, new)).code == "ok":
            self.passwords[name] = new

    # --- rules: sessions

    @rule(name=who, back=st.integers(0, 3), session=pick, again_after=one_of([None, None, 0, 9, 10, 11, 20]))
    def refresh(self, name: Name, back: int, session: int, again_after: int | None) -> None:
        """A refresh token: the current one, the one before, an older one; the same one again, soon or later."""
        self._fresh(name, session)
        chains = [it.chain for it in self.world.sessions.values() if it.name == name][::-1]
        if not chains:
            return
        chain = chains[session % len(chains)]
        token, before = chain[max(-len(chain), -1 - back)], len(chain)
        self._run(self.make.refresh(name, token))
        if again_after is not None and len(chain) > before:
            self.service.clock.advance(again_after)
            self.taken["reuse"] += self._run(self.make.refresh(name, token)).code != "ok"

    @rule(name=who, back=pick)
    def me(self, name: Name, back: int) -> None:
        """Whether a token still opens anything."""
        token = self._bearer(name, back)
        if token is not None:
            self._run(self.make.me(name, token))

    @rule(name=who, back=pick, by_refresh=st.booleans())
    def logout(self, name: Name, back: int, by_refresh: bool) -> None:
        """The end of a session."""
        token = self._bearer(name, back)
        if token is None:
            return
        chain = self.world.sessions[self.world.bearers[token].session].chain
        request = self.make.logout_by_refresh(name, chain[-1 - back % len(chain)]) if by_refresh else None
        self._run(request or self.make.logout(name, token))

    @rule(name=who, back=pick, kind=code_kind, times=one_of([1, 1, 1, 5]))
    def step_up(self, name: Name, back: int, kind: str, times: int) -> None:
        """The same proof again, within a session."""
        for _ in range(times):
            token = self._fresh(name, back)
            if token is not None:
                self._past_the_burned_step(name)
                self._run(self.make.step_up(name, token, self._code(name, kind, self._secret(name, None))))

    # --- rules: one's own account

    @rule(name=who, back=one_of([0, 0, 0, 1, 2]), ticket=pick, goes_on=st.booleans())
    def add(self, name: Name, back: int, ticket: int, goes_on: bool) -> None:
        """A further authenticator."""
        token = self._fresh(name, back)
        if token is None:
            return
        self._spaced(name)
        challenge = self._run(self.make.add(name, token, self._ticket(name, ticket))).made.get("challenge")
        if goes_on and isinstance(challenge, int):
            code = self._code(name, "right", self._secret(name, challenge))
            self._run(self.make.verify(name, challenge, code, bearer=token))

    @rule(name=who, back=one_of([0, 0, 0, 1, 2]), which=pick)
    def remove(self, name: Name, back: int, which: int) -> None:
        """One authenticator less."""
        token, authenticator = self._fresh(name, back), self._secret(name, None, which)
        if token is not None and authenticator is not None:
            self._run(self.make.remove(name, token, authenticator))

    @rule(name=who, back=one_of([0, 0, 0, 1, 2]))
    def renew(self, name: Name, back: int) -> None:
        """Other recovery codes."""
        token = self._fresh(name, back)
        if token is not None:
            self._run(self.make.renew(name, token))

    @rule(name=who, back=one_of([0, 0, 0, 1, 2]), typed=one_of([None, None, None, *PASSWORDS]), new=password)
    def change_password(self, name: Name, back: int, typed: str | None, new: str) -> None:
        """Another password, in a session."""
        token = self._fresh(name, back)
        if token is not None:
            answer = self._run(self.make.change_password(name, token, typed or self.passwords[name], new))
            self.passwords[name] = new if answer.code == "ok" else self.passwords[name]

    # --- rules: administration

    @rule(name=who, other=st.integers(0, 20), all_of_them=st.booleans())
    def show(self, name: Name, other: int, all_of_them: bool) -> None:
        """What an admin sees: one subscriber, or the list."""
        actor = self._actor(name, other)
        self._run(self.make.listed(name, actor) if all_of_them else self.make.show(name, actor))

    @rule(name=who, other=st.integers(0, 20))
    def reset(self, name: Name, other: int) -> None:
        """The reset after a lost phone."""
        self._run(self.make.reset(name, self._actor(name, other)))

    @rule(name=who, other=st.integers(0, 20))
    def reset_password(self, name: Name, other: int) -> None:
        """A ticket for another password."""
        self._run(self.make.reset_password(name, self._actor(name, other)))

    @rule(name=who, other=st.integers(0, 20))
    def unlock(self, name: Name, other: int) -> None:
        """The budgets, as new."""
        self._run(self.make.unlock(name, self._actor(name, other)))

    @rule(
        name=who,
        other=st.integers(0, 20),
        status=one_of(["disabled", "active", "active", None]),
        role=one_of([None, "agent", "admin"]),
    )
    def change(self, name: Name, other: int, status: str | None, role: str | None) -> None:
        """Another status, another role, or both."""
        if status or role:
            self._run(self.make.change(name, self._actor(name, other), status, role))

    @rule(name=who, other=st.integers(0, 20), role=one_of(["agent", "agent", "admin"]), first=st.booleans())
    def invite(self, name: Name, other: int, role: str, first: bool) -> None:
        """An invitation, of a name that is deleted first or of whatever there is."""
        actor = self._actor(name, other)
        if first and name in self.world.people:
            self._run(self.make.delete(name, actor))
        if self.world.sessions[self.world.bearers[actor].session].name[0] == name[0]:
            self._run(self.make.invite(name, actor, role))

    @rule(
        account=one_of(["acme", "globex"]),
        mfa=st.booleans(),
        ticket=one_of(["never", "after_reset", "always"]),
        tolerance=one_of([0, 1, 1]),
        most=one_of([1, 3]),
    )
    def policy(self, account: str, mfa: bool, ticket: str, tolerance: int, most: int) -> None:
        """Another policy."""
        self._run(self.make.replace_policy(account, self._boss(account), Policy(mfa, ticket, tolerance, most)))

    # --- rules: time

    @rule(seconds=one_of(JUMPS))
    def time_passes(self, seconds: int) -> None:
        """The clock moves, back as well."""
        self.service.clock.advance(seconds)
