"""What a release leaves behind, as a file: its items byte for byte, its KMS keys, and what its users hold.

A ciphertext is only worth keeping with the key that opens it. The local cloud's KMS (moto) names the key in the
ciphertext and seals by AES-GCM under 32 bytes of key material, with the encryption context as associated data; so the
material of both keys lies beside the items, and is put into the reading cloud's KMS under the old ids. Nothing is
sealed anew: what is opened is what the release has written, under the context that it has chosen. The keys are
made for the fixture alone and protect nobody.
"""

import base64
import copy
import itertools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from moto.kms.models import kms_backends

from local.template import ACCOUNT, REGION
from secondstep.settings import Settings

FOLDER = Path(__file__).parent
_BATCH = 25  # of BatchWriteItem

type Items = list[dict[str, Any]]
type Held = dict[str, dict[str, Any]]


class KmsKey(msgspec.Struct, frozen=True):
    """A key of the local cloud: its ARN, whose id stands in every ciphertext, and its material."""

    arn: str
    material: bytes

    @property
    def id(self) -> str:
        """Return its id."""
        return self.arn.rpartition("/")[2]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A fixture: items are DynamoDB's own JSON (binary as Base64), `held` is what each person has, by name."""

    written_by: str
    written_at: int
    public_url: str
    seal_key: KmsKey
    signing_seal_key: KmsKey
    state: Items
    audit: Items
    held: Held

    @property
    def state_items(self) -> Items:
        """Return the items of State as DynamoDB takes them."""
        return [_from_json(each) for each in self.state]

    @property
    def audit_items(self) -> Items:
        """Return the items of Audit as DynamoDB takes them."""
        return [_from_json(each) for each in self.audit]


def files() -> list[Path]:
    """Return the fixtures, oldest release first."""
    return sorted(FOLDER.glob("*.json"), key=lambda path: [int(part) for part in path.stem.split(".")])


def read(path: Path) -> Kept:
    """Return a fixture."""
    return msgspec.json.decode(path.read_bytes(), type=Kept)


def write(path: Path, kept: Kept) -> None:
    """Write a fixture; the lines of two of them can be compared."""
    path.write_text(json.dumps(msgspec.to_builtins(kept), indent=1, ensure_ascii=False) + "\n", "utf-8")


def table(client: Any, name: str) -> Items:
    """Return the items of a table as they lie in a fixture, in order of their keys."""
    pages = client.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    items = [_to_json(item) for page in pages for item in page["Items"]]
    return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))


def put(client: Any, items: Mapping[str, Items]) -> None:
    """Put items into tables, by table name."""
    requests = [(table, {"PutRequest": {"Item": item}}) for table, those in items.items() for item in those]
    for batch in itertools.batched(requests, _BATCH, strict=False):
        asked: dict[str, Items] = {}
        for table, request in batch:
            asked.setdefault(table, []).append(request)
        assert not client.batch_write_item(RequestItems=asked)["UnprocessedItems"]


def key_of(arn: str) -> KmsKey:
    """Return a key of the running local cloud."""
    return KmsKey(arn, kms_backends[ACCOUNT][REGION].keys[arn.rpartition("/")[2]].key_material)


@contextmanager
def opening(kept: Kept, settings: Settings) -> Iterator[Settings]:
    """Have the running local cloud open what the release has sealed; yields the settings that name its keys."""
    keys = kms_backends[ACCOUNT][REGION].keys
    brought = (kept.seal_key, kept.signing_seal_key)
    for old in brought:
        key = copy.copy(keys[settings.seal_key_id.rpartition("/")[2]])
        key.id, key.arn, key.key_material = old.id, old.arn, old.material
        keys[old.id] = key
    yield msgspec.structs.replace(
        settings, seal_key_id=kept.seal_key.arn, signing_seal_key_id=kept.signing_seal_key.arn
    )
    for old in brought:
        del keys[old.id]


def _to_json(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _attribute(value, lambda raw: base64.b64encode(raw).decode()) for name, value in item.items()}


def _from_json(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _attribute(value, base64.b64decode) for name, value in item.items()}


def _attribute(value: Mapping[str, Any], binary: Any) -> dict[str, Any]:
    [(kind, inner)] = value.items()
    match kind:
        case "B":
            return {kind: binary(inner)}
        case "BS":
            return {kind: [binary(each) for each in inner]}
        case "L":
            return {kind: [_attribute(each, binary) for each in inner]}
        case "M":
            return {kind: {name: _attribute(each, binary) for name, each in inner.items()}}
        case _:
            return {kind: inner}
