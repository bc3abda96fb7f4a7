"""Signed tokens are ours, of their kind, in their time (attack A40); refresh tokens form one chain."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from secondstep import session
from secondstep import tokens as verifying
from secondstep.errors import InvalidToken
from secondstep.session import Accepts, Claims, SigningKey
from secondstep.subscriber import Status
from tests.unit.records import EPOCH, ISSUER, NOW, a_session, a_subscriber

type Payload = dict[str, Any]

ACCOUNT, EITHER = Accepts.ACCOUNT_TOKEN, Accepts.EITHER_TOKEN


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("kid-1", rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="module")
def stranger() -> SigningKey:
    return SigningKey("kid-1", rsa.generate_private_key(public_exponent=65537, key_size=2048))


@pytest.fixture(scope="module")
def tokens(key: SigningKey) -> session.SignedTokens:
    return session.sign_tokens(key, a_subscriber(), a_session(), issuer=ISSUER, now=NOW)


@pytest.fixture(scope="module")
def claims(tokens: session.SignedTokens) -> Payload:
    return payload_of(tokens.account_token)


def payload_of(token: str) -> Payload:
    decoded: Payload = jwt.decode(token, options={"verify_signature": False})
    return decoded


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def signed(key: SigningKey, claims: object, header: Payload | None = None) -> str:
    """Return a token by RS256, whatever its header and claims say: by hand, for pyjwt would refuse to make some."""
    head: Payload = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid} | (header or {})
    text = f"{part({name: value for name, value in head.items() if value is not None})}.{part(claims)}"
    signature = jwt.get_algorithm_by_name("RS256").sign(text.encode(), key.private)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def opened(token: str, key: SigningKey, *, accepts: Accepts = ACCOUNT, now: int = NOW) -> Claims | None:
    """Do what `bearer.verify` does: look at the header, then verify; None where it is refused."""
    try:
        verifying.key_id(token)
        return verifying.verify_token(token, key.private.public_key(), expected_issuer=ISSUER, accepts=accepts, now=now)
    except InvalidToken:
        return None


def test_an_account_token_says_who_it_is_for(key: SigningKey, tokens: session.SignedTokens) -> None:
    assert verifying.key_id(tokens.account_token) == "kid-1"
    found = opened(tokens.account_token, key)
    assert found == Claims(
        sub="sub-of-kim",
        aud=ISSUER,
        account="acme",
        login_name="kim",
        sid="sid-of-sixteen-1",
        auth_time=NOW,
        amr=("pwd", "otp", "mfa"),
    )


def test_a_token_that_is_signed_by_hand_is_as_good(key: SigningKey, claims: Payload) -> None:
    """What the forgeries below differ from: they fail for their fault, not for their making."""
    assert opened(signed(key, claims), key)


def test_an_access_token_opens_only_what_takes_either(key: SigningKey, tokens: session.SignedTokens) -> None:
    assert opened(tokens.access_token, key, accepts=ACCOUNT) is None
    assert opened(tokens.access_token, key, accepts=EITHER)
    assert opened(tokens.account_token, key, accepts=EITHER)


def test_the_two_tokens_differ_by_audience_and_id_only(tokens: session.SignedTokens) -> None:
    access, account = payload_of(tokens.access_token), payload_of(tokens.account_token)
    assert {name for name in account if access[name] != account[name]} == {"aud", "jti"}
    assert (access["aud"], account["aud"]) == ("acme", ISSUER)


def test_the_claims_are_those_of_the_contract(claims: Payload) -> None:
    assert claims | {"jti": ""} == {
        "iss": ISSUER,
        "sub": "sub-of-kim",
        "aud": ISSUER,
        "client_id": "secondstep",
        "account": "acme",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 900,
        "jti": "",
        "sid": "sid-of-sixteen-1",
        "auth_time": NOW,
        "amr": ["pwd", "otp", "mfa"],
        "acr": "aal2",
        "login_name": "kim",
        "role": "agent",
    }


@pytest.mark.parametrize(
    ("amr", "acr"), [(("pwd",), "aal1"), (("pwd", "otp", "mfa"), "aal2"), (("pwd", "mfa"), "aal2")]
)
def test_the_assurance_level_follows_the_factors(key: SigningKey, amr: tuple[str, ...], acr: str) -> None:
    made = session.sign_tokens(key, a_subscriber(), a_session(amr=amr), issuer=ISSUER, now=NOW)
    payload = payload_of(made.access_token)
    assert (payload["amr"], payload["acr"]) == (list(amr), acr)


def test_a_step_up_lives_in_its_own_tokens(key: SigningKey) -> None:
    held = a_session(auth_time=NOW - 5000, amr=("pwd",))
    made = session.sign_tokens(
        key, a_subscriber(), held, issuer=ISSUER, now=NOW, auth_time=NOW, amr=("pwd", "otp", "mfa")
    )
    payload = payload_of(made.account_token)
    assert (payload["auth_time"], payload["acr"]) == (NOW, "aal2")
    assert (held.auth_time, held.amr) == (NOW - 5000, ("pwd",))


@pytest.mark.parametrize(("left", "lifetime"), [(5000, 900), (901, 900), (900, 900), (899, 899), (1, 1)])
def test_a_token_never_outlives_its_session(key: SigningKey, left: int, lifetime: int) -> None:
    made = session.sign_tokens(key, a_subscriber(), a_session(expires_at=NOW + left), issuer=ISSUER, now=NOW)
    assert made.expires_in == lifetime
    assert payload_of(made.account_token)["exp"] == NOW + lifetime


def test_no_two_tokens_have_the_same_id(key: SigningKey) -> None:
    made = [session.sign_tokens(key, a_subscriber(), a_session(), issuer=ISSUER, now=NOW) for _ in range(5)]
    assert len({payload_of(token)["jti"] for each in made for token in each[:2]}) == 10


def test_a_token_is_good_from_its_first_second_to_its_last(key: SigningKey, tokens: session.SignedTokens) -> None:
    token = tokens.account_token
    assert opened(token, key, now=NOW - 1) is None
    assert opened(token, key, now=NOW)
    assert opened(token, key, now=NOW + 899)
    assert opened(token, key, now=NOW + 900) is None


FORGED_HEADERS: list[Payload] = [
    {"typ": "JWT"},
    {"typ": "at+JWT"},
    {"typ": "application/at+jwt"},
    {"typ": None},
    {"typ": ["at+jwt"]},
    {"kid": None},
    {"kid": 1},
    {"kid": ["kid-1"]},
    {"kid": {}},
    {"alg": "none"},
    {"alg": "None"},
    {"alg": "HS256"},
    {"alg": "RS384"},
    {"alg": "RS512"},
    {"alg": "PS256"},
    {"alg": "ES256"},
    {"alg": "rs256"},
    {"alg": None},
    {"alg": ["RS256"]},
    {"crit": ["exp"]},
    {"crit": ["made-up"], "made-up": True},
    {"crit": []},
    {"crit": "exp"},
]


@pytest.mark.parametrize("header", FORGED_HEADERS, ids=str)
def test_a_header_that_is_not_exactly_ours_is_refused(key: SigningKey, claims: Payload, header: Payload) -> None:
    """Even though the key is ours, and the signature right."""
    assert opened(signed(key, claims, header), key, accepts=EITHER) is None


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_a_right_signature_by_another_algorithm_is_refused_at_each_of_the_two_doors(
    key: SigningKey, claims: Payload, algorithm: str
) -> None:
    """The header is looked at before the key is chosen, and the algorithm is fixed once more where it verifies."""
    token = jwt.encode(claims, key.private, algorithm=algorithm, headers={"typ": "at+jwt", "kid": key.kid})
    with pytest.raises(InvalidToken):
        verifying.key_id(token)
    with pytest.raises(InvalidToken):
        verifying.verify_token(token, key.private.public_key(), expected_issuer=ISSUER, accepts=EITHER, now=NOW)


@pytest.mark.parametrize("name", ["jku", "jwk", "x5u", "x5c"])
def test_a_key_that_the_token_brings_along_is_never_used(
    key: SigningKey, stranger: SigningKey, claims: Payload, name: str
) -> None:
    own = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(stranger.private.public_key()))
    brought = {"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x", "x5c": ["MII"], "jwk": own}[name]
    assert opened(signed(stranger, claims, {name: brought}), key) is None
    assert opened(signed(key, claims, {name: brought}), key)  # ignored, not obeyed


def test_another_key_of_the_same_name_opens_nothing(key: SigningKey, stranger: SigningKey, claims: Payload) -> None:
    assert opened(signed(stranger, claims), key, accepts=EITHER) is None


def test_our_public_key_is_no_shared_secret(key: SigningKey, claims: Payload) -> None:
    """HS256 with the public key as its secret, with the header of either algorithm."""
    public = key.private.public_key()
    for encoding in (Encoding.PEM, Encoding.DER):
        secret = public.public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)
        for algorithm in ("HS256", "RS256"):
            text = f"{part({'alg': algorithm, 'typ': 'at+jwt', 'kid': key.kid})}.{part(claims)}"
            digest = base64.urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")).rstrip(b"=").decode()
            assert opened(f"{text}.{digest}", key, accepts=EITHER) is None


def test_a_token_without_its_signature_opens_nothing(key: SigningKey, tokens: session.SignedTokens) -> None:
    head, body, signature = tokens.account_token.split(".")
    none = part({"alg": "none", "typ": "at+jwt", "kid": key.kid})
    zeros = base64.urlsafe_b64encode(bytes(256)).rstrip(b"=").decode()
    for forged in (
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{none}.{body}.",
        f"{none}.{body}.{signature}",
        f"{head}.{body}.{zeros}",
        f"{head}.{body}.{signature[:-4]}",
        f"{head}.{body}.{'BA' if signature.startswith('AA') else 'AA'}{signature[2:]}",
        f"{head}.{body}.{signature}.{signature}",
    ):
        assert opened(forged, key, accepts=EITHER) is None


def test_a_changed_claim_breaks_the_signature(key: SigningKey, tokens: session.SignedTokens, claims: Payload) -> None:
    head, _, signature = tokens.account_token.split(".")
    for name in claims:
        assert opened(f"{head}.{part(claims | {name: 'admin'})}.{signature}", key) is None


@pytest.mark.parametrize(
    "text", ["", ".", "..", "...", "a.b.c", "Bearer x", "é.é.é", "\x00", "null.null.null", "e30.e30.e30"]
)
def test_what_is_no_token_at_all_is_refused(key: SigningKey, text: str) -> None:
    assert opened(text, key, accepts=EITHER) is None


@pytest.mark.parametrize(
    "issuer",
    [
        "",
        f"{ISSUER}/",
        ISSUER[:-1],
        f"{ISSUER}.evil.example",
        ISSUER.upper(),
        ISSUER.removeprefix("https://"),
        f"http{ISSUER.removeprefix('https')}",
        f" {ISSUER}",
        [ISSUER],
        None,
        {"iss": ISSUER},
    ],
    ids=str,
)
def test_only_the_very_issuer_is_ours(key: SigningKey, claims: Payload, issuer: object) -> None:
    for audience in (ISSUER, issuer):
        assert opened(signed(key, claims | {"iss": issuer, "aud": audience}), key, accepts=EITHER) is None


@pytest.mark.parametrize(
    "audience",
    [
        "other",
        "",
        "acm",
        "acmee",
        "Acme",
        f"{ISSUER}/",
        ISSUER[:-1],
        "https://evil.example",
        ["acme"],
        [ISSUER],
        None,
        1,
    ],
    ids=str,
)
def test_an_audience_that_is_neither_this_service_nor_the_tokens_account_opens_nothing(
    key: SigningKey, claims: Payload, audience: object
) -> None:
    for accepts in Accepts:
        assert opened(signed(key, claims | {"aud": audience}), key, accepts=accepts) is None


def test_an_access_token_of_another_account_is_of_that_account_alone(key: SigningKey, claims: Payload) -> None:
    other = signed(key, claims | {"aud": "other", "account": "other"})
    assert opened(other, key) is None
    found = opened(other, key, accepts=EITHER)
    assert found is not None
    assert found.account == "other"


REQUIRED = ("iss", "sub", "aud", "account", "sid", "jti", "login_name", "acr", "exp", "nbf", "iat", "auth_time", "amr")


@pytest.mark.parametrize("name", REQUIRED)
def test_a_claim_that_is_missing_is_not_made_up(key: SigningKey, claims: Payload, name: str) -> None:
    without = {each: value for each, value in claims.items() if each != name}
    assert opened(signed(key, without), key, accepts=EITHER) is None


@pytest.mark.parametrize("name", REQUIRED)
@pytest.mark.parametrize("value", [None, True, {}, 1.5, {"a": 1}], ids=str)
def test_a_claim_of_another_type_is_refused(key: SigningKey, claims: Payload, name: str, value: object) -> None:
    assert opened(signed(key, claims | {name: value}), key, accepts=EITHER) is None


@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "auth_time"])
@pytest.mark.parametrize("form", [str, float, lambda moment: [moment], lambda _: "9999999999", lambda _: float("inf")])
def test_a_time_is_a_whole_number_and_nothing_like_it(
    key: SigningKey, claims: Payload, name: str, form: Callable[[int], object]
) -> None:
    assert opened(signed(key, claims | {name: form(claims[name])}), key) is None


@pytest.mark.parametrize("name", ["sub", "account", "sid", "jti", "login_name", "acr"])
@pytest.mark.parametrize("value", [7, ["sub-of-kim"], []], ids=str)
def test_a_text_is_a_text(key: SigningKey, claims: Payload, name: str, value: object) -> None:
    assert opened(signed(key, claims | {name: value}), key) is None


@pytest.mark.parametrize("amr", ["mfa", "pwd otp mfa", {"mfa": 1}, None, 3], ids=str)
def test_the_factors_are_a_list(key: SigningKey, claims: Payload, amr: object) -> None:
    """`"mfa" in "pwd otp mfa"` is true of a text as well."""
    assert opened(signed(key, claims | {"amr": amr}), key) is None


@pytest.mark.parametrize("amr", [[1], ["mfa", None], [["mfa"]], [{"mfa": 1}]], ids=str)
def test_the_factors_are_texts(key: SigningKey, claims: Payload, amr: object) -> None:
    assert opened(signed(key, claims | {"amr": amr}), key) is None


@pytest.mark.parametrize("payload", [[], "text", 5, None], ids=str)
def test_a_payload_that_is_no_object_is_refused(key: SigningKey, payload: object) -> None:
    assert opened(signed(key, payload), key, accepts=EITHER) is None


def test_a_signing_key_hides_itself(key: SigningKey) -> None:
    assert repr(key) == "SigningKey(kid-1)"
    assert str(key.private.private_numbers().d) not in str(key)


def test_a_session_starts_with_what_its_login_proved() -> None:
    secret, held = session.start(
        a_subscriber(), epoch=EPOCH, amr=("pwd", "mfa"), source="203.0.113.7", now=NOW, hours=12
    )
    presented = session.parse_refresh_token(session.Login(a_subscriber(), held, secret).handle)
    assert (presented.subscriber_hash, presented.sid) == (a_subscriber().identity.hash, held.sid)
    assert presented.hash == held.current_hash == hashlib.sha256(presented.secret.encode()).digest()[:16]
    assert (held.sub, held.epoch, held.amr) == ("sub-of-kim", EPOCH, ("pwd", "mfa"))
    assert held.auth_time == held.created_at == held.last_used_at == NOW
    assert held.expires_at == NOW + 12 * 3600
    assert (held.rotations, held.previous_hash, held.step_up_failures) == (0, None, 0)
    assert presented.secret not in str(msgspec.to_builtins(held))


def test_no_two_sessions_share_anything_that_is_secret() -> None:
    started = [
        session.start(a_subscriber(), epoch=EPOCH, amr=("pwd",), source="-", now=NOW, hours=1) for _ in range(100)
    ]
    assert len({secret for secret, _ in started}) == 100
    assert len({held.sid for _, held in started}) == 100
    assert len({held.seed for _, held in started}) == 100


HASH, SID, SECRET = a_subscriber().identity.hash, "A" * 16, "b" * 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        "..",
        f"{HASH}.{SID}",
        f"{HASH}.{SID}.",
        f"{HASH}.{SID}.{SECRET}\n",
        f" {HASH}.{SID}.{SECRET}",
        f"{HASH}.{SID}.{SECRET}=",
        f"{HASH}.{SID}.{SECRET[1:]}",
        f"{HASH}.{SID}x.{SECRET}",
        f"{HASH.upper()}.{SID}.{SECRET}",
        f"{HASH[1:]}.{SID}.{SECRET}",
        f"{HASH}.{SID}.{SECRET}.{SECRET}",
        f"{HASH}.{SID[1:]}é.{SECRET}",
        f"{HASH}.{SID[1:]}#.{SECRET}",
        f"{HASH}.{SECRET}",
        "x" * 5000,
    ],
)
def test_what_we_never_issued_is_no_refresh_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        session.parse_refresh_token(text)


def test_a_refresh_token_is_read_back() -> None:
    found = session.parse_refresh_token(f"{HASH}.{SID}.{SECRET}")
    assert (found.subscriber_hash, found.sid, found.secret) == (HASH, SID, SECRET)


def test_no_other_kind_of_token_is_a_refresh_token(tokens: session.SignedTokens) -> None:
    for other in (tokens.access_token, tokens.account_token):
        with pytest.raises(InvalidToken):
            session.parse_refresh_token(other)


def test_the_successor_is_the_same_for_a_repeat_and_unknown_without_the_seed() -> None:
    seed, other = bytes(32), bytes(31) + b"\x01"
    assert session.successor(seed, SECRET) == session.successor(seed, SECRET)
    assert session.successor(seed, SECRET) != session.successor(other, SECRET)
    assert session.successor(seed, SECRET) != session.successor(seed, SECRET[1:] + "c")
    by_hand = base64.urlsafe_b64encode(hmac.digest(seed, SECRET.encode(), "sha256")).rstrip(b"=").decode()
    assert session.successor(seed, SECRET) == by_hand


def test_a_successor_is_a_refresh_secret_again() -> None:
    held = a_session()
    token = session.refresh_token(held, session.successor(held.seed, SECRET))
    assert session.parse_refresh_token(token).sid == held.sid


ROTATIONS = 12


@pytest.fixture
def chain() -> list[str]:
    """Return the secrets of a session that was refreshed twelve times, oldest first."""
    secrets = ["first" * 8 + "abc"]
    for _ in range(ROTATIONS):
        secrets.append(session.successor(a_session().seed, secrets[-1]))
    return secrets


def refreshed(chain: list[str], rotations: int) -> session.Session:
    return a_session(current_hash=session.hash_refresh_secret(chain[rotations]), rotations=rotations)


def test_every_secret_that_was_rotated_away_is_known_as_ours(chain: list[str]) -> None:
    for rotations in range(1, ROTATIONS + 1):
        held = refreshed(chain, rotations)
        assert all(session.was_issued_before(held, earlier) for earlier in chain[:rotations])


def test_the_present_and_the_next_secret_were_not_issued_before(chain: list[str]) -> None:
    for rotations in range(ROTATIONS):
        held = refreshed(chain, rotations)
        assert not session.was_issued_before(held, chain[rotations])
        assert not session.was_issued_before(held, chain[rotations + 1])


@pytest.mark.parametrize("made_up", ["", "x" * 43, SECRET, "é"])
def test_made_up_text_was_never_issued(chain: list[str], made_up: str) -> None:
    """Who can only guess must not be able to end anybody's session."""
    assert not session.was_issued_before(refreshed(chain, ROTATIONS), made_up)


