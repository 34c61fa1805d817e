"""Functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from troposphere import AWSHelperFn, GetAtt, Ref, Split, Tags, awslambda, ec2, iam, logs

from .. import grants, layers, parameters
from ..conditions import choose, given, optional
from ..parameters import Spec, parameter
from ..runtime import ARCHITECTURE, PYTHON_RUNTIME
from ..template import Node, ScenarioTemplate
from .dynamodb import Table
from .ec2 import Network, gateway_endpoint
from .iam import grant, role
from .kinesis import Stream
from .logs import log_group
from .network import ServerNetwork, closed_group, over_https

DEFAULTS = {"Timeout": 10}


class Place(NamedTuple):
    """Where a function is: a network, the layers that it has there, and the condition of both."""

    network: Network | ServerNetwork
    layers: tuple[str, ...]
    when: str | None


@dataclass(frozen=True)
class Function(Node):
    """A function with its own role and its own log group.

    `tables` are the tables that it uses, `outside` names what else it uses that no network of ours has an endpoint for,
    `places` holds the network that it is in, if any, with the layers and the condition of that; `streams` are the
    streams that it reads, and the tables whose changes it is told of. `aliases` holds the alias that requests come to,
    if there is one.
    """

    resource: awslambda.Function
    role: iam.Role
    logs: logs.LogGroup
    tables: list[Table] = field(default_factory=list, repr=False)
    outside: list[str] = field(default_factory=list, repr=False)
    places: list[Place] = field(default_factory=list, repr=False)
    streams: list[Table | Stream] = field(default_factory=list, repr=False)
    aliases: list[awslambda.Alias] = field(default_factory=list, repr=False)

    @property
    def variables(self) -> dict[str, Any]:
        """The environment variables that it is told; arrows add to them."""
        told: dict[str, Any] = self.resource.Environment.Variables
        return told

    @property
    def invoked(self) -> str:
        """What requests come to, as the text of a `Sub` has its ARN: the alias where there is one, else the function.

        So an alias is there before what refers to it.
        """
        return f"${{{self.aliases[0].title}}}" if self.aliases else f"${{{self.title}.Arn}}"

    @property
    def arn(self) -> Any:
        """The same, as a value."""
        return Ref(self.aliases[0]) if self.aliases else GetAtt(self.resource, "Arn")

    @property
    def admits(self) -> Any:
        """What a permission to invoke it is for: the alias where there is one, else the function."""
        return Ref(self.aliases[0] if self.aliases else self.resource)


class _JsonLogs(AWSHelperFn):  # type: ignore[misc]  # troposphere is untyped
    """`LoggingConfig` of a function. troposphere's class of that name was overwritten by another: no LogFormat."""

    def __init__(self, log_group: Any) -> None:
        self.data = {
            "LogFormat": "JSON",
            "LogGroup": Ref(log_group),
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "WARN",
        }


class Text(str):
    """The text of a handler itself, where others give its file."""


def source(path: str | Path) -> str:
    """The text of a handler: one of ours by its name under `handlers/`, such as `todo/read_todos.py`, or any `Path`."""
    if isinstance(path, Text):
        return str(path)
    if isinstance(path, Path):
        return path.read_text(encoding="utf-8")
    return files("troposphere_arch").joinpath("handlers", *path.split("/")).read_text(encoding="utf-8")


def function(
    t: ScenarioTemplate,
    title: str,
    *,
    code: str | Path,
    when: str | None = None,
    libraries: Sequence[awslambda.LayerVersion] = (),
    memory: Spec | int = parameters.FUNCTION_MEMORY,
    reserved: Spec | None = parameters.RESERVED_CONCURRENCY,
    **properties: Any,
) -> Function:
    """A Python function on arm64 that runs the handler file `code`, inlined as it is.

    `libraries` are layers that it always has, there whenever the function is; `memory` is its size in MB, or the
    parameter of that, `reserved` the parameter of the executions at once that are kept for it, if there is one.
    Makes `<title>`, `<title>Role` and `<title>Logs`. It is traced, logs JSON, and may do nothing else until an arrow
    grants it. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-function.html
    """
    if "Environment" in properties:
        raise ValueError(f"{title}: variables come from arrows, which also grant what they point at; draw an arrow")
    for library in libraries:
        if library.resource.get("Condition") not in (None, when):
            raise ValueError(f"{title} needs {library.title}, which is not there whenever the function is")
    own_logs = log_group(t, f"{title}Logs", when=when)
    own_role = role(t, f"{title}Role", grants.trust_lambda(), when=when)
    grant(own_role, "WriteLog", grants.write_log(own_logs))
    grant(own_role, "Trace", grants.trace())
    kept = (
        {"ReservedConcurrentExecutions": optional(given(t, reserved), Ref(parameter(t, reserved)))} if reserved else {}
    )
    resource = awslambda.Function(
        title,
        **{
            **DEFAULTS,
            "MemorySize": Ref(parameter(t, memory)) if isinstance(memory, Spec) else memory,
            **kept,
            **properties,
            "Architectures": [ARCHITECTURE],
            "Code": awslambda.Code(ZipFile=source(code)),
            "Environment": awslambda.Environment(Variables={}),
            "Handler": "index.handler",
            **({"Layers": [Ref(library) for library in libraries]} if libraries else {}),
            "Role": GetAtt(own_role, "Arn"),
            "Runtime": PYTHON_RUNTIME,
            "TracingConfig": awslambda.TracingConfig(Mode="Active"),
        },
    )
    # Past troposphere's type check, which knows the overwritten class only.
    resource.properties["LoggingConfig"] = _JsonLogs(own_logs)
    return Function(t, title, t.put(resource, when=when), own_role, own_logs, when=when)


