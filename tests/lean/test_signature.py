"""A request is what botocore would have sent, to the byte of its signature."""

import json
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.serialize import create_serializer
from hypothesis import given, settings
from hypothesis import strategies as st

from secondstep.aws import AwsRefused, AwsUnavailable
from secondstep.lean import client as lean
from secondstep.lean.client import LeanDynamoDb, LeanKms, Surroundings
from secondstep.lean.signing import Credentials as OurCredentials
from tests.lean.said import BYTES, CREDENTIALS, ITEMS, TEXTS

VISIBLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
TOKENS = st.one_of(
    st.just(""), VISIBLE, st.integers(500, 4000).map(lambda length: "IQoJb3JpZ2luX2VjE" * (length // 17))
)
MOMENTS = st.integers(0, 4_102_444_800)
REGIONS = st.sampled_from(["eu-west-1", "us-gov-west-1", "cn-north-1"])
MODELS = {service: botocore.session.get_session().get_service_model(service) for service in ("dynamodb", "kms")}


def theirs(
    request: tuple[str, bytes, dict[str, str]], scope: tuple[str, str], keys: tuple[str, str, str], moment: int
) -> str:
    """Return botocore's Authorization of a request (address, body, headers) at a moment."""
    url, body, headers = request
    asked = AWSRequest(method="POST", url=url, data=body, headers=headers)
    clock = datetime.fromtimestamp(moment, UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=clock):
        SigV4Auth(Credentials(*keys), scope[1], scope[0]).add_auth(asked)
    return str(asked.headers["Authorization"])


def client_at(region: str, moment: int, **environment: str) -> LeanDynamoDb:
    return LeanDynamoDb(region, Surroundings(environment, lambda: moment, lambda _: None))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ITEMS, VISIBLE, VISIBLE, TOKENS, MOMENTS, REGIONS)
def test_a_signature_is_botocores(
    item: dict[str, Any], key_id: str, secret: str, token: str, moment: int, region: str
) -> None:
    environment = {"AWS_ACCESS_KEY_ID": key_id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
    client = client_at(region, moment, **environment)
    body = lean._encoded({"TableName": "State", "Item": item})
    headers = client._headers("PutItem", body)
    asked = {name: headers[name] for name in ("Content-Type", "X-Amz-Target")}
    url = f"https://{headers['Host']}/"
    assert headers["Authorization"] == theirs((url, body, asked), (region, "dynamodb"), (key_id, secret, token), moment)
    assert headers.get("X-Amz-Security-Token", "") == token
    assert len(headers["X-Amz-Date"]) == len("20260101T000000Z")


@pytest.mark.parametrize("path", ["/", "", "/base", "/base/", "/a%20b/c", "/a b", "/ü~x"])
def test_an_address_with_a_path_and_a_port_is_signed_as_botocore_signs_it(path: str) -> None:
    client = client_at("eu-west-1", 1_790_000_000, AWS_ENDPOINT_URL=f"https://proxy.test:8443{path}", **CREDENTIALS)
    headers = client._headers("GetItem", b"{}")
    asked = {name: headers[name] for name in ("Content-Type", "X-Amz-Target")}
    url = f"https://proxy.test:8443{client._path}"
    keys = tuple(CREDENTIALS.values())
    assert headers["Host"] == "proxy.test:8443"
    assert headers["Authorization"] == theirs(
        (url, b"{}", asked), ("eu-west-1", "dynamodb"), (keys[0], keys[1], keys[2]), 1_790_000_000
    )


def as_botocore_writes(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    model = MODELS[service].operation_model(operation)
    serializer = create_serializer(MODELS[service].metadata["protocol"])
    written = serializer.serialize_to_request(request, model)
    assert written["headers"]["X-Amz-Target"].endswith(f".{operation}")
    return dict(json.loads(written["body"]))


@settings(max_examples=200, deadline=None, derandomize=True)
@given(ITEMS, TEXTS.filter(len))
def test_a_body_says_what_botocores_says(item: dict[str, Any], text: str) -> None:
    requests: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("dynamodb", "PutItem", {"TableName": text, "Item": item, "ConditionExpression": text}),
        ("dynamodb", "UpdateItem", {"TableName": text, "Key": item, "ExpressionAttributeValues": item}),
        ("dynamodb", "BatchGetItem", {"RequestItems": {text: {"Keys": [item], "ConsistentRead": True}}}),
        (
            "dynamodb",
            "TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": text, "Item": item}}], "ClientRequestToken": "t" * 36},
        ),
    )
    for service, operation, request in requests:
        assert json.loads(lean._encoded(request)) == as_botocore_writes(service, operation, request)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(BYTES.filter(len), st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_a_call_of_kms_says_what_botocores_says(raw: bytes, context: dict[str, str]) -> None:
    sealed = {"KeyId": "alias/x", "Plaintext": raw, "EncryptionContext": context}
    opened = {"KeyId": "alias/x", "CiphertextBlob": raw, "EncryptionContext": context}
    assert json.loads(lean._encoded(sealed)) == as_botocore_writes("kms", "Encrypt", sealed)
    assert json.loads(lean._encoded(opened)) == as_botocore_writes("kms", "Decrypt", opened)


def test_headers_name_service_and_protocol_as_the_models_do() -> None:
    around = Surroundings(CREDENTIALS, lambda: 0, lambda _: None)
    for service, client in (("dynamodb", LeanDynamoDb("eu-west-1", around)), ("kms", LeanKms("eu-west-1", around))):
        metadata = MODELS[service].metadata
        headers = client._headers("X", b"")
        assert headers["X-Amz-Target"] == f"{metadata['targetPrefix']}.X"
        assert headers["Content-Type"] == f"application/x-amz-json-{metadata['jsonVersion']}"
        assert f"/eu-west-1/{metadata.get('signingName', metadata['endpointPrefix'])}/" in headers["Authorization"]


def test_credentials_are_read_at_each_call_for_they_rotate() -> None:
    environment = dict(CREDENTIALS)
    client = LeanDynamoDb("eu-west-1", Surroundings(environment, lambda: 0, lambda _: None))
    before = client._headers("GetItem", b"{}")
    environment |= {"AWS_ACCESS_KEY_ID": "AKIDNEXT", "AWS_SECRET_ACCESS_KEY": "next", "AWS_SESSION_TOKEN": "next"}
    after = client._headers("GetItem", b"{}")
    assert ("AKIDEXAMPLE/" in before["Authorization"], "AKIDNEXT/" in after["Authorization"]) == (True, True)
    assert after["X-Amz-Security-Token"] == "next"
    assert before["Authorization"][-64:] != after["Authorization"][-64:]


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_credentials_nothing_is_sent(missing: str) -> None:
    environment = {**CREDENTIALS, missing: ""}
    with pytest.raises(AwsUnavailable, match="NoCredentialsError"):
        client_at("eu-west-1", 0, **environment).get_item(TableName="State")


def test_credentials_are_not_shown() -> None:
    shown = repr(OurCredentials.of(CREDENTIALS))
    assert not [value for value in CREDENTIALS.values() if value in shown]


def test_half_a_surrogate_pair_is_refused_before_it_is_sent() -> None:
    with pytest.raises(AwsRefused, match="SerializationException"):
        client_at("eu-west-1", 0, **CREDENTIALS).get_item(TableName="\ud800")
