"""Attacks A40 and A41: forged tokens open nothing, keys rotate without a gap, and the claims are exact."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from functions.rotate import app as rotation
from local.functions import new_context
from secondstep import contract
from tests.attacks import raw
from tests.attacks.raw import assert_is_problem
from tests.attacks.successes import BEARERS, Success, fresh_name, sign_in
from tests.conftest import PUBLIC_URL
from tests.service import ACCOUNT, Person, Service

DAY, HOUR = 24 * 60 * 60, 60 * 60
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _part(value: object) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _read(token: str, part: int) -> dict[str, Any]:
    text = token.split(".")[part]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return found


class Forge:
    """A genuine token, and the means to make others of it; even with our own key only the exact claims open a door."""

    def __init__(self, service: Service, token: str) -> None:
        self.key = service.services.keyring.signing_key(service.now())
        self.header, self.claims = _read(token, 0), _read(token, 1)
        self.genuine = token

    def signed(self, key: Any = None, algorithm: str = "RS256", **header: Any) -> str:
        """Return the claims under another header, another algorithm or another key."""
        named = {name: value for name, value in {**self.header, **header}.items() if value is not None}
        return jwt.encode(
            self.claims, key or self.key.private, algorithm=algorithm, headers={**named, "alg": algorithm}
        )

    def claiming(self, **claims: Any) -> str:
        """Return other claims under our own key; None leaves one out."""
        named = {name: value for name, value in {**self.claims, **claims}.items() if value is not None}
        payload = json.dumps(named).encode()  # pyjwt's own encoder refuses to write some of them
        return jwt.PyJWS().encode(payload, self.key.private, algorithm="RS256", headers=self.header)

    def spliced(self, header: object | None = None, claims: object | None = None, signature: str | None = None) -> str:
        """Return parts put together by hand."""
        parts = self.genuine.split(".")
        return ".".join(
            (
                parts[0] if header is None else _part(header),
                parts[1] if claims is None else _part(claims),
                parts[2] if signature is None else signature,
            )
        )

    def public_pem(self) -> bytes:
        """Return our public key, as everybody may read it."""
        return self.key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _hs256(forge: Forge, secret: bytes) -> str:
    signed = f"{_part({**forge.header, 'alg': 'HS256'})}.{_part(forge.claims)}"
    return f"{signed}.{_part(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _forged_headers(forge: Forge) -> dict[str, str]:
    public = STRANGER.public_key().public_numbers()
    jwk = {"kty": "RSA", "n": _part(public.n.to_bytes(256)), "e": "AQAB", "alg": "RS256", "kid": forge.key.kid}
    signature = forge.genuine.split(".")[2]
    return {
        "none": forge.spliced(header={**forge.header, "alg": "none"}, signature=""),
        "None": forge.spliced(header={**forge.header, "alg": "None"}, signature=""),
        "none, with a signature": forge.spliced(header={**forge.header, "alg": "none"}),
        "HS256 with the public key": _hs256(forge, forge.public_pem()),
        "HS256 with nothing": _hs256(forge, b""),
        "HS256 with the kid": _hs256(forge, forge.key.kid.encode()),
        "RS512 by our key": forge.signed(algorithm="RS512"),
        "PS256 by our key": forge.signed(algorithm="PS256"),
        "ES256 by a stranger": forge.signed(ec.generate_private_key(ec.SECP256R1()), "ES256"),
        "RS256 by a stranger": forge.signed(STRANGER),
        "rs256": forge.spliced(header={**forge.header, "alg": "rs256"}),
        "alg as a list": forge.spliced(header={**forge.header, "alg": ["RS256"]}),
        "no alg": forge.spliced(header={"typ": "at+jwt", "kid": forge.key.kid}),
        "typ JWT": forge.signed(typ="JWT"),
        "typ at+JWT": forge.signed(typ="at+JWT"),
        "no typ": forge.signed(typ=None),
        "no kid": forge.signed(kid=None),
        "kid as a path": forge.signed(STRANGER, kid="../../../../dev/null"),
        "kid as SQL": forge.signed(STRANGER, kid="x' UNION SELECT 'key' --"),
        "kid of a table key": forge.signed(STRANGER, kid="POLICY"),
        "kid empty": forge.signed(STRANGER, kid=""),
        "kid a number": forge.spliced(header={**forge.header, "kid": 1}),
        "kid huge": forge.signed(STRANGER, kid="x" * 4000),
        "jku": forge.signed(STRANGER, jku="https://evil.example/jwks.json"),
        "x5u": forge.signed(STRANGER, x5u="https://evil.example/key.pem", kid="evil"),
        "jwk": forge.signed(STRANGER, jwk=jwk),
        "crit": forge.signed(crit=["exp"]),
        "crit unknown": forge.signed(crit=["urn:x"], urn=True),
        "b64 false": forge.spliced(header={**forge.header, "b64": False, "crit": ["b64"]}),
        "zip": forge.spliced(header={**forge.header, "zip": "DEF"}),
        "no signature": forge.spliced(signature=""),
        "zero signature": forge.spliced(signature=_part(bytes(256))),
        "one as signature": forge.spliced(signature=_part(bytes(255) + b"\x01")),
        "short signature": forge.spliced(signature=signature[:-4]),
        "long signature": forge.spliced(signature=signature + "AAAA"),
        "DER signature": forge.spliced(signature=_part(b"0\x06\x02\x01\x00\x02\x01\x00")),
        "edited claims": forge.spliced(claims={**forge.claims, "role": "admin", "jti": "x"}),
        "header no object": forge.spliced(header=["RS256"]),
        "header deep": forge.spliced(header=b"[" * 6000),
        "header a number of 5000 digits": forge.spliced(header=b'{"alg":' + b"1" * 5000 + b"}"),
        "claims no object": forge.spliced(claims=[1]),
        "two parts": ".".join(forge.genuine.split(".")[:2]),
        "four parts": forge.genuine + ".AAAA",
        "five parts": forge.genuine + ".AAAA.AAAA",
        "twice": f"{forge.genuine}.{forge.genuine}",
        "in quotes": f'"{forge.genuine}"',
        "padded": "=.".join(forge.genuine.split(".")) + "=",
        "padded at its end": forge.genuine + "==",
    }


def _forged_claims(forge: Forge, now: int) -> dict[str, str]:
    """Claims that our own key has signed: another issuer, audience, time, person; a claim that is missing."""
    aud = forge.claims["aud"]
    wrong = {
        "iss": ["https://evil.example", PUBLIC_URL + "/", PUBLIC_URL.upper(), "", 1, [PUBLIC_URL], None],
        "aud": ["other", [aud], [aud, "other"], "", aud + "/", None],
        "exp": [now, now - 1, 0, -1, now + 0.5, str(now + 60), True, None],
        "nbf": [now + 3600, str(now), None],
        "iat": ["now", None],
        "auth_time": ["0", 1.5, None],
        "sub": ["somebody-else", "", 1, None],
        "sid": ["AAAAAAAAAAAAAAAA", "", "../STATE", 7, None],
        "account": ["other", "", ["acme"], None],
        "login_name": ["somebody", "", forge.claims["login_name"].upper(), None],
        "jti": [None],
        "acr": [None],
        "amr": ["mfa", None],
    }
    return {f"{name} {value!r}": forge.claiming(**{name: value}) for name, values in wrong.items() for value in values}


@pytest.fixture
def boss_token(service: Service, admin: Person) -> str:
    return str(service.session(admin)["account_token"])


@pytest.fixture
def requests(service: Service) -> list[Success]:
    """Return for each route that wants a bearer token a request that succeeds, with the genuine token."""
    return [make(service) for make in BEARERS.values()]


@pytest.mark.parametrize("forged", [_forged_headers, _forged_claims])
def test_no_forged_token_opens_a_bearer_route(
    service: Service, boss_token: str, requests: list[Success], forged: Callable[..., dict[str, str]]
) -> None:
    forge = Forge(service, boss_token)
    tokens = forged(forge, service.now()) if forged is _forged_claims else forged(forge)
    service.recorder.clear()
    for it in requests:
        for name, token in tokens.items():
            reply = it._replace(token=token).send(service)
            assert reply.status == 401, (it.route, name, reply.body)
            assert_is_problem(reply, "invalid_token")
    assert not service.recorder.count("update_item", "put_item", "transact_write_items")
    assert service.get("/me", token=forge.genuine).status == 200  # so that it was refused for the forgery
    for it in requests:
        assert it.send(service).status == it.route.status, it.route


def test_a_token_lives_until_its_exp_and_not_a_second_longer(service: Service, requests: list[Success]) -> None:
    """A session that ends with its request has none to be asked again."""
    claims = _read(requests[0].token or "", 1)
    assert claims["exp"] - claims["iat"] == 900
    service.clock.advance(_read(requests[-1].token or "", 1)["exp"] - service.clock())
    for it in requests:
        assert_is_problem(it.send(service), "invalid_token")


def test_a_token_lives_to_the_last_second_before_its_exp(service: Service, requests: list[Success]) -> None:
    service.clock.advance(_read(requests[0].token or "", 1)["exp"] - service.clock() - 1)
    for it in requests:
        assert it.send(service).code != "invalid_token", it.route


def test_a_token_is_not_good_before_its_time(service: Service, boss_token: str) -> None:
    service.clock.advance(-60)
    assert service.get("/me", token=boss_token).code == "invalid_token"


def test_an_access_token_opens_nothing_but_the_live_check(service: Service) -> None:
    for route, make in BEARERS.items():
        it = make(service)
        access = sign_in(service, it.person).access_token
        if route.path.startswith("/admin/"):
            access = sign_in(service, service.bound_admin(fresh_name())).access_token
        reply = it._replace(token=access).send(service)
        assert reply.status == (200 if route is contract.ME else 401), (route, reply.body)


def test_a_token_of_another_account_opens_nothing_here(
    service: Service, boss_token: str, requests: list[Success]
) -> None:
    """Claims that name the other account, signed by our own key: the session lies under another key (A32)."""
    service.account("other")
    forge = Forge(service, boss_token)
    for it in requests:
        moved = forge.claiming(account="other", aud="other" if it.route is contract.ME else PUBLIC_URL)
        assert_is_problem(it._replace(token=moved).send(service), "invalid_token")


def test_the_claims_are_exactly_those_of_the_contract(service: Service, enrolled: Person) -> None:
    now = service.now()
    tokens = service.session(enrolled)
    sid = service.sessions(enrolled)[0]["sk"].removeprefix("SESSION#")
    for name, audience in (("access_token", ACCOUNT), ("account_token", PUBLIC_URL)):
        claims = _read(tokens[name], 1)
        jti, iat = claims.pop("jti"), claims.pop("iat")
        assert now <= iat <= now + 5
        assert len(jti) == 16
        assert claims == {
            "iss": PUBLIC_URL,
            "sub": enrolled.sub,
            "aud": audience,
            "client_id": "secondstep",
            "account": ACCOUNT,
            "nbf": iat,
            "exp": iat + 900,
            "sid": sid,
            "auth_time": iat,
            "amr": ["pwd", "otp", "mfa"],
            "acr": "aal2",
            "login_name": "enrolled",
            "role": "agent",
        }
        assert set(_read(tokens[name], 0)) == {"alg", "typ", "kid"}
        assert _read(tokens[name], 0)["typ"] == "at+jwt"
        assert _read(tokens[name], 0)["alg"] == "RS256"
    assert _read(tokens["access_token"], 1)["jti"] != _read(tokens["account_token"], 1)["jti"]


def test_a_login_by_password_alone_says_so(service: Service, agent: Person) -> None:
    service.account(mfa_required=False)
    claims = _read(service.log_in(agent).body["access_token"], 1)
    assert (claims["amr"], claims["acr"]) == (["pwd"], "aal1")


def test_a_recovery_code_is_no_otp(service: Service, enrolled: Person) -> None:
    body = {"challenge": service.challenge(enrolled), "recovery_code": enrolled.recovery_codes[0]}
    claims = _read(service.post("/verify", body).body["access_token"], 1)
    assert (claims["amr"], claims["acr"]) == (["pwd", "mfa"], "aal2")


def test_a_token_never_outlives_its_session(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    for _ in range(24):
        service.clock.advance(29 * 60)
        tokens = service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).body
    left = tokens["session_expires_at"] - service.now()
    service.clock.advance(left - 100)
    tokens = service.post("/refresh", {"refresh_token": tokens["refresh_token"]}).body
    assert tokens["expires_in"] <= 100
    assert _read(tokens["access_token"], 1)["exp"] == tokens["session_expires_at"]


def test_an_application_verifies_our_token_with_the_served_keys_alone(service: Service, enrolled: Person) -> None:
    access = service.session(enrolled)["access_token"]
    discovery = service.get("/.well-known/openid-configuration").body
    keys = jwt.PyJWKSet.from_dict(service.get(discovery["jwks_uri"].removeprefix(PUBLIC_URL)).body)
    key = keys[jwt.get_unverified_header(access)["kid"]]
    assert key.algorithm_name == "RS256"
    claims = jwt.decode(access, key, algorithms=["RS256"], audience=ACCOUNT, issuer=discovery["issuer"], leeway=60)
    assert claims["sub"] == enrolled.sub
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(access, key, algorithms=["RS256"], audience=PUBLIC_URL, issuer=discovery["issuer"], leeway=60)


def test_the_discovery_document_is_exact_and_may_be_cached(service: Service) -> None:
    reply = raw.send(
        service,
        "GET",
        "/.well-known/openid-configuration",
        headers=(("Host", "evil.example"), ("X-Forwarded-Host", "x")),
    )
    assert reply.headers["Cache-Control"] == "public, max-age=3600"
    assert reply.body == {
        "issuer": PUBLIC_URL,
        "jwks_uri": f"{PUBLIC_URL}/.well-known/jwks.json",
        "authorization_endpoint": f"{PUBLIC_URL}/authorize",
        "token_endpoint": f"{PUBLIC_URL}/token",
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "acr_values_supported": ["aal1", "aal2"],
        "response_modes_supported": ["query"],
        "token_endpoint_auth_methods_supported": ["none"],
        "authorization_response_iss_parameter_supported": True,
    }


# --- A41: the keys rotate


def _rotate(service: Service, event: dict[str, Any] | None = None) -> dict[str, str]:
    context = new_context(next(iter(service.gateway._functions._functions.values())))
    return rotation.handler(event or {}, context)


def _jwks(service: Service) -> list[str]:
    return [key["kid"] for key in service.get("/.well-known/jwks.json").body["keys"]]


def _signed_with(service: Service, person: Person) -> tuple[str, str]:
    service.clock.advance(30)
    tokens = service.session(person)
    return str(jwt.get_unverified_header(tokens["access_token"])["kid"]), str(tokens["access_token"])


def test_the_served_keys_have_public_members_only(service: Service) -> None:
    reply = service.get("/.well-known/jwks.json")
    assert reply.headers["Cache-Control"] == "public, max-age=3600"
    _rotate(service)
    service.clock.advance(HOUR)
    for key in service.get("/.well-known/jwks.json").body["keys"]:
        assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
        assert (key["kty"], key["use"], key["alg"], key["e"]) == ("RSA", "sig", "RS256", "AQAB")


def test_a_key_is_published_a_day_before_it_signs_and_until_its_last_token_has_expired(
    service: Service, enrolled: Person
) -> None:
    old, _ = _signed_with(service, enrolled)
    rotated_at = service.now()
    new = _rotate(service)["kid"]
    signs_from = rotated_at + DAY
    service.clock.advance(HOUR)  # as long as an environment may remember what it read
    assert set(_jwks(service)) == {old, new}
    assert _signed_with(service, enrolled)[0] == old

    service.clock.advance(signs_from - 40 - service.clock())
    last_kid, last_token = _signed_with(service, enrolled)
    assert last_kid == old
    service.clock.advance(HOUR)
    assert _signed_with(service, enrolled)[0] == new
    assert old in _jwks(service)

    service.clock.advance(-HOUR)
    assert service.get("/me", token=last_token).status == 200  # the old key's tokens live on beside the new key
    service.clock.advance(signs_from + HOUR + 899 - service.clock())
    assert set(_jwks(service)) == {old, new}
    service.clock.advance(2)
    assert _jwks(service) == [new]
    assert service.get("/me", token=last_token).code == "invalid_token"
    assert [event["detail"] for event in service.events("signing_key_rotated")] == [{"kid": new}]


def test_a_second_rotation_while_a_key_is_waiting_makes_none(service: Service) -> None:
    assert _rotate(service) == _rotate(service)
    assert len(service.events("signing_key_rotated")) == 1
    assert len([item for item in service.state() if item["pk"] == "SIGNING_KEY"]) == 2


def test_a_retired_key_is_removed_by_the_rotation_after_its_end(service: Service) -> None:
    first = next(item["sk"] for item in service.state() if item["pk"] == "SIGNING_KEY")
    _rotate(service)
    service.clock.advance(7 * DAY)
    _rotate(service)
    kids = {item["sk"] for item in service.state() if item["pk"] == "SIGNING_KEY"}
    assert len(kids) == 2
    assert first not in kids


def test_the_very_first_key_signs_at_once_and_a_deployment_repeated_makes_no_other(
    service: Service, enrolled: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_keys(service)
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(rotation, "_send", lambda url, answer: sent.append(answer))
    event = {"RequestType": "Create", "StackId": "s", "RequestId": "r", "LogicalResourceId": "l", "ResponseURL": "u"}
    event |= {"ResourceType": "Custom::SigningKey"}
    _rotate(service, event)
    _rotate(service, {**event, "RequestType": "Update"})
    _rotate(service, {**event, "RequestType": "Delete"})
    assert [answer["Status"] for answer in sent] == ["SUCCESS"] * 3
    [kid] = [item["sk"] for item in service.state() if item["pk"] == "SIGNING_KEY"]
    assert _signed_with(service, enrolled)[0] == kid


def _without_keys(service: Service) -> None:
    for item in service.state():
        if item["pk"] == "SIGNING_KEY":
            service._dynamodb.delete_item(
                TableName=service.services.settings.state_table, Key={"pk": {"S": item["pk"]}, "sk": {"S": item["sk"]}}
            )
    keyring = service.services.keyring
    keyring._keys, keyring._read_at, keyring._opened = [], None, None


def test_without_a_key_no_issuer_answers_a_token_and_no_guess_is_charged(service: Service, enrolled: Person) -> None:
    tokens = service.session(enrolled)
    service.clock.advance(30)
    challenge = service.challenge(enrolled)
    service.account(mfa_required=False)
    unbound = service.person("unbound")
    _without_keys(service)
    before = service.state()
    for path, body, token in (
        ("/verify", {"challenge": challenge, "code": service.code(enrolled)}, None),
        ("/verify", {"challenge": challenge, "recovery_code": enrolled.recovery_codes[0]}, None),
        ("/refresh", {"refresh_token": tokens["refresh_token"]}, None),
        ("/step-up", {"code": service.code(enrolled)}, tokens["account_token"]),
    ):
        reply = service.post(path, body, token=token)
        assert_is_problem(reply, "unavailable")
        assert reply.status == 503
    assert service.state() == before
    assert service.log_in(unbound).code == "unavailable"
    assert service.sessions(unbound) == []
    assert _jwks(service) == []
    _rotate(service)
    service.clock.advance(61)
    assert service.verify(challenge, service.code(enrolled)).status == 200


def test_a_storm_of_unknown_keys_reads_once_a_minute_at_most(service: Service, enrolled: Person) -> None:
    forge = Forge(service, service.session(enrolled)["access_token"])
    service.clock.advance(61)

    def storm() -> int:
        service.recorder.clear()
        for _ in range(20):
            forged = forge.signed(STRANGER, kid=secrets.token_urlsafe(12))
            assert service.get("/me", token=forged).code == "invalid_token"
        return service.recorder.count("query")

    assert storm() == 1
    assert storm() == 0
    service.clock.advance(61)
    assert storm() == 1
    assert service.get("/me", token=forge.genuine).status == 200


def test_a_key_that_was_made_elsewhere_is_known_within_a_minute(service: Service, enrolled: Person) -> None:
    """Another environment signs with a key that this one has never read: the first unknown `kid` makes it look."""
    keyring = service.services.keyring
    token = service.session(enrolled)["access_token"]
    keyring._keys = []
    keyring._read_at = service.now() - 30
    assert service.get("/me", token=token).code == "invalid_token"
    service.clock.advance(31)
    assert service.get("/me", token=token).status == 200
