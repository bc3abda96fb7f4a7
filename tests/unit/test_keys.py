"""Keys: opened once an hour, read once a minute, published before they sign and until their end."""

import re
from collections.abc import Callable

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from secondstep import keys
from secondstep.authenticators.totp import Secret
from secondstep.aws import AwsRefused
from secondstep.errors import InvalidToken, Unavailable
from secondstep.keys import Keyring, Rotation, SealKey
from secondstep.session import sign_tokens
from secondstep.store import Store
from secondstep.store.signing_keys import SealedSigningKey, _item
from secondstep.subscriber import Subscriber
from tests.unit.aws import FakeKms, FakeTable
from tests.unit.records import ISSUER, NOW, a_session, a_subscriber

HOUR, DAY = 3600, 86400
SECRET = Secret(b"12345678901234567890")


@pytest.fixture(scope="module")
def pairs() -> list[SealedSigningKey]:
    """Return three key pairs, made once: an RSA pair takes its time."""
    rotation = Rotation(FakeKms(), "signing-seal")
    return [rotation.make(made_at=0, signs_from=0) for _ in range(3)]


class Environment:
    """A keyring with the table and the key behind it."""

    def __init__(self) -> None:
        self.kms, self.table = FakeKms(), FakeTable()
        store = Store(self.table, state="State", audit="Audit", pause=lambda _: None)
        self.keyring = Keyring(self.kms, "signing-seal", store.signing_keys)

    def hold(self, *stored: SealedSigningKey) -> None:
        """Have these keys stored, and no others."""
        self.table.items = [_item(each) for each in stored]

    def published(self, now: int) -> list[str]:
        """Return the ids of the keys in the JWKS."""
        return [key["kid"] for key in self.keyring.published(now)["keys"]]


@pytest.fixture
def environment() -> Environment:
    return Environment()


def timed(pair: SealedSigningKey, *, signs_from: int, retires_at: int | None = None) -> SealedSigningKey:
    return msgspec.structs.replace(pair, made_at=signs_from - DAY, signs_from=signs_from, retires_at=retires_at)


def test_a_secret_is_sealed_and_opened_under_exactly_its_own_context() -> None:
    kms = FakeKms()
    seal_key = SealKey(kms, "seal")
    sealed = seal_key.seal(SECRET, a_subscriber(), "phone")
    assert seal_key.open(sealed, a_subscriber(), "phone") == SECRET
    context = {"app": "secondstep", "account": "acme", "sub": "sub-of-kim", "authenticator": "phone"}
    assert [each["EncryptionContext"] for each in (*kms.sealed, *kms.opened)] == [context, context]
    assert [each["KeyId"] for each in (*kms.sealed, *kms.opened)] == ["seal", "seal"]


@pytest.mark.parametrize(
    ("subscriber", "authenticator_id"),
    [
        (a_subscriber(account="other"), "phone"),
        (a_subscriber(sub="sub-of-lee"), "phone"),
        (a_subscriber(), "tablet"),
    ],
    ids=["account", "sub", "authenticator"],
)
def test_a_ciphertext_that_was_moved_elsewhere_is_a_defect_and_no_secret(
    subscriber: Subscriber, authenticator_id: str
) -> None:
    seal_key = SealKey(FakeKms(), "seal")
    sealed = seal_key.seal(SECRET, a_subscriber(), "phone")
    with pytest.raises(AwsRefused):
        seal_key.open(sealed, subscriber, authenticator_id)


def test_the_login_name_is_not_in_the_context() -> None:
    """It shows in CloudTrail; `sub` is opaque."""
    kms = FakeKms()
    SealKey(kms, "seal").seal(SECRET, a_subscriber(login_name="somebody"), "phone")
    assert "somebody" not in str(kms.sealed[0]["EncryptionContext"])


FAULTS: dict[str, Callable[[FakeKms], object]] = {
    "seal": lambda kms: SealKey(kms, "seal").seal(SECRET, a_subscriber(), "phone"),
    "open": lambda kms: SealKey(kms, "seal").open(b"sealed", a_subscriber(), "phone"),
    "make": lambda kms: Rotation(kms, "signing-seal").make(made_at=NOW, signs_from=NOW),
}


@pytest.mark.parametrize("call", FAULTS.values(), ids=FAULTS)
def test_a_key_that_cannot_answer_is_unavailable(call: Callable[[FakeKms], object]) -> None:
    kms = FakeKms()
    kms.is_down = True
    with pytest.raises(Unavailable):
        call(kms)


def test_a_signing_key_is_sealed_under_its_own_id() -> None:
    kms = FakeKms()
    made = Rotation(kms, "signing-seal").make(made_at=NOW, signs_from=NOW + DAY)
    [sealed] = kms.sealed
    assert sealed["EncryptionContext"] == {"purpose": "signing", "kid": made.kid}
    assert sealed["KeyId"] == "signing-seal"
    assert len(sealed["Plaintext"]) < 4096  # what KMS takes
    assert (made.made_at, made.signs_from, made.retires_at) == (NOW, NOW + DAY, None)


