"""SAM's own translator: from the template's short forms to plain CloudFormation, without asking AWS for anything."""

import logging
import os
from copy import deepcopy
from typing import Any

from samtranslator.translator.transform import transform

type Document = dict[str, Any]


class _NoManagedPolicies:
    """The roles are not acted out, so nobody has to ask IAM for the names of AWS's own policies."""

    def load(self) -> dict[str, str]:
        return {}


def translated(source: Document, parameters: Document, *, region: str) -> Document:
    """Return what a deployment with these parameters would create."""
    os.environ.setdefault("AWS_DEFAULT_REGION", region)  # the translator asks for the partition of a region
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of its own feature switches
    packaged = _packaged(source)
    flat = {name: ",".join(one) if isinstance(one, list) else one for name, one in parameters.items()}
    document: Document = transform(packaged, flat, _NoManagedPolicies())
    return document


def _packaged(source: Document) -> Document:
    """Put a made-up bucket in the place of local folders: the translator wants the template as after packaging."""
    packaged = deepcopy(source)
    places = {"AWS::Serverless::Function": "CodeUri", "AWS::Serverless::LayerVersion": "ContentUri"}
    for resource in packaged["Resources"].values():
        place = places.get(resource["Type"])
        if place is not None:
            resource["Properties"][place] = "s3://local/code"
    return packaged