def layer(
    t: ScenarioTemplate, title: str, name: str, *, description: str, when: str | None = None
) -> awslambda.LayerVersion:
    """The layer `name` of this package, from the user's artifact bucket, where `package` and `up` put it.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-lambda-layerversion.html
    """
    made: awslambda.LayerVersion = t.put(
        awslambda.LayerVersion(
            title,
            CompatibleArchitectures=[ARCHITECTURE],
            CompatibleRuntimes=[PYTHON_RUNTIME],
            Content=awslambda.Content(S3Bucket=Ref(parameter(t, parameters.ARTIFACT_BUCKET)), S3Key=layers.key(name)),
            Description=description,
        ),
        when=when,
    )
    return made


def uses(function: Function, table: Table) -> None:
    """Note that the function uses the table, and let it be reached from the network that the function is in."""
    if table not in function.tables:
        function.tables.append(table)
    for place in function.places:
        if isinstance(place.network, ServerNetwork):
            raise ValueError(
                f"{function.title} cannot reach {table.title} from inside {place.network.title}: there is no endpoint "
                "for DynamoDB; give the work to a function outside"
            )
        gateway_endpoint(place.network, table)


def put_into(
    function: Function, network: Network, libraries: list[awslambda.LayerVersion], *, when: str | None
) -> None:
    """Put the function into the network, with these layers, under a condition if there is one. Twice is as once.

    Its right to have interfaces there is unconditional: on its way out of the network it still needs it. Without the
    condition the lists are empty, not absent: an update may take a property that is gone for one to stay as it is.
    Raises ValueError when the function uses what cannot be reached from there, or is in another place already.
    """
    place = Place(network, tuple(library.title for library in libraries), when)
    if function.outside:
        raise ValueError(
            f"{function.title} is to be in {network.title}, where it could not reach {', '.join(function.outside)}: "
            "there is no endpoint for that; give the work to a function outside"
        )
    taken = {"VpcConfig", "Layers"} & function.resource.properties.keys()
    if taken and function.places != [place]:
        raise ValueError(f"{function.title} has a network or layers already, other than those of {network.title}")
    if function.places:
        return
    function.places.append(place)
    grant(function.role, f"HaveInterfacesIn{network.title}", grants.have_interfaces())
    function.resource.VpcConfig = awslambda.VPCConfig(
        SecurityGroupIds=choose(when, [GetAtt(network.functions, "GroupId")], []),
        SubnetIds=choose(when, network.subnet_ids, []),
    )
    function.resource.Layers = choose(when, [Ref(library) for library in libraries], [])
    for table in function.tables:
        gateway_endpoint(network, table)


def put_beside(function: Function, group: Any, subnets: Any, *more: Any) -> None:
    """Put the function into private subnets that are another stack's, ids separated by commas, and security groups.

    What it reaches from there is that stack's concern. Raises ValueError when it is in a network already.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
    """
    if function.places or "VpcConfig" in function.resource.properties:
        raise ValueError(f"{function.title} is in a network already")
    grant(function.role, "HaveInterfaces", grants.have_interfaces())
    function.resource.VpcConfig = awslambda.VPCConfig(SecurityGroupIds=[group, *more], SubnetIds=Split(",", subnets))


def mount(
    function: Function, network: ServerNetwork, access_point: Any, path: str, *, mounted: Any
) -> ec2.SecurityGroup:
    """Put the function into the network's private subnets, and let it see at `path` what is behind the access point.

    Its right to mount is another matter. Of AWS it reaches S3 there. `mounted` refers to what must be there before.
    Makes `<function>Group`, which is what this gives. Raises ValueError when the function uses what cannot be reached
    from there, or is in a network already. https://docs.aws.amazon.com/lambda/latest/dg/configuration-filesystem.html
    """
    others = [*function.outside, *(table.title for table in function.tables)]
    if others or function.places:
        raise ValueError(
            f"{function.title} is to be in {network.title}, where it could not reach {', '.join(others)}"
            if others
            else f"{function.title} is in a network already"
        )
    group = closed_group(
        network, f"{function.title}Group", "The function: out to S3 and to what arrows allow, nothing in.", over_https()
    )
    function.places.append(Place(network, (), None))
    grant(function.role, f"HaveInterfacesIn{network.title}", grants.have_interfaces())
    function.resource.VpcConfig = awslambda.VPCConfig(
        SecurityGroupIds=[GetAtt(group, "GroupId")], SubnetIds=network.private_ids
    )
    function.resource.FileSystemConfigs = [
        awslambda.FileSystemConfig(Arn=GetAtt(access_point, "Arn"), LocalMountPath=path)
    ]
    # Who refers to the mount targets comes after them: Lambda refuses a file system that it cannot mount.
    function.resource.Tags = Tags(mounts=mounted)
    return group
