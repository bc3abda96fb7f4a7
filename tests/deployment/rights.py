"""The rights that the template gives, one by one: which deed needs which, and how one is taken away for a while."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from typing import NamedTuple

from tests import templates
from tests.deployment.deeds import Deed
from tests.deployment.emulator import Deployment
from tests.deployment.visitor import Json, Reply, Visitor, patiently

# What the emulator does by itself, without asking whether the role may: held against the template alone, in
# tests/test_template.py and tests/test_notify_template.py.
NOT_ENFORCED = {
    "Log": "it keeps what a function prints",
    "Trace": "it traces nothing",
    "UseTables": "it encrypts no table, so none is opened in a function's name",
    "ReadStream": "it hands the stream's records over",
    "KeepUndelivered": "it puts what could not be delivered into the queue",
}


class Right(NamedTuple):
    """One action of a statement of a role, on one of its resources."""

    role: str
    sid: str
    action: str
    resource: str

    @property
    def id(self) -> str:
        """Return how a report names it."""
        return "-".join([self.role, self.sid, self.action.partition(":")[2], self.resource.rpartition(".")[2]])


def all_rights() -> list[Right]:
    """Return the rights of all roles that the emulator asks for."""
    return [
        Right(role, statement.sid, action, resource)
        for role, properties in templates.resources("AWS::IAM::Role").items()
        for policy in properties["Properties"]["Policies"]
        for statement in map(templates._statement, policy["PolicyDocument"]["Statement"])
        for action in statement.actions
        for resource in _told_apart(action, statement.resources)
        if statement.sid not in NOT_ENFORCED
    ]


def _told_apart(action: str, resources: Sequence[str]) -> Sequence[str]:
    """Return the resources; of a sender only the address: its domain is the same right in another guise."""
    return resources[:1] if action.startswith("ses:") else resources


@cache
def function_of(role: str) -> str:
    """Return the function whose role it is."""
    [found] = [
        name
        for name, each in templates.resources("AWS::Lambda::Function").items()
        if each["Properties"]["Role"] == {"Fn::GetAtt": [role, "Arn"]}
    ]
    return found


class Census:
    """Deeds done with all rights there, until each right was needed by one: how they were answered, who needs what."""

    def __init__(self, visitor: Visitor, rights: Iterable[Right]) -> None:
        self.replies: dict[str, Reply] = {}
        self.users: dict[Right, list[Deed]] = defaultdict(list)
        self._visitor = visitor
        self._deployment = visitor.deployment
        self._named = {(*each[:3], _arn(each, self._deployment)): each for each in rights}

    def take(self, deeds: Sequence[Deed], *, all_of: Sequence[Deed]) -> None:
        """Do all of some deeds, and of the others what it takes; what an environment remembers, a new one asks for."""
        for deed in all_of:
            self.replies[deed.name] = self._do(deed)
            self._do(deed, renewed=True)
        for renewed in (False, True):
            for deed in sorted(deeds, key=lambda each: not each.succeeds):
                if any(self._unneeded(each) for each in deed.functions):
                    self.replies[deed.name] = self._do(deed, renewed=renewed)

    def _unneeded(self, function: str) -> bool:
        return any(function_of(right.role) == function for right in self._named.values() if right not in self.users)

    def _do(self, deed: Deed, *, renewed: bool = False) -> Reply:
        self._visitor.reset()
        act = deed.prepare(self._visitor)
        if renewed:
            self._deployment.renew(*deed.functions)
        begin = self._deployment.decisions.stat().st_size
        reply = patiently(act)
        for right in self._used(begin):
            if function_of(right.role) in deed.functions and deed not in self.users[right]:
                self.users[right].append(deed)
        return reply

    def _used(self, begin: int) -> Iterator[Right]:
        with self._deployment.decisions.open("rb") as written:
            written.seek(begin)
            for line in written:
                said = json.loads(line)
                role = said["principal"].split("/")[1]
                key = (self._logical(role), said["sid"], said["action"], said["resource"])
                if key in self._named:
                    yield self._named[key]

    def _logical(self, role: str) -> str:
        return next((name for name, given in self._deployment.physical.items() if given == role), role)


@contextmanager
def taken(right: Right, deployment: Deployment) -> Iterator[None]:
    """Take a right from a role, and give it back."""
    client, role = deployment.client("iam"), deployment.physical[right.role]
    [policy] = client.list_role_policies(RoleName=role)["PolicyNames"]
    whole = client.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    rest = deepcopy(whole)
    rest["Statement"] = [left for each in rest["Statement"] for left in _without(right, each, deployment)]
    assert rest != whole
    client.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(rest))
    try:
        yield
    finally:
        client.put_role_policy(RoleName=role, PolicyName=policy, PolicyDocument=json.dumps(whole))


def _without(right: Right, statement: Json, deployment: Deployment) -> Iterator[Json]:
    """Yield what is left of a statement: its other actions on the resource, and all of them on the other resources."""
    if statement["Sid"] != right.sid:
        yield statement
        return
    arn, actions, resources = _arn(right, deployment), _listed(statement["Action"]), _listed(statement["Resource"])
    others = [each for each in resources if each != arn]
    if others and not right.action.startswith("ses:"):
        yield statement | {"Sid": right.sid + "Elsewhere", "Resource": others}
    kept = [each for each in actions if each != right.action]
    if kept:
        yield statement | {"Action": kept, "Resource": arn}


def _arn(right: Right, deployment: Deployment) -> str:
    """Return the ARN of a right's resource as it is deployed."""
    client, role = deployment.client("iam"), deployment.physical[right.role]
    [policy] = client.list_role_policies(RoleName=role)["PolicyNames"]
    document = client.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    [statement] = [each for each in document["Statement"] if each["Sid"] == right.sid]
    template = templates.resources("AWS::IAM::Role")[right.role]["Properties"]["Policies"][0]["PolicyDocument"]
    [written] = [each for each in template["Statement"] if each["Sid"] == right.sid]
    place = templates._statement(written).resources.index(right.resource)
    return str(_listed(statement["Resource"])[place])


def _listed(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
