"""template.yaml as the local run needs it: routes, authorizers, the gateway's answers, functions, tables, keys.

SAM's own translator turns the template into plain CloudFormation once, so what is read here is what a deployment
would create, not a second reading of SAM's short forms. Nothing in this module talks to AWS.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from local.translation import Document, translated

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE = ROOT / "template.yaml"
REGION = "eu-west-1"
ACCOUNT = "123456789012"
API_ID = "local"
STACK = "secondstep"

type Json = Any


class TemplateError(Exception):
    """The template says something that the local run cannot act out; the message names it."""


@dataclass(frozen=True)
class Function:
    """One Lambda function: where its code lies, and the limits its context tells."""

    logical_id: str
    name: str
    folder: str
    handler: str
    timeout_seconds: int
    memory_mb: int
    environment: Mapping[str, Json]

    @property
    def module(self) -> str:
        """Return the importable name of the handler's module."""
        return ".".join((*Path(self.folder).parts, self.handler.rpartition(".")[0]))

    @property
    def arn(self) -> str:
        """Return the ARN that the context shows."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.name}"


@dataclass(frozen=True)
class Authorizer:
    """A REQUEST authorizer: the function to ask, and the headers that must be there before it is asked."""

    name: str
    function: str
    identity_headers: tuple[str, ...]


@dataclass(frozen=True)
class Route:
    """A method of a resource, the function (logical id) behind it, and who is asked first."""

    method: str
    resource: str
    function: str
    authorizer: Authorizer | None


@dataclass(frozen=True)
class GatewayResponse:
    """How the gateway words one kind of answer of its own."""

    status: int | None
    headers: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Api:
    """The one REST API of the template."""

    stage: str
    routes: tuple[Route, ...]
    responses: Mapping[str, GatewayResponse]
    binary_media_types: tuple[str, ...]


@dataclass(frozen=True)
class Resource:
    """One table or key: logical id, type, and its properties as the template writes them."""

    logical_id: str
    type: str
    properties: Document


class Template:
    """The translated template and the values of its parameters."""

    def __init__(self, source: Document, parameters: Mapping[str, str] | None = None) -> None:
        self._source = source
        self._parameters = _parameters(source, parameters or {})
        self._document = translated(source, self._parameters, region=REGION)
        self._conditions: Document = self._document.get("Conditions", {})
        self._resources: dict[str, Document] = {
            name: resource
            for name, resource in self._document["Resources"].items()
            if "Condition" not in resource or self._holds(resource["Condition"])
        }
        self.functions: dict[str, Function] = {one.logical_id: one for one in self._functions()}

    @classmethod
    def load(cls, path: Path = TEMPLATE, parameters: Mapping[str, str] | None = None) -> "Template":
        """Read a SAM template; a parameter that is not given has the template's default."""
        if not path.is_file():
            raise TemplateError(f"{path.name} is missing: run this from a complete checkout.")
        return cls(yaml_parse(path.read_text("utf-8")), parameters)

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of these CloudFormation types, in the order of the template."""
        for name, resource in self._resources.items():
            if resource["Type"] in types:
                yield Resource(name, resource["Type"], resource.get("Properties", {}))

    def api(self) -> Api:
        """Return the API: exactly one, as a deployment has it."""
        apis = list(self.of_type("AWS::ApiGateway::RestApi"))
        stages = list(self.of_type("AWS::ApiGateway::Stage"))
        # Without OpenApiVersion SAM lets the deployment make a second stage, a door without throttles and log.
        extra = [one for one in self.of_type("AWS::ApiGateway::Deployment") if "StageName" in one.properties]
        if len(apis) != 1 or len(stages) != 1 or extra:
            raise TemplateError("template.yaml must have exactly one REST API with exactly one stage.")
        body: Document = apis[0].properties["Body"]
        return Api(
            stage=str(self.resolve(stages[0].properties["StageName"])),
            routes=tuple(self._routes(body)),
            responses=self._gateway_responses(body),
            binary_media_types=tuple(self.resolve(body.get("x-amazon-apigateway-binary-media-types", []))),
        )

    def environment(self, physical: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the union of all functions' variables: locally all of them share one process.

        `physical` maps `StateTable` to its name and `SealKey.Arn` to its ARN, for what has been created.
        """
        merged: dict[str, str] = {}
        for function in self.functions.values():
            for name, value in function.environment.items():
                text = str(self.resolve(value, physical))
                if merged.setdefault(name, text) != text:
                    raise TemplateError(f"Two functions give {name} different values; the local run has one.")
        return merged

    def outputs(self, physical: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the stack's outputs."""
        return {
            name: str(self.resolve(output["Value"], physical))
            for name, output in self._document.get("Outputs", {}).items()
            if "Condition" not in output or self._holds(output["Condition"])
        }

    def resolve(self, value: Json, physical: Mapping[str, str] | None = None) -> Json:
        """Replace intrinsic functions by what they stand for in the local stack."""
        return _Resolver(self, physical or {}).resolve(value)

    @property
    def parameters(self) -> dict[str, Document]:
        """Return the parameters with their values, as a template without any other declares them."""
        told = {name: ",".join(one) if isinstance(one, list) else one for name, one in self._parameters.items()}
        return {name: {"Type": "String", "Default": one} for name, one in told.items()}

    def parameter(self, name: str) -> Json:
        """Return the value of a parameter, or None where there is none of that name."""
        return self._parameters.get(name)

    def condition(self, name: str) -> bool:
        """Tell whether a named condition of the template holds."""
        return self._holds(name)

    def made_up_name(self, logical_id: str) -> str:
        """Return what stands for the name of a resource that the local cloud does not create."""
        resource = self._resources.get(logical_id, {})
        return API_ID if resource.get("Type") == "AWS::ApiGateway::RestApi" else f"{STACK}-{logical_id}"

    def function_invoked(self, by: Json) -> str:
        """Return the function that an invocation URI or a rule's target names, also behind an alias."""
        found = _INVOKED.search(json.dumps(by))
        name = (found["sub"] or found["get"] or found["ref"]) if found else ""
        if name not in self._resources:
            raise TemplateError(f"{by} does not name a function of the template.")
        if self._resources[name]["Type"] == "AWS::Lambda::Alias":
            return str(self._resources[name]["Properties"]["FunctionName"]["Ref"])
        return name

    def _holds(self, name: str) -> bool:
        return bool(self.resolve(self._conditions[name]))

    def _functions(self) -> Iterator[Function]:
        for resource in self.of_type("AWS::Lambda::Function"):
            properties = resource.properties
            source = self._source["Resources"][resource.logical_id]["Properties"]
            yield Function(
                logical_id=resource.logical_id,
                name=str(self.resolve(properties.get("FunctionName", f"{STACK}-{resource.logical_id}"))),
                folder=str(source["CodeUri"]).rstrip("/"),
                handler=properties["Handler"],
                timeout_seconds=int(self.resolve(properties.get("Timeout", 3))),
                memory_mb=int(self.resolve(properties.get("MemorySize", 128))),
                environment=properties.get("Environment", {}).get("Variables", {}),
            )

    def _routes(self, body: Document) -> Iterator[Route]:
        authorizers = self._authorizers(body)
        for resource, methods in body["paths"].items():
            for method, operation in methods.items():
                integration = operation["x-amazon-apigateway-integration"]
                if integration["type"].lower() != "aws_proxy":
                    raise TemplateError(f"{method.upper()} {resource}: the local run knows aws_proxy only.")
                yield Route(
                    method=method.upper(),
                    resource=resource,
                    function=self.function_invoked(integration["uri"]),
                    authorizer=_first_of(operation.get("security", []), authorizers),
                )

    def _authorizers(self, body: Document) -> dict[str, Authorizer]:
        schemes = body.get("securityDefinitions") or body.get("components", {}).get("securitySchemes", {})
        return {
            name: Authorizer(name, self.function_invoked(said["authorizerUri"]), _headers(said))
            for name, scheme in schemes.items()
            if (said := scheme.get("x-amazon-apigateway-authorizer"))
        }

    def _gateway_responses(self, body: Document) -> dict[str, GatewayResponse]:
        return {
            kind: GatewayResponse(
                status=int(said["statusCode"]) if said.get("statusCode") else None,
                headers={
                    name.removeprefix("gatewayresponse.header."): str(value)
                    for name, value in said.get("responseParameters", {}).items()
                    if name.startswith("gatewayresponse.header.")
                },
                templates=said.get("responseTemplates", {}),
            )
            for kind, said in self.resolve(body.get("x-amazon-apigateway-gateway-responses", {})).items()
        }


class _Resolver:
    """Intrinsic functions, for the values that the local run reads."""

    def __init__(self, template: Template, physical: Mapping[str, str]) -> None:
        self._template = template
        self._physical = physical

    def resolve(self, value: Json) -> Json:
        if isinstance(value, list):
            return [one for one in map(self.resolve, value) if one is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in ("Ref", "Condition") or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        resolved = {key: self.resolve(one) for key, one in value.items()}
        return {key: one for key, one in resolved.items() if one is not _NO_VALUE}

    def _intrinsic(self, name: str, argument: Json) -> Json:
        function = getattr(self, "_" + name.removeprefix("Fn::").lower(), None)
        if function is None:
            raise TemplateError(f"The local run does not know {name}.")
        return function(argument)

    def _ref(self, name: str) -> Json:
        if name in _PSEUDO:
            return _PSEUDO[name]
        if (value := self._template.parameter(name)) is not None:
            return value
        return self._physical.get(name, self._template.made_up_name(name))

    def _condition(self, name: str) -> bool:
        return self._template.condition(name)

    def _getatt(self, path: Json) -> str:
        name, attribute = path if isinstance(path, list) else path.split(".", 1)
        function = self._template.functions.get(name) if hasattr(self._template, "functions") else None
        if function is not None and attribute == "Arn":
            return function.arn
        local = f"arn:aws:local:{REGION}:{ACCOUNT}:{name}/{attribute}"
        return self._physical.get(f"{name}.{attribute}", local)

    def _sub(self, argument: Json) -> str:
        text, variables = argument if isinstance(argument, list) else (argument, {})

        def one(match: re.Match[str]) -> str:
            name = match[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in variables:
                return str(self.resolve(variables[name]))
            return str(self._getatt(name) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", one, text)

    def _join(self, argument: list[Json]) -> str:
        return str(argument[0]).join(str(one) for one in self.resolve(argument[1]))

    def _select(self, argument: list[Json]) -> Json:
        return self.resolve(argument[1])[int(self.resolve(argument[0]))]

    def _split(self, argument: list[Json]) -> list[str]:
        return str(self.resolve(argument[1])).split(argument[0])

    def _if(self, argument: list[Json]) -> Json:
        return self.resolve(argument[1] if self._template.condition(argument[0]) else argument[2])

    def _equals(self, argument: list[Json]) -> bool:
        left, right = self.resolve(argument)
        return str(left) == str(right)

    def _not(self, argument: list[Json]) -> bool:
        return not self.resolve(argument[0])

    def _and(self, argument: list[Json]) -> bool:
        return all(self.resolve(argument))

    def _or(self, argument: list[Json]) -> bool:
        return any(self.resolve(argument))


_INVOKED = re.compile(
    r"functions/\$\{(?P<sub>\w+)(?:\.Arn)?\}/invocations(?!.*__FunctionArn__)"
    r'|"Fn::GetAtt": \["(?P<get>\w+)", "Arn"\]|"Ref": "(?P<ref>\w+)"',
)
_NO_VALUE = object()
_PSEUDO: dict[str, Json] = {
    "AWS::NoValue": _NO_VALUE,
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": STACK,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/local",
    "AWS::URLSuffix": "amazonaws.com",
}


def _parameters(source: Document, given: Mapping[str, str]) -> Document:
    declared = source.get("Parameters", {})
    for name in given:
        if name not in declared:
            raise TemplateError(f"template.yaml has no parameter {name}.")
    values = {name: given.get(name, said.get("Default", "")) for name, said in declared.items()}
    return {
        name: str(value).split(",") if said["Type"] == "CommaDelimitedList" else str(value)
        for (name, said), value in zip(declared.items(), values.values(), strict=True)
    }


def _first_of(security: list[Document], authorizers: Mapping[str, Authorizer]) -> Authorizer | None:
    for requirement in security:
        for name in requirement:
            if name in authorizers:
                return authorizers[name]
    return None


def _headers(authorizer: Document) -> tuple[str, ...]:
    prefix = "method.request.header."
    sources = [one.strip() for one in authorizer.get("identitySource", "").split(",") if one.strip()]
    for one in sources:
        if not one.startswith(prefix):
            raise TemplateError(f"The local run knows headers as identity sources only, not {one}.")
    return tuple(one.removeprefix(prefix) for one in sources)