def test_a_secret_of_another_session_was_never_issued(chain: list[str]) -> None:
    other = msgspec.structs.replace(refreshed(chain, ROTATIONS), seed=bytes(32))
    assert not session.was_issued_before(other, chain[ROTATIONS - 1])


def test_in_a_session_that_never_rotated_nothing_was_issued_before(chain: list[str]) -> None:
    assert not any(session.was_issued_before(refreshed(chain, 0), each) for each in chain)


def test_a_session_is_alive_for_its_own_subscriber_in_its_epoch_until_its_end() -> None:
    held, owner = a_session(), a_subscriber()
    assert held.belongs_to(owner, NOW)
    assert held.belongs_to(owner, held.expires_at - 1)
    assert not held.belongs_to(owner, held.expires_at)
    assert not held.belongs_to(None, NOW)
    assert not held.belongs_to(a_subscriber(sub="sub-of-lee"), NOW)
    assert not held.belongs_to(a_subscriber(epoch=b"epoch-02"), NOW)
    assert not held.belongs_to(a_subscriber(status=Status.DISABLED), NOW)
    assert not held.belongs_to(a_subscriber(status=Status.INVITED), NOW)


def test_a_session_stands_on_its_person_its_epoch_and_itself() -> None:
    held = a_session()
    assert held.standing == session.Standing(HASH, held.sid, "sub-of-kim", EPOCH)