def test_a_published_key_has_its_public_members_only(pairs: list[SealedSigningKey]) -> None:
    jwk = pairs[0].public_jwk
    assert set(jwk) == {"kty", "use", "alg", "kid", "n", "e"}
    assert (jwk["kty"], jwk["use"], jwk["alg"], jwk["kid"], jwk["e"]) == ("RSA", "sig", "RS256", pairs[0].kid, "AQAB")
    assert re.fullmatch(r"[A-Za-z0-9_-]{342}", jwk["n"])  # 2048 bits, no padding


def test_what_is_signed_with_the_key_verifies_with_what_is_published(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    key = environment.keyring.signing_key(NOW)
    signed = jwt.encode({"a": 1}, key.private, algorithm="RS256", headers={"kid": key.kid})
    assert jwt.decode(signed, environment.keyring.public_key(key.kid, NOW), algorithms=["RS256"]) == {"a": 1}
    [published] = environment.keyring.published(NOW)["keys"]
    assert jwt.decode(signed, jwt.PyJWK(published), algorithms=["RS256"]) == {"a": 1}


def test_a_key_is_opened_once_an_hour_and_the_list_read_once_a_minute(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    for second in range(0, HOUR, 20):
        environment.keyring.signing_key(NOW + second)
        environment.keyring.public_key(pairs[0].kid, NOW + second)
        environment.keyring.published(NOW + second)
    assert (environment.table.reads, len(environment.kms.opened)) == (60, 1)
    environment.keyring.signing_key(NOW + HOUR)
    assert (environment.table.reads, len(environment.kms.opened)) == (61, 2)


def test_a_key_that_is_retired_is_of_no_use_anywhere_a_minute_later(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    """Attack: a leaked key, in an environment that has opened it and goes on working."""
    known, other = timed(pairs[0], signs_from=NOW - DAY), timed(pairs[1], signs_from=NOW)
    environment.hold(known)
    assert environment.keyring.signing_key(NOW).kid == known.kid
    environment.hold(timed(known, signs_from=known.signs_from, retires_at=NOW + 1), other)
    assert environment.keyring.signing_key(NOW + 60).kid == other.kid
    assert environment.published(NOW + 60) == [other.kid]
    with pytest.raises(InvalidToken):
        environment.keyring.public_key(known.kid, NOW + 60)


def test_a_clock_that_is_set_back_keeps_no_list_for_longer(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW - DAY))
    environment.published(NOW)
    environment.published(NOW - HOUR)
    assert environment.table.reads == 2


def test_to_verify_and_to_publish_no_key_is_opened(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    environment.keyring.public_key(pairs[0].kid, NOW)
    environment.keyring.published(NOW)
    assert environment.kms.opened == []


def test_a_key_is_opened_under_purpose_and_id(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    environment.keyring.signing_key(NOW)
    [opened] = environment.kms.opened
    assert opened["EncryptionContext"] == {"purpose": "signing", "kid": pairs[0].kid}
    assert opened["KeyId"] == "signing-seal"


def test_an_unknown_key_is_looked_for_once_a_minute_at_most(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    """Attack: a storm of tokens with made-up key ids must not become a storm of reads."""
    environment.hold(timed(pairs[0], signs_from=NOW))
    environment.keyring.public_key(pairs[0].kid, NOW)
    for second in range(60):
        for kid in ("made-up", f"made-up-{second}", "", "../SIGNING_KEY"):
            with pytest.raises(InvalidToken):
                environment.keyring.public_key(kid, NOW + second)
    assert environment.table.reads == 1
    for second in range(60, 120):
        with pytest.raises(InvalidToken):
            environment.keyring.public_key("made-up", NOW + second)
    assert environment.table.reads == 2


def test_where_there_is_no_key_at_all_an_unknown_one_is_looked_for_once_a_minute(environment: Environment) -> None:
    for second in range(60):
        with pytest.raises(InvalidToken):
            environment.keyring.public_key("made-up", NOW + second)
    assert environment.table.reads == 1


def test_a_key_that_was_made_elsewhere_is_known_after_a_minute(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    environment.published(NOW)
    environment.hold(timed(pairs[0], signs_from=NOW), timed(pairs[1], signs_from=NOW + DAY))
    with pytest.raises(InvalidToken):
        environment.keyring.public_key(pairs[1].kid, NOW + 59)
    environment.keyring.public_key(pairs[1].kid, NOW + 60)


def test_the_next_key_is_published_before_it_signs(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    turn = NOW + DAY
    environment.hold(timed(pairs[0], signs_from=NOW), timed(pairs[1], signs_from=turn))
    assert set(environment.published(NOW)) == {pairs[0].kid, pairs[1].kid}
    assert environment.keyring.signing_key(turn - 1).kid == pairs[0].kid
    assert environment.keyring.signing_key(turn).kid == pairs[1].kid


def test_the_turn_of_a_key_is_not_slept_through_in_memory(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    """An opened key lives an hour, and yet its successor signs from its very second."""
    environment.hold(timed(pairs[0], signs_from=NOW - DAY), timed(pairs[1], signs_from=NOW + 10))
    assert environment.keyring.signing_key(NOW).kid == pairs[0].kid
    assert environment.keyring.signing_key(NOW + 9).kid == pairs[0].kid
    assert environment.keyring.signing_key(NOW + 10).kid == pairs[1].kid
    assert environment.table.reads == 1


def test_the_old_key_verifies_until_it_retires(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    retires = keys.retires_at(NOW)
    environment.hold(timed(pairs[0], signs_from=NOW - DAY, retires_at=retires), timed(pairs[1], signs_from=NOW))
    for moment, is_known in ((NOW, True), (retires - 1, True), (retires, False), (retires + DAY, False)):
        assert (pairs[0].kid in environment.published(moment)) == is_known
        if is_known:
            environment.keyring.public_key(pairs[0].kid, moment)
        else:
            with pytest.raises(InvalidToken):
                environment.keyring.public_key(pairs[0].kid, moment)


def test_a_key_retires_when_its_last_token_has_expired_everywhere(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    """The last one who signs with it has a clock that lags by an hour."""
    environment.hold(timed(pairs[0], signs_from=NOW - DAY), timed(pairs[1], signs_from=NOW))
    key = environment.keyring.signing_key(NOW - 1)
    assert key.kid == pairs[0].kid
    last = sign_tokens(key, a_subscriber(), a_session(), issuer=ISSUER, now=NOW - 1)
    assert NOW - 1 + HOUR + last.expires_in <= keys.retires_at(NOW)


def test_an_old_key_goes_on_signing_until_it_has_a_successor(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW - 400 * DAY))
    assert environment.keyring.signing_key(NOW).kid == pairs[0].kid


def test_of_several_due_keys_the_latest_signs(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    environment.hold(*(timed(pair, signs_from=NOW - age) for pair, age in zip(pairs, (300, 100, 200), strict=True)))
    assert environment.keyring.signing_key(NOW).kid == pairs[1].kid


def test_without_a_key_nothing_is_signed(environment: Environment) -> None:
    with pytest.raises(Unavailable):
        environment.keyring.signing_key(NOW)
    assert environment.published(NOW) == []


def test_a_key_whose_time_has_not_come_does_not_sign(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW + 1))
    with pytest.raises(Unavailable):
        environment.keyring.signing_key(NOW)
    assert environment.keyring.signing_key(NOW + 1).kid == pairs[0].kid


def test_a_deployments_first_key_signs_at_the_next_request(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    with pytest.raises(Unavailable):
        environment.keyring.signing_key(NOW)
    environment.hold(timed(pairs[0], signs_from=NOW))
    assert environment.keyring.signing_key(NOW).kid == pairs[0].kid


def test_a_deployments_first_key_is_published_within_a_minute(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    """That there is no key is not remembered for an hour."""
    assert environment.published(NOW) == []
    environment.hold(timed(pairs[0], signs_from=NOW))
    assert environment.published(NOW + 60) == [pairs[0].kid]


def test_a_table_that_cannot_answer_is_unavailable_and_asked_again(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    environment.table.is_down = True
    for call in (
        lambda: environment.keyring.signing_key(NOW),
        lambda: environment.keyring.public_key(pairs[0].kid, NOW),
        lambda: environment.keyring.published(NOW),
    ):
        with pytest.raises(Unavailable):
            call()
    environment.table.is_down = False
    assert environment.keyring.signing_key(NOW).kid == pairs[0].kid


def test_a_key_that_could_not_be_opened_is_tried_again(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    environment.kms.is_down = True
    with pytest.raises(Unavailable):
        environment.keyring.signing_key(NOW)
    environment.kms.is_down = False
    assert environment.keyring.signing_key(NOW).kid == pairs[0].kid


def test_an_opened_key_signs_on_while_kms_is_down(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW))
    environment.keyring.signing_key(NOW)
    environment.kms.is_down = True
    assert environment.keyring.signing_key(NOW + HOUR - 1).kid == pairs[0].kid


def test_a_sealed_key_that_was_moved_under_another_id_does_not_open(
    environment: Environment, pairs: list[SealedSigningKey]
) -> None:
    moved = msgspec.structs.replace(timed(pairs[0], signs_from=NOW), sealed_private_key=pairs[1].sealed_private_key)
    environment.hold(moved)
    with pytest.raises(AwsRefused):
        environment.keyring.signing_key(NOW)


def test_a_key_that_is_not_rsa_never_signs(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    context = {"purpose": "signing", "kid": pairs[0].kid}
    sealed = environment.kms.encrypt(Plaintext=other, EncryptionContext=context)["CiphertextBlob"]
    environment.hold(msgspec.structs.replace(timed(pairs[0], signs_from=NOW), sealed_private_key=sealed))
    with pytest.raises(Unavailable):
        environment.keyring.signing_key(NOW)


def test_a_clock_that_went_back_reads_again(environment: Environment, pairs: list[SealedSigningKey]) -> None:
    environment.hold(timed(pairs[0], signs_from=NOW - DAY))
    environment.published(NOW)
    environment.published(NOW - 10)
    assert environment.table.reads == 2
