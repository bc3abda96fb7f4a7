"""Two requests about one subscriber, one in the middle of the other: those that contend for the same thing."""

import itertools

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model.able import Able
from tests.model.chosen import NAMES, PASSWORDS, Chosen
from tests.model.world import MINUTE, Name

type Pair = tuple[str, str]

# What is contended for: a challenge, a time step, a recovery code.
PROOFS: list[Pair] = [
    ("verify", "verify_elsewhere"),
    ("verify", "verify"),
    ("verify", "recover"),
    ("recover", "recover_elsewhere"),
    ("recover", "recover_another"),
    ("verify", "step_up"),
    ("step_up", "step_up"),
    ("verify", "guess"),
    ("guess", "guess"),
    ("step_up", "step_up_wrong"),
    ("login", "verify"),
]
# A refresh token, a ticket, a password, a set of recovery codes.
HOLDINGS: list[Pair] = [
    ("refresh", "refresh"),
    ("refresh", "refresh_previous"),
    ("refresh", "logout"),
    ("refresh", "step_up"),
    ("redeem", "reset_password"),
    ("redeem", "redeem_another"),
    ("redeem", "login"),
    ("change_password", "redeem"),
    ("change_password", "login"),
    ("change_password", "refresh"),
    ("renew", "renew"),
    ("renew", "recover"),
    ("add", "add"),
    ("confirm_added", "confirm_added"),
    ("confirm_added", "logout"),
    ("confirm_added", "remove"),
    ("remove", "verify"),
    ("remove", "step_up"),
]
ENDINGS = ["reset", "change_role", "delete", "redeem"]
MORE_ENDINGS = [*ENDINGS, "disable", "change_password", "remove"]
IN_FLIGHT = [
    *("verify", "step_up", "recover", "refresh", "login", "add", "confirm_added", "renew", "redeem"),
    "change_password",
]
OTHERS = ["reset_password", "unlock", "invite", "policy", "logout", "renew", "login", "verify"]
# The same of who has nothing bound yet.
FIRST_BINDINGS: list[Pair] = [
    ("verify", "verify_elsewhere"),
    ("verify", "verify"),
    ("verify", "guess"),
    ("enroll", "verify"),
    ("enroll", "enroll"),
    ("enroll", "guess"),
    *itertools.product(
        ("login", "enroll", "verify"), ("login", "verify", "reset", "delete", "reset_password", "redeem")
    ),
]
BOTH_WAYS = [each for pair in (*PROOFS, *HOLDINGS) for each in dict.fromkeys((pair, pair[::-1]))]
ALL = [
    *(
        (pair, True)
        for pair in dict.fromkeys((*BOTH_WAYS, ("logout", "logout"), *itertools.product(IN_FLIGHT, ENDINGS)))
    ),
    *((pair, False) for pair in dict.fromkeys(FIRST_BINDINGS)),
]

who = st.sampled_from(NAMES)
before = st.sampled_from([1, 1, 2, 2, 3])  # which call to DynamoDB the other one comes before
one_of = st.sampled_from


class Pairs(Chosen):
    """What may meet; whatever comes of it must be explained by the model."""

    @rule(name=who, pair=one_of(PROOFS), before=before, swapped=st.booleans())
    def one_proof_twice(self, name: Name, pair: Pair, before: int, swapped: bool) -> None:
        """Two proofs, of one factor."""
        self._meet(name, pair[::-1] if swapped else pair, before)

    @rule(name=who, pair=one_of(HOLDINGS), before=before, swapped=st.booleans())
    def one_holding_twice(self, name: Name, pair: Pair, before: int, swapped: bool) -> None:
        """Two uses of what its owner holds."""
        self._meet(name, pair[::-1] if swapped else pair, before)

    @rule(name=who, first=one_of(IN_FLIGHT), second=one_of(MORE_ENDINGS), before=before)
    def an_ending_meets_what_is_in_flight(self, name: Name, first: str, second: str, before: int) -> None:
        """A reset, or what else makes an epoch, while its subject is at it."""
        self._meet(name, (first, second), before)

    @rule(
        name=who, first=one_of(MORE_ENDINGS + OTHERS), second=one_of(MORE_ENDINGS + OTHERS + IN_FLIGHT), before=before
    )
    def anything_meets_anything(self, name: Name, first: str, second: str, before: int) -> None:
        """Admins among each other, and whatever comes in between theirs."""
        self._meet(name, (first, second), before)

    def walk(self, kinds: Pair, *, bound: bool) -> None:
        """Have two requests meet at every point there is, each time as if for the first time."""
        for before in itertools.count(1):
            self._write_anew(NAMES[1], bound=bound)
            self.service.clock.advance(MINUTE)
            if self._meet(NAMES[1], kinds, before):
                return

    def _meet(self, name: Name, kinds: Pair, before: int) -> bool:
        """Send a request in the middle of another one; tell whether there is no later point to do so."""
        self._stands(name)
        first, second = Able(self, name).pair(*kinds)
        if first is None or second is None:
            return True
        answers, was_the_last = self.driver.run_interrupted(first, second, before=before)
        for request, answer in zip((first, second), answers, strict=True):
            self._note(request, answer)
        person = self.world.people.get(name)
        if person is not None and person.password is not None:
            self.passwords[name] = person.password
        return was_the_last

    def _stands(self, name: Name) -> None:
        """Have somebody there: who was deleted or disabled is written anew."""
        person = self.world.people.get(name)
        if person is None or person.status != "active":
            self._write_anew(name, bound=True)

    def _write_anew(self, name: Name, *, bound: bool) -> None:
        self.driver.on_the_second()
        self.driver.forget(name)
        self.passwords[name] = PASSWORDS[0]
        self._seed(name, bound=bound)
