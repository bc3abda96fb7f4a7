"""What the environment says becomes settings; what it does not say is the safe value."""

import pytest

from secondstep.settings import AwsClient, Settings

ENVIRONMENT = {"STATE_TABLE": "State", "AUDIT_TABLE": "Audit", "AWS_REGION": "eu-west-1"}


def given(**more: str) -> Settings:
    return Settings.from_environment(ENVIRONMENT | more)


def test_without_parameters_nothing_is_allowed_and_nothing_is_skipped() -> None:
    settings = given()
    assert (settings.state_table, settings.audit_table, settings.region) == ("State", "Audit", "eu-west-1")
    assert (settings.seal_key_id, settings.signing_seal_key_id, settings.public_url) == ("", "", "")
    assert (settings.event_bus, settings.notice_from) == ("", "")
    assert settings.allowed_origins == settings.server_addresses == ()
    assert not settings.allows_origin("https://app.example.test")
    assert not settings.is_server("203.0.113.7")


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_a_function_without_its_tables_does_not_start(name: str) -> None:
    with pytest.raises(KeyError):
        Settings.from_environment({key: value for key, value in ENVIRONMENT.items() if key != name})


def test_every_parameter_is_read() -> None:
    settings = given(
        SEAL_KEY_ID="arn:seal",
        SIGNING_SEAL_KEY_ID="arn:signing",
        PUBLIC_URL="https://login.example.test",
        EVENT_BUS="bus",
        NOTICE_FROM="login@example.test",
    )
    assert (settings.seal_key_id, settings.signing_seal_key_id) == ("arn:seal", "arn:signing")
    assert (settings.public_url, settings.event_bus) == ("https://login.example.test", "bus")
    assert settings.notice_from == "login@example.test"


def test_the_lean_client_is_taken_unless_boto3_is_asked_for() -> None:
    assert given().aws_client is AwsClient.LEAN
    assert given(SECONDSTEP_AWS_CLIENT="boto3").aws_client is AwsClient.BOTO3
    with pytest.raises(ValueError, match="boto"):
        given(SECONDSTEP_AWS_CLIENT="boto")


@pytest.mark.parametrize("typed", ["https://login.example.test", "https://login.example.test/"])
def test_the_issuer_never_ends_in_a_slash(typed: str) -> None:
    assert given(PUBLIC_URL=typed).public_url == "https://login.example.test"


@pytest.mark.parametrize("text", ["", ",", " , ", ",,,"])
def test_an_empty_list_is_empty(text: str) -> None:
    """An empty parameter must not become one empty entry, which an empty header would equal."""
    settings = given(ALLOWED_ORIGINS=text, SERVER_ADDRESSES=text)
    assert settings.allowed_origins == settings.server_addresses == ()
    assert not settings.allows_origin("")


def test_a_list_is_read_without_its_blanks() -> None:
    origins = given(ALLOWED_ORIGINS=" https://a.example , https://b.example,").allowed_origins
    assert origins == ("https://a.example", "https://b.example")


ORIGINS = "https://app.example.test,http://localhost:*,https://port.example.test:8443"


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.test",
        "https://port.example.test:8443",
        "http://localhost:1",
        "http://localhost:3000",
        "http://localhost:65535",
    ],
)
def test_a_listed_origin_is_allowed(origin: str) -> None:
    assert given(ALLOWED_ORIGINS=ORIGINS).allows_origin(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "*",
        ":*",
        "http://app.example.test",
        "https://app.example.test/",
        "https://app.example.test:443",
        "https://APP.example.test",
        "https://app.example.test.evil.example",
        "https://evil-app.example.test",
        "https://evil.example?https://app.example.test",
        "https://sub.app.example.test",
        "https://app.example.tes",
        "https://port.example.test",
        "https://port.example.test:8444",
        "http://localhost",
        "http://localhost:",
        "https://localhost:3000",
        "http://localhost:3000/",
        "http://localhost:3000.evil.example",
        "http://localhost:evil",
        "http://localhost:-1",
        "http://localhost:+1",
        "http://localhost:3000:3000",
        "http://evil.example:3000",
        "http://localhost.evil.example:3000",
        "http://user@localhost:3000",
    ],
)
def test_another_origin_is_not(origin: str) -> None:
    assert not given(ALLOWED_ORIGINS=ORIGINS).allows_origin(origin)


@pytest.mark.parametrize("origin", ["http://localhost:*", "http://localhost:٣٠٠٠", "http://localhost:３０００"])
def test_a_port_is_ascii_digits(origin: str) -> None:
    """No browser says such an origin; whoever does is not echoed."""
    assert not given(ALLOWED_ORIGINS=ORIGINS).allows_origin(origin)


@pytest.mark.parametrize(
    ("source", "is_server"),
    [
        ("10.1.2.3", True),
        ("10.255.255.255", True),
        ("11.0.0.0", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("2001:db8::1", True),
        ("2001:DB8:0:0::1", True),
        ("2001:db9::1", False),
        ("::ffff:11.0.0.1", False),
        ("", False),
        ("unknown", False),
        ("10.1.2.3, 203.0.113.7", False),
        ("10.1.2", False),
        ("010.1.2.3", False),
        ("10.1.2.3/32", False),
    ],
)
def test_a_server_is_who_lies_in_a_listed_network(source: str, is_server: bool) -> None:
    settings = given(SERVER_ADDRESSES="10.0.0.0/8, 192.0.2.7, 2001:db8::/32")
    assert settings.is_server(source) == is_server


def test_a_network_may_be_written_by_one_of_its_addresses() -> None:
    assert given(SERVER_ADDRESSES="10.1.2.3/8").is_server("10.9.9.9")
