"""A service is asked where botocore would ask it, in every partition and with every variable."""

import itertools
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from secondstep.lean.endpoint import endpoint
from tests.lean.said import CREDENTIALS

REGIONS = (
    "eu-west-1",
    "us-east-1",
    "ap-southeast-5",
    "us-gov-west-1",
    "us-gov-east-1",
    "cn-north-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
    "us-isof-south-1",
)
UNMODELLED = ("eu-isoe-west-1", "us-isof-south-1")  # botocore knows no dual-stack address there
CASES = [
    (region, fips, dual_stack)
    for region, fips, dual_stack in itertools.product(REGIONS, [False, True], [False, True])
    if not (dual_stack and region in UNMODELLED)
]
ANY_OPERATION = {"dynamodb": "list_tables", "kms": "list_keys"}


@pytest.mark.parametrize("service", ANY_OPERATION)
@pytest.mark.parametrize(("region", "fips", "dual_stack"), CASES)
def test_a_region_answers_where_botocore_asks(region: str, service: str, fips: bool, dual_stack: bool) -> None:
    variables = {"AWS_USE_FIPS_ENDPOINT": str(fips), "AWS_USE_DUALSTACK_ENDPOINT": str(dual_stack).lower()}
    place = endpoint(service, region, variables)
    client = boto3.client(  # type: ignore[call-overload]
        service,
        region_name=region,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(use_fips_endpoint=fips, use_dualstack_endpoint=dual_stack),
    )
    asked = urlsplit(client.generate_presigned_url(ANY_OPERATION[service]))
    assert (f"https://{place.authority}{place.path}", place.port) == (f"https://{asked.netloc}{asked.path}", 443)
    assert place.is_tls


def test_an_address_of_one_service_goes_before_the_address_of_all() -> None:
    variables = {"AWS_ENDPOINT_URL": "http://all.test:4566", "AWS_ENDPOINT_URL_KMS": "https://kms.test/base"}
    assert endpoint("dynamodb", "eu-west-1", variables) == (False, "all.test", 4566, "/", "all.test:4566")
    assert endpoint("kms", "eu-west-1", variables) == (True, "kms.test", 443, "/base", "kms.test")


def test_configured_addresses_can_be_ignored() -> None:
    variables = {"AWS_ENDPOINT_URL": "http://all.test:4566", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}
    assert endpoint("kms", "eu-west-1", variables).authority == "kms.eu-west-1.amazonaws.com"


@pytest.mark.parametrize("typed", ["all.test:4566", "ftp://all.test", "https://", "http://[::1"])
def test_an_address_that_is_none_stops_the_start(typed: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        endpoint("kms", "eu-west-1", {"AWS_ENDPOINT_URL": typed})
