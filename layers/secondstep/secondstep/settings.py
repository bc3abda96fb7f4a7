"""What a deployment decides, read once from the environment that template.yaml sets."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec


class AwsClient(StrEnum):
    """What speaks to DynamoDB and KMS."""

    LEAN = "lean"
    BOTO3 = "boto3"


class Settings(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Names of tables and keys, and the parameters of the template; keys a function may not use are empty."""

    state_table: str
    audit_table: str
    region: str
    seal_key_id: str = ""
    signing_seal_key_id: str = ""
    public_url: str = ""
    allowed_origins: tuple[str, ...] = ()
    server_addresses: tuple[str, ...] = ()
    event_bus: str = ""
    notice_from: str = ""
    aws_client: AwsClient = AwsClient.LEAN

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the environment of a function; a missing table name is a KeyError at the first request."""
        return cls(
            state_table=environment["STATE_TABLE"],
            audit_table=environment["AUDIT_TABLE"],
            region=environment["AWS_REGION"],
            seal_key_id=environment.get("SEAL_KEY_ID", ""),
            signing_seal_key_id=environment.get("SIGNING_SEAL_KEY_ID", ""),
            public_url=environment.get("PUBLIC_URL", "").rstrip("/"),
            allowed_origins=_listed(environment.get("ALLOWED_ORIGINS", "")),
            server_addresses=_listed(environment.get("SERVER_ADDRESSES", "")),
            event_bus=environment.get("EVENT_BUS", ""),
            notice_from=environment.get("NOTICE_FROM", ""),
            aws_client=AwsClient(environment.get("SECONDSTEP_AWS_CLIENT", AwsClient.LEAN)),
        )

    @cached_property
    def _server_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(text, strict=False) for text in self.server_addresses)

    def is_server(self, source: str) -> bool:
        """Tell whether an address is a backend of the operator's that relays logins (`ServerAddresses`)."""
        try:
            address = ip_address(source)
        except ValueError:
            return False
        return any(address in network for network in self._server_networks)

    def allows_origin(self, origin: str) -> bool:
        """Tell whether a web origin is listed; an entry that ends in `:*` allows every port of its host."""
        host, _, port = origin.rpartition(":")
        if port == "*":
            return False
        any_port = f"{host}:*" in self.allowed_origins and port.isascii() and port.isdecimal()
        return any_port or origin in self.allowed_origins


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
