"""Where a service answers: the variables that the SDKs read, and the host names of AWS's partitions."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote, urlsplit

# First letters of a Region's name, its suffix, and the suffix that answers IPv6 as well.
_PARTITIONS = (
    ("cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    ("eusc-", "amazonaws.eu", "api.amazonwebservices.eu"),
    ("us-iso-", "c2s.ic.gov", "api.aws.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov", "api.aws.scloud"),
    ("eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
    ("", "amazonaws.com", "api.aws"),
)
_PORTS = {"https": 443, "http": 80}


class Endpoint(NamedTuple):
    """An address as a connection, a request line and a `Host` header want it."""

    is_tls: bool
    host: str
    port: int
    path: str
    authority: str


def endpoint(service: str, region: str, environment: Mapping[str, str]) -> Endpoint:
    """Return where a service (`dynamodb`, `kms`) answers; ValueError for an address that is none."""
    return _parsed(_configured(service, environment) or f"https://{_host(service, region, environment)}")


def _configured(service: str, environment: Mapping[str, str]) -> str:
    if _is_set(environment, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
        return ""
    return environment.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environment.get("AWS_ENDPOINT_URL", "")


def _host(service: str, region: str, environment: Mapping[str, str]) -> str:
    suffix, dual_stack_suffix = next(each[1:] for each in _PARTITIONS if region.startswith(each[0]))
    is_fips = _is_set(environment, "AWS_USE_FIPS_ENDPOINT")
    if _is_set(environment, "AWS_USE_DUALSTACK_ENDPOINT"):
        return f"{service}{'-fips' if is_fips else ''}.{region}.{dual_stack_suffix}"
    # In GovCloud DynamoDB's ordinary address is the FIPS one.
    has_fips_name = is_fips and not (service == "dynamodb" and region.startswith("us-gov-"))
    return f"{service}{'-fips' if has_fips_name else ''}.{region}.{suffix}"


def _is_set(environment: Mapping[str, str], name: str) -> bool:
    return environment.get(name, "").lower() == "true"


def _parsed(url: str) -> Endpoint:
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError(url)
    default = _PORTS[parts.scheme]
    port = parts.port or default
    authority = parts.hostname if port == default else f"{parts.hostname}:{port}"
    return Endpoint(parts.scheme == "https", parts.hostname, port, quote(parts.path or "/", safe="/~%"), authority)
