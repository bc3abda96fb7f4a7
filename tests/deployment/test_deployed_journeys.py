"""What people do with the service, over HTTP, against the deployed template; and what an attacker tries on the way."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jwt
import pytest

from local.template import REGION, ROOT
from tests.deployment.browsing import DeployedBrowser
from tests.deployment.emulator import NOTICE_FROM, ORIGIN, Deployment
from tests.deployment.visitor import BYSTANDER, Json, Visitor, code_of, wrong_code

pytestmark = pytest.mark.e2e

NEW_PASSWORD = "a lamp beside the window"
SECRETS_OF_A_SESSION = {"access_token", "account_token", "refresh_token", "recovery_codes"}


def operator(deployment: Deployment, *arguments: str) -> list[Json]:
    """Type a command of the operator's, and return what it prints: JSON, line by line."""
    ran = subprocess.run(  # noqa: S603
        [str(ROOT / ".venv" / "bin" / "secondstep"), *arguments, "--json"],
        env=deployment.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def admin_of(visitor: Visitor) -> str:
    """Return the account token of the seeds' admin, who enrolls first."""
    return str(visitor.enroll("admin")[1]["account_token"])


def test_the_first_code_binds_a_phone_and_ends_in_a_token_that_an_application_verifies(visitor: Visitor) -> None:
    _, session = visitor.enroll("agent")
    [key] = jwt.PyJWKSet.from_dict(visitor.get("/.well-known/jwks.json").body).keys
    issuer = visitor.get("/.well-known/openid-configuration").body["issuer"]
    claims = jwt.decode(session["access_token"], key, algorithms=["RS256"], audience="acme", issuer=issuer)
    assert (claims["login_name"], claims["amr"]) == ("agent", ["pwd", "otp", "mfa"])
    assert issuer == f"https://{visitor.deployment.api_id}.execute-api.{REGION}.amazonaws.com/live"
    assert len(session["recovery_codes"]) == 10
    me = visitor.get("/me", session["account_token"])
    assert (me.status, me.body["login_name"], len(me.body["authenticators"])) == (200, "agent", 1)


def test_a_code_is_refused_the_second_time_on_any_challenge(visitor: Visitor) -> None:
    code = code_of(visitor.seeds.secret.base32)
    first = visitor.challenge("enrolled")
    assert visitor.verify(first, code).status == 200
    assert visitor.verify(first, code).code == "challenge_invalid"
    again = visitor.verify(visitor.challenge("enrolled"), code)
    assert (again.status, again.code, again.body["hint"]) == (401, "invalid_code", "replayed")
    assert not SECRETS_OF_A_SESSION & set(again.body)


def test_of_many_requests_with_one_code_one_gets_a_session(visitor: Visitor) -> None:
    code = code_of(visitor.seeds.secret.base32)
    challenges = [visitor.challenge("enrolled") for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        asked = [pool.submit(visitor.verify, challenge, code) for challenge in [*challenges, *challenges]]
        replies = [each.result() for each in asked]
    assert sorted(each.status for each in replies) == [200, 401, 401, 401, 401, 401], [each.text for each in replies]


def test_after_five_wrong_codes_a_challenge_is_worth_nothing_and_after_ten_no_code_is_looked_at(
    visitor: Visitor,
) -> None:
    secret = visitor.seeds.secret.base32
    for _ in range(2):
        challenge = visitor.challenge("enrolled")
        told = [visitor.verify(challenge, wrong_code(secret)) for _ in range(5)]
        assert [each.code for each in told] == ["invalid_code"] * 5
        assert [each.body["tries_left"] for each in told] == [4, 3, 2, 1, 0]
        assert visitor.verify(challenge, code_of(secret)).status in (401, 429)
    shut = visitor.verify(visitor.challenge("enrolled"), code_of(secret))
    assert (shut.status, shut.code) == (429, "too_many_attempts")
    assert 0 < int(shut.headers["Retry-After"]) <= 15 * 60
    assert not SECRETS_OF_A_SESSION & set(shut.body)


def test_ten_wrong_passwords_shut_a_name_whether_or_not_it_exists(visitor: Visitor) -> None:
    told = {}
    for name in ("enrolled", "nobody"):
        replies = [visitor.log_in(name, "not the right one") for _ in range(10)]
        replies.append(visitor.log_in(name))
        told[name] = [(each.status, each.code, sorted(each.body)) for each in replies]
    assert told["enrolled"] == told["nobody"]
    assert [code for _, code, _ in told["enrolled"]] == [*["invalid_credentials"] * 10, "too_many_attempts"]


def test_a_reset_by_an_admin_ends_the_phone_the_sessions_and_every_challenge(visitor: Visitor) -> None:
    admin = admin_of(visitor)
    secret = visitor.seeds.secret.base32
    open_challenge = visitor.challenge("enrolled")
    session = visitor.verify(visitor.challenge("enrolled"), code_of(secret)).body
    reset = visitor.post("/admin/subscribers/enrolled/reset", {"reason": "lost phone, recognised in person"}, admin)
    assert reset.status == 200, reset.text
    assert visitor.verify(open_challenge, code_of(secret, steps=1)).code == "challenge_invalid"
    assert visitor.get("/me", session["account_token"]).code == "invalid_token"
    assert visitor.post("/refresh", {"refresh_token": session["refresh_token"]}).code == "invalid_token"
    without = visitor.post("/enroll", {"challenge": visitor.challenge("enrolled")})
    assert (without.status, without.code) == (401, "ticket_invalid")
    new_secret, new_session = visitor.enroll("enrolled", reset.body["ticket"])
    assert new_secret != secret
    assert len(visitor.get("/me", new_session["account_token"]).body["authenticators"]) == 1
    about = visitor.get("/admin/audit?login_name=enrolled", admin).body["events"]
    told = [(each["event"], each["actor"]["login_name"]) for each in about if each["outcome"] == "success"]
    assert told[:2] == [("enrolled", "enrolled"), ("reset", "admin")]


def test_a_refresh_token_is_rotated_and_one_that_comes_back_late_ends_the_session(visitor: Visitor) -> None:
    session = visitor.enroll("agent")[1]
    old = {"refresh_token": session["refresh_token"]}
    renewed = visitor.post("/refresh", old)
    assert renewed.status == 200, renewed.text
    assert renewed.body["refresh_token"] != old["refresh_token"]
    visitor.let_rotations_age("agent")
    reused = visitor.post("/refresh", old)
    assert (reused.status, reused.code) == (401, "invalid_token")
    assert visitor.post("/refresh", {"refresh_token": renewed.body["refresh_token"]}).code == "invalid_token"
    assert visitor.get("/me", renewed.body["account_token"]).code == "invalid_token"
    assert visitor.audited("refresh_reuse")


def test_the_admins_routes_open_to_an_admin_of_this_account_only(visitor: Visitor, deployment: Deployment) -> None:
    agent = visitor.enroll("agent")[1]
    ways = [
        (agent["account_token"], 403, "forbidden"),
        (agent["access_token"], 401, "invalid_token"),
        (agent["refresh_token"], 401, "invalid_token"),
        ("", 401, "invalid_token"),
    ]
    for token, status, code in ways:
        for path in ("/admin/subscribers", "/admin/subscribers/enrolled"):
            reply = visitor.get(path, token or None)
            assert (reply.status, reply.code) == (status, code), path
            assert reply.headers["Content-Type"] == "application/problem+json"
        done = visitor.post("/admin/subscribers/enrolled/reset", {"reason": "a try"}, token or None)
        assert (done.status, done.code) == (status, code)
    admin = admin_of(visitor)
    listed = {each["login_name"] for each in visitor.get("/admin/subscribers", admin).body["subscribers"]}
    assert listed == {"admin", "agent", "enrolled", BYSTANDER}
    assert visitor.get("/admin/subscribers/kim", admin).code == "not_found"


def test_the_operators_first_account_its_admin_and_the_admins_first_agent(
    visitor: Visitor, deployment: Deployment
) -> None:
    [made] = operator(deployment, "account", "create", "globex", "--admin", "kim", "--display-name", "Globex")
    kim = {"account": "globex", "password": NEW_PASSWORD}
    chosen = {"account": "globex", "login_name": "kim", "ticket": made["ticket"], "new_password": NEW_PASSWORD}
    assert visitor.post("/password", chosen).status == 204
    assert visitor.post("/password", chosen).code == "ticket_invalid"
    admin = visitor.enroll("kim", made["ticket"], **kim)[1]["account_token"]
    invited = visitor.post("/admin/subscribers", {"login_name": "lee", "role": "agent"}, admin)
    assert invited.status == 201, invited.text
    lee = {"login_name": "lee", "ticket": invited.body["ticket"], "new_password": "seven quiet herons"}
    assert visitor.post("/password", {"account": "globex", **lee}).status == 204
    visitor.enroll("lee", account="globex", password="seven quiet herons")
    assert visitor.get("/admin/subscribers/agent", admin).code == "not_found", "of another account"
    removed = visitor.ask("DELETE", "/admin/subscribers/lee", None, admin)
    assert removed.status == 204, removed.text
    told = [each["event"] for each in operator(deployment, "audit", "tail", "globex")]
    assert (told[0], told[-1]) == ("invited", "deleted"), told


def test_the_pages_lead_from_a_password_over_a_new_phone_to_the_account_and_keep_agents_out_of_the_console(
    visitor: Visitor,
) -> None:
    browser = DeployedBrowser(visitor)
    browser.get("/ui/login?account=acme").submit("/ui/login", login_name="agent", password="wrong")
    assert browser.status == 401
    browser.submit("/ui/login", login_name="agent", password="correct horse battery staple")
    browser.submit("/ui/enroll")
    assert browser.path == "/ui/enroll", browser.text
    secret = re.findall(r'id="key">([A-Z2-7 ]+)<', browser.html)[0].replace(" ", "")
    browser.submit("/ui/verify", code=code_of(secret))
    assert "__Host-session" in browser.cookies, browser.text
    browser.get("/ui/account")
    assert (browser.status, "agent" in browser.text) == (200, True)
    assert browser.get("/ui/admin").status == 403
    assert DeployedBrowser(visitor).get("/ui/admin").status == 401


def test_a_new_phone_is_told_to_its_owner_by_mail_through_stream_bus_and_rule(visitor: Visitor) -> None:
    before = visitor.deployment.mails_to("agent@example.com")
    visitor.enroll("agent")
    mails = visitor.deployment.mails_to("agent@example.com", more_than=len(before))
    assert mails[-1]["Source"] == NOTICE_FROM
    assert mails[-1]["Subject"] == "Acme Support: Your authenticator app is set up"


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("POST", "/me"), ("DELETE", "/login")])
def test_what_is_not_there_is_a_problem_of_ours(visitor: Visitor, method: str, path: str) -> None:
    reply = visitor.send(method, path, headers={"Origin": ORIGIN})
    assert (reply.status, reply.code) == (404, "not_found")
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert reply.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_a_script_of_a_listed_origin_may_call_and_another_one_may_not(visitor: Visitor) -> None:
    ask = partial(visitor.send, "OPTIONS", "/login")
    listed = ask(headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    other = ask(headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"})
    assert (listed.status, listed.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
    assert (other.status, other.headers["Access-Control-Allow-Origin"]) == (204, None)
