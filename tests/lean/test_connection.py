"""What networks and frozen environments do to a connection, byte by byte."""

import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any
from zlib import crc32

import pytest

from secondstep.aws import AwsUnavailable
from secondstep.lean import trust
from tests.lean.certificates import server_context
from tests.lean.conftest import Stage, playing
from tests.lean.said import KEY, READ
from tests.lean.test_retries import GOOD, NO_TOKEN, PLAIN_PUT, PLAIN_UPDATE, UNSAFE, Call, called, named
from tests.loopback import answers, closes, resets, says, then_closes, whole

FOUND = says({"Item": KEY})


def test_one_connection_serves_one_call_after_the_other(stage: Stage) -> None:
    stage.plays(FOUND)
    for _ in range(5):
        assert stage.lean.dynamodb.get_item(**READ)["Item"] == KEY
    assert stage.server.connections == 1


def _died_meanwhile(stage: Stage) -> None:
    stage.plays(then_closes(FOUND), FOUND)
    stage.lean.dynamodb.get_item(**READ)
    assert stage.server.closed.acquire(timeout=5)  # as in a frozen environment: nobody looks while the peer hangs up


def test_a_connection_that_died_meanwhile_is_noticed_before_it_is_used(stage: Stage) -> None:
    for call in UNSAFE:
        _died_meanwhile(stage)
        stage.plays(GOOD)
        called(stage, call)
        assert stage.attempts == 1
    assert not stage.pauses


def test_a_connection_that_was_silent_for_long_is_not_used_again(stage: Stage) -> None:
    stage.plays(FOUND)
    stage.lean.dynamodb.get_item(**READ)
    stage.clock.now += 44
    stage.lean.dynamodb.get_item(**READ)
    assert stage.server.connections == 1
    stage.clock.now += 46
    stage.lean.dynamodb.get_item(**READ)
    assert stage.server.connections == 2
    stage.clock.now -= 3600  # a clock that was set back says nothing about a connection's age
    stage.lean.dynamodb.get_item(**READ)
    assert stage.server.connections == 3


@pytest.mark.parametrize("fault", [closes, resets])
def test_a_read_that_meets_a_dying_connection_is_sent_anew_within_the_same_attempt(stage: Stage, fault: Any) -> None:
    stage.plays(FOUND)
    stage.lean.dynamodb.get_item(**READ)
    stage.plays(fault, FOUND)
    assert stage.lean.dynamodb.get_item(**READ)["Item"] == KEY
    assert stage.attempts == 2
    assert not stage.pauses


@pytest.mark.parametrize("fault", [closes, resets])
@pytest.mark.parametrize("call", [PLAIN_PUT, PLAIN_UPDATE, NO_TOKEN], ids=named)
def test_a_write_that_meets_a_dying_connection_may_have_run(stage: Stage, call: Call, fault: Any) -> None:
    stage.plays(FOUND)
    stage.lean.dynamodb.get_item(**READ)
    stage.plays(fault, GOOD)
    with pytest.raises(AwsUnavailable):
        called(stage, call)
    assert stage.attempts == 1


def test_a_peer_that_says_to_close_is_taken_at_its_word(stage: Stage) -> None:
    stage.plays(says({"Item": KEY}, Connection="close"))
    for _ in range(3):
        stage.lean.dynamodb.get_item(**READ)
    assert stage.server.connections == 3


def test_an_answer_in_chunks_is_whole_at_its_last_one(stage: Stage) -> None:
    body = b'{"Item": {"a": {"S": "b"}}}'
    head = f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nx-amz-crc32: {crc32(body)}\r\n\r\n".encode()
    pieces = b"5\r\n" + body[:5] + b"\r\n" + f"{len(body) - 5:x}\r\n".encode() + body[5:] + b"\r\n"
    stage.plays(answers(head + pieces + b"0\r\n\r\n"))
    assert stage.lean.dynamodb.get_item(**READ) == {"Item": {"a": {"S": "b"}}}
    stage.plays(answers(head + pieces, goes_on=False))
    with pytest.raises(AwsUnavailable, match="IncompleteRead"):
        stage.lean.dynamodb.get_item(**READ)


@pytest.mark.parametrize("raw", [b"garbage\r\n\r\n", b"HTTP/1.1 banana\r\n\r\n", b"\x16\x03\x01\x00", b"HTTP/1.1 200"])
def test_what_is_no_http_is_no_answer(stage: Stage, raw: bytes) -> None:
    stage.plays(answers(raw, goes_on=False))
    with pytest.raises(AwsUnavailable):
        stage.lean.dynamodb.get_item(**READ)


def test_what_nobody_asked_for_is_not_taken_for_the_next_answer(stage: Stage) -> None:
    """A second answer behind the first would else become somebody else's item."""
    first = whole(200, {}, b'{"Item": {"of": {"S": "the first"}}}')
    smuggled = whole(200, {}, b'{"Item": {"of": {"S": "nobody"}}}')
    stage.plays(answers(first + smuggled), FOUND)
    assert stage.lean.dynamodb.get_item(**READ) == {"Item": {"of": {"S": "the first"}}}
    assert stage.lean.dynamodb.get_item(**READ)["Item"] == KEY


