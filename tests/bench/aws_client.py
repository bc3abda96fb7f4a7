"""What a client of DynamoDB costs: CPU of its import and of one call, for each part that could be taken.

Each candidate runs in a process of its own and asks a canned server in another one for the same item, so that only the
client is measured. `alone` is the import in a bare interpreter, `beside` what it adds where the login function has been
imported already. Run it with `python -m tests.bench.aws_client` in `.tools/runtime` (scripts/tool runtime), which has
nothing of the developer's; what is not installed there (aws-sdk-signers, awscrt) is left out of the table.
"""

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
REGION = "eu-west-1"
CALLS, ROUNDS, IMPORTS = 400, 5, 5
ITEM = {
    "pk": {"S": "SUBSCRIBER#0123456789abcdef0123456789abcdef"},
    "sk": {"S": "STATE"},
    "ph": {"S": "$argon2id$v=19$m=19456,t=2,p=1$" + "x" * 66},
    "ep": {"B": "AAECAwQFBgc="},
    "au": {"M": {"AAAAAAAAAAAAAAAA": {"M": {"n": {"S": "Phone"}, "s": {"B": "A" * 240}, "c": {"N": "1790000000"}}}}},
    "rc": {"BS": ["AAECAwQFBgcICQoLDA0ODw=="] * 10},
}
REQUEST: dict[str, Any] = {
    "TableName": "secondstep-StateTable-0123456789AB",
    "Key": {"pk": ITEM["pk"], "sk": ITEM["sk"]},
    "ConsistentRead": True,
}
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "T" * 800,
}

type Call = Callable[[], object]


def _headers(host: str) -> dict[str, str]:
    return {
        "Host": host,
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "DynamoDB_20120810.GetItem",
    }


def _by_boto3(url: str) -> Call:
    import boto3

    client = boto3.client("dynamodb", region_name=REGION, endpoint_url=url)
    return lambda: client.get_item(**REQUEST)


def _by_botocores_signer(url: str) -> Call:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    signer = SigV4Auth(Credentials(*CREDENTIALS.values()), "dynamodb", REGION)

    def sign(host: str, body: bytes) -> dict[str, str]:
        request = AWSRequest("POST", f"http://{host}/", headers=_headers(host), data=body)
        signer.add_auth(request)
        return dict(request.headers.items())

    return _on_http_client(url, sign)


def _by_aws_sdk_signers(url: str) -> Call:
    signers: Any = importlib.import_module("aws_sdk_signers")
    signer = signers.SigV4Signer()
    key_id, secret, token = CREDENTIALS.values()
    identity = signers.AWSCredentialIdentity(access_key_id=key_id, secret_access_key=secret, session_token=token)
    properties = {"region": REGION, "service": "dynamodb"}

    def sign(host: str, body: bytes) -> dict[str, str]:
        name, _, port = host.partition(":")
        fields = signers.Fields([signers.Field(name=name, values=[value]) for name, value in _headers(host).items()])
        request = signers.AWSRequest(
            destination=signers.URI(scheme="http", host=name, port=int(port), path="/"),
            method="POST",
            body=BytesIO(body),
            fields=fields,
        )
        made = signer.sign(request=request, identity=identity, properties=properties)
        return {field.name: field.as_string() for field in made.fields}

    return _on_http_client(url, sign)


def _by_awscrt(url: str) -> Call:
    auth: Any = importlib.import_module("awscrt.auth")
    http: Any = importlib.import_module("awscrt.http")
    io: Any = importlib.import_module("awscrt.io")
    host = url.removeprefix("http://")
    provider = auth.AwsCredentialsProvider.new_static(*CREDENTIALS.values())
    name, _, port = host.partition(":")
    connection = http.HttpClientConnection.new(
        name, int(port), bootstrap=io.ClientBootstrap.get_or_create_static_default()
    )
    kept = connection.result(5)

    def call() -> object:
        body = json.dumps(REQUEST).encode()
        headers = http.HttpHeaders([*_headers(host).items(), ("Content-Length", str(len(body)))])
        request = http.HttpRequest("POST", "/", headers, BytesIO(body))
        config = auth.AwsSigningConfig(
            algorithm=auth.AwsSigningAlgorithm.V4,
            signature_type=auth.AwsSignatureType.HTTP_REQUEST_HEADERS,
            credentials_provider=provider,
            region=REGION,
            service="dynamodb",
        )
        signed = auth.aws_sign_request(request, config).result(5)
        parts: list[bytes] = []
        stream = kept.request(signed, on_body=lambda http_stream, chunk, **_: parts.append(bytes(chunk)))
        stream.activate()
        stream.completion_future.result(5)
        return json.loads(b"".join(parts))

    return call


def _by_urllib3(url: str) -> Call:
    urllib3: ModuleType = importlib.import_module("urllib3")
    pool = urllib3.PoolManager()
    host = url.removeprefix("http://")
    sign = _our_signature()

    def call() -> object:
        body = json.dumps(REQUEST).encode()
        return json.loads(pool.request("POST", f"{url}/", body=body, headers=sign(host, body), retries=False).data)

    return call


def _by_lean(url: str) -> Call:
    from secondstep.lean.client import LeanDynamoDb, Surroundings

    around = Surroundings({**os.environ, "AWS_ENDPOINT_URL": url}, time.time, time.sleep)
    client = LeanDynamoDb(REGION, around)
    return lambda: client.get_item(**REQUEST)


def _on_http_client(url: str, sign: Callable[[str, bytes], dict[str, str]]) -> Call:
    from http.client import HTTPConnection

    host = url.removeprefix("http://")
    connection = HTTPConnection(host)

    def call() -> object:
        body = json.dumps(REQUEST).encode()
        connection.request("POST", "/", body, sign(host, body))
        return json.loads(connection.getresponse().read())

    return call


def _our_signature() -> Callable[[str, bytes], dict[str, str]]:
    from secondstep.lean.signing import Credentials, Scope, signed

    credentials, scope = Credentials(*CREDENTIALS.values()), Scope(REGION, "dynamodb")
    return lambda host, body: signed(
        _headers(host), body, path="/", scope=scope, credentials=credentials, moment=time.time()
    )


CANDIDATES: dict[str, Callable[[str], Call]] = {
    "boto3": _by_boto3,
    "botocore's SigV4Auth, http.client": _by_botocores_signer,
    "aws-sdk-signers, http.client": _by_aws_sdk_signers,
    "awscrt, its signer and its HTTP": _by_awscrt,
    "our signature, urllib3": _by_urllib3,
    "our signature, http.client (secondstep.lean)": _by_lean,
}


def _measure(name: str, url: str, beside: str) -> None:
    """Print, from a fresh process, the CPU of import and client, and of one call."""
    if beside:
        sys.path.insert(0, str(ROOT / "functions" / "login"))
        importlib.import_module("app")
    began = time.process_time()
    call = CANDIDATES[name](url)
    imported = time.process_time() - began
    for _ in range(50):
        call()
    rounds = []
    for _ in range(ROUNDS if not beside else 0):
        began = time.process_time()
        for _ in range(CALLS):
            call()
        rounds.append((time.process_time() - began) / CALLS)
    sys.stdout.write(json.dumps([imported, min(rounds, default=0)]))


def _serve() -> None:
    from tests.loopback import Loopback, says

    canned = says({"Item": ITEM})
    with Loopback(lambda _: canned) as server:
        sys.stdout.write(server.url.replace("localhost", "127.0.0.1") + "\n")
        sys.stdout.flush()
        sys.stdin.read()


def _told(name: str, url: str, beside: str) -> tuple[float, float]:
    command = [sys.executable, "-m", "tests.bench.aws_client", name, url, beside]
    told = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, check=True)  # noqa: S603
    imported, called = json.loads(told.stdout)
    return imported, called


@cache
def _environment() -> dict[str, str]:
    places = {
        "PYTHONPATH": f"{ROOT}/layers/secondstep:{ROOT}:{os.environ.get('PYTHONPATH', '')}",
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return {**os.environ, **CREDENTIALS, **places}


def _is_there(name: str) -> bool:
    parts = {"aws-sdk-signers, http.client": "aws_sdk_signers", "awscrt, its signer and its HTTP": "awscrt"}
    return find_spec(parts.get(name, "json")) is not None


def main() -> None:
    """Print the table."""
    command = [sys.executable, "-m", "tests.bench.aws_client", "serve"]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=_environment(), **pipes) as server:  # noqa: S603
        if server.stdin is None or server.stdout is None:
            raise RuntimeError
        url = server.stdout.readline().strip()
        try:
            sys.stdout.write(
                "| part | import alone, ms | beside the login function, ms | one GetItem, µs |\n|---|---|---|---|\n"
            )
            for name in filter(_is_there, CANDIDATES):
                runs = [_told(name, url, "") for _ in range(IMPORTS)]
                beside = min(_told(name, url, "beside")[0] for _ in range(IMPORTS))
                alone, call = (min(column) for column in zip(*runs, strict=True))
                sys.stdout.write(f"| {name} | {alone * 1e3:.0f} | {beside * 1e3:.0f} | {call * 1e6:.0f} |\n")
                sys.stdout.flush()
        finally:
            server.stdin.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            main()
        case ["serve"]:
            _serve()
        case [name, url, beside]:
            _measure(name, url, beside)