def test_an_answer_that_comes_unasked_is_nobodys(stage: Stage) -> None:
    """On an idle connection, as a server's "408" before it hangs up: the next caller must not read it as its own."""
    may_go_on, is_sent = Event(), Event()

    def speaks_twice(connection: socket.socket) -> bool:
        FOUND(connection)
        may_go_on.wait(5)
        says({"Item": {"of": {"S": "nobody"}}})(connection)
        is_sent.set()
        return True

    stage.plays(speaks_twice, FOUND)
    stage.lean.dynamodb.get_item(**READ)
    may_go_on.set()
    assert is_sent.wait(5)
    assert stage.lean.dynamodb.get_item(**READ)["Item"] == KEY


def test_a_sum_that_is_right_is_accepted_and_a_wrong_one_is_not(stage: Stage) -> None:
    stage.plays(FOUND)
    assert stage.lean.dynamodb.get_item(**READ)["Item"] == KEY
    for wrong in ("0", "", "abc"):
        stage.plays(says({"Item": KEY}, checksum=False, x_amz_crc32=wrong))
        with pytest.raises(AwsUnavailable, match="ChecksumMismatch"):
            stage.lean.dynamodb.get_item(**READ)


def test_an_error_is_believed_only_with_the_right_sum(stage: Stage) -> None:
    """A condition that seems to have failed decides as much as an item does."""
    stage.plays(says({"__type": "ConditionalCheckFailedException"}, 400, checksum=False, x_amz_crc32="1"))
    with pytest.raises(AwsUnavailable, match="ChecksumMismatch"):
        called(stage, PLAIN_UPDATE)


def test_nobody_there_is_unavailable_for_every_call(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    for call in (*UNSAFE, ("kms", "decrypt", {"CiphertextBlob": b"x"})):
        with playing(AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}") as nowhere:
            with pytest.raises(AwsUnavailable, match="ConnectionRefusedError"):
                called(nowhere, call)
            assert len(nowhere.pauses) == 1  # nothing has run: it was tried twice


def test_each_of_many_threads_gets_its_own_answer() -> None:
    with playing() as stage:
        stage.server._script = lambda received: answers(whole(200, {}, b'{"Item": ' + received.body + b"}"))

        def asked(number: int) -> bool:
            value = {"S": str(number)}
            return stage.lean.dynamodb.get_item(Key=value) == {"Item": {"Key": value}}

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(asked, range(200)))
        assert stage.server.connections <= 8


# --- TLS


def test_a_certificate_of_this_name_and_authority_is_believed(tmp_path: Path) -> None:
    with playing(server_context(tmp_path, "localhost"), AWS_CA_BUNDLE=str(tmp_path / "certificate.pem")) as stage:
        stage.plays(FOUND)
        assert stage.lean.dynamodb.get_item(**READ)["Item"] == KEY


@pytest.mark.parametrize(("name", "days"), [("kms.eu-west-1.amazonaws.com", 1), ("localhost", -1)])
@pytest.mark.parametrize("call", [("dynamodb", "get_item", READ), PLAIN_PUT], ids=named)
def test_a_certificate_of_another_name_or_time_hears_nothing(tmp_path: Path, name: str, days: int, call: Call) -> None:
    with playing(server_context(tmp_path, name, days), AWS_CA_BUNDLE=str(tmp_path / "certificate.pem")) as stage:
        stage.plays(FOUND)
        with pytest.raises(AwsUnavailable, match="SSLCertVerificationError"):
            called(stage, call)
        assert stage.server.received == []


def test_a_certificate_of_an_unknown_authority_hears_nothing(tmp_path: Path) -> None:
    with playing(server_context(tmp_path, "localhost")) as stage:
        stage.plays(FOUND)
        with pytest.raises(AwsUnavailable, match="SSLCertVerificationError"):
            stage.lean.dynamodb.get_item(**READ)
        assert stage.server.received == []


def test_tls_older_than_1_2_is_refused() -> None:
    assert trust.narrow("").minimum_version is ssl.TLSVersion.TLSv1_2
    assert trust.narrow("").verify_mode is ssl.CERT_REQUIRED
    assert trust.narrow("").check_hostname
    assert trust.wide("").minimum_version >= ssl.TLSVersion.TLSv1_2
    assert trust.wide("").check_hostname


def test_an_authority_that_is_not_amazons_is_looked_up_in_the_machines_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = server_context(tmp_path, "localhost")
    asked: list[str] = []

    def machine() -> ssl.SSLContext:
        asked.append("machine")
        return trust._believing(str(tmp_path / "certificate.pem"))

    monkeypatch.setattr(trust, "_believing_the_machine", machine)
    with playing(context) as stage:
        stage.plays(says({"Item": KEY}, Connection="close"))
        for _ in range(2):
            assert stage.lean.dynamodb.get_item(**READ)["Item"] == KEY
        assert stage.server.connections == 3  # one was refused by Amazon's roots, and only one


def test_the_roots_are_amazons_alone() -> None:
    roots: Any = trust.narrow("").get_ca_certs()
    names = [dict(pair for part in root["subject"] for pair in part)["commonName"] for root in roots]
    assert sorted(names) == [
        "Amazon Root CA 1",
        "Amazon Root CA 2",
        "Amazon Root CA 3",
        "Amazon Root CA 4",
        "Starfield Services Root Certificate Authority - G2",
    ]
