"""DynamoDB Accelerator: AWS::DAX::Cluster, AWS::DAX::ParameterGroup and AWS::DAX::SubnetGroup.

Stock: "Unrecognized resource types", and no stack.
AWS: a cluster of nodes in a network, which reads and writes tables with the permissions of its own role, for whoever is
allowed `dax:` actions on it.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/AWS_DAX.html
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DAX.access-control.html
Patched: a cluster is a server in the emulator's process (`troposphere_arch.local.dax`): one node, whatever its
replication factor; TLS only, with a certificate that functions which start from then on trust; both caches with the
times of its parameter group, which a change reaches at once. It calls the emulator's DynamoDB as its role, and asks the
emulator's IAM whether a caller may. It is in no network, never full, and gone after a reset.
"""

from __future__ import annotations

import contextvars
import importlib
import os
import re
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from troposphere_arch.local.dax import Authority, Cluster
from troposphere_arch.local.patches.expect import expect_function
from troposphere_arch.local.patches.provisioner import (
    Created,
    Properties,
    client,
    physical_name,
    register,
    this_emulator,
)

LONGEST_CLUSTER_NAME = 20
LONGEST_GROUP_NAME = 255
MOST_NODES = 11
DEFAULT_MILLIS = 300_000

_ITEMS, _QUERIES = "record-ttl-millis", "query-ttl-millis"
_SERVICE = "dax.amazonaws.com"
_TRUST_FILE = "SSL_CERT_FILE"

_Key = tuple[str, str, str]
"""Account, region, name."""


@dataclass
class _State:
    """What there is, of all accounts and regions."""

    subnet_groups: set[_Key] = field(default_factory=set)
    parameter_groups: dict[_Key, Properties] = field(default_factory=dict)
    clusters: dict[_Key, tuple[Cluster, Properties]] = field(default_factory=dict)
    authority: Authority | None = None
    bundle: Path | None = None
    trusted_before: str | None = None


_state = _State()
_authority_lock = threading.Lock()


def install() -> None:
    """Register the three types, and end the clusters when the emulator is reset."""
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    expect_function(
        evaluator, "enforce", "access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"
    )
    expect_function(evaluator, "resolve_credential", "access_key_id", "account_id", "session_token")
    stacks: Any = importlib.import_module("ministack.services.cloudformation")
    reset = expect_function(stacks, "reset")

    def patched_reset() -> None:
        _end_all()
        reset()

    stacks.reset = patched_reset
    register(
        "AWS::DAX::SubnetGroup",
        create=_create_subnet_group,
        update=_update_subnet_group,
        delete=_delete_subnet_group,
        replacing=("SubnetGroupName",),
        name="SubnetGroupName",
    )
    register(
        "AWS::DAX::ParameterGroup",
        create=_create_parameter_group,
        update=_update_parameter_group,
        delete=_delete_parameter_group,
        replacing=("ParameterGroupName", "Description"),
        name="ParameterGroupName",
    )
    register(
        "AWS::DAX::Cluster",
        create=_create_cluster,
        update=_update_cluster,
        delete=_delete_cluster,
        replacing=(
            "ClusterEndpointEncryptionType",
            "ClusterName",
            "IAMRoleARN",
            "NetworkType",
            "NodeType",
            "SSESpecification",
            "SubnetGroupName",
        ),
        name="ClusterName",
    )


def _create_subnet_group(logical_id: str, properties: Properties, stack_name: str) -> Created:
    client("ec2").describe_subnets(SubnetIds=properties["SubnetIds"])  # which refuses those that are not there
    name = properties.get("SubnetGroupName") or physical_name(stack_name, logical_id, longest=LONGEST_GROUP_NAME)
    _state.subnet_groups.add(_key(name))
    return name, {}


def _update_subnet_group(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
    return _create_subnet_group("", {**new, "SubnetGroupName": physical_id}, stack_name)


def _delete_subnet_group(physical_id: str, properties: Properties) -> None:
    _state.subnet_groups.discard(_key(physical_id))


def _create_parameter_group(logical_id: str, properties: Properties, stack_name: str) -> Created:
    values = properties.get("ParameterNameValues") or {}
    for parameter, value in values.items():
        if parameter not in (_ITEMS, _QUERIES):
            raise ValueError(f"ParameterNameValues: {parameter} is no parameter of DAX; {_ITEMS} and {_QUERIES} are")
        if not re.fullmatch(r"[0-9]+", str(value)):
            raise ValueError(f"ParameterNameValues: {parameter} is {value!r}; it must be a number of milliseconds")
    name = properties.get("ParameterGroupName") or physical_name(stack_name, logical_id, longest=LONGEST_GROUP_NAME)
    _state.parameter_groups[_key(name)] = values
    return name, {}


def _update_parameter_group(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
    updated = _create_parameter_group("", {**new, "ParameterGroupName": physical_id}, stack_name)
    for (*place, _), (cluster, properties) in _state.clusters.items():
        if (*place, properties.get("ParameterGroupName")) == _key(physical_id):
            _set_times(cluster, properties)
    return updated


def _delete_parameter_group(physical_id: str, properties: Properties) -> None:
    _state.parameter_groups.pop(_key(physical_id), None)


def _create_cluster(logical_id: str, properties: Properties, stack_name: str) -> Created:
    _check(properties)
    if properties.get("ClusterEndpointEncryptionType") != "TLS":
        raise ValueError("ClusterEndpointEncryptionType: the emulator's clusters do TLS only")
    _check_role(properties["IAMRoleARN"])
    name = properties.get("ClusterName") or physical_name(stack_name, logical_id, longest=LONGEST_CLUSTER_NAME)
    name = name.lower()
    if _key(name) in _state.clusters:
        raise ValueError(f"ClusterName: there is a cluster {name} already")
    _, region, _ = _key(name)
    arn = _arn(name)
    evaluator: Any = importlib.import_module("ministack.core.iam_evaluator")
    here = contextvars.copy_context()  # the account and the region, which the cluster's own threads don't know

    def secret(access_key_id: str, token: str | None) -> str | None:
        found = here.copy().run(evaluator.resolve_credential, access_key_id, session_token=token or "")
        return getattr(found, "secret_access_key", None)

    def allowed(access_key_id: str, action: str) -> bool:
        return here.copy().run(evaluator.enforce, access_key_id, action, "dax", region, arn) is None

    cluster = Cluster(
        _AsRole(properties["IAMRoleARN"], name, region),
        secret=secret,
        allowed=allowed,
        region=region,
        authority=_trusted_authority(),
    )
    _set_times(cluster, properties)
    _state.clusters[_key(name)] = cluster, properties
    return name, _attributes(name)


def _update_cluster(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
    _check(new)
    cluster, _ = _state.clusters[_key(physical_id)]
    _set_times(cluster, new)
    _state.clusters[_key(physical_id)] = cluster, new
    return physical_id, _attributes(physical_id)


def _delete_cluster(physical_id: str, properties: Properties) -> None:
    cluster, _ = _state.clusters.pop(_key(physical_id), (None, None))
    if cluster:
        cluster.close()


def _check(properties: Properties) -> None:
    """Raises ValueError when a property names something that is not there, or is none of its values."""
    for name, groups in (
        ("SubnetGroupName", _state.subnet_groups),
        ("ParameterGroupName", _state.parameter_groups),
    ):
        if (group := properties.get(name)) and _key(group) not in groups:
            raise ValueError(f"{name}: there is no {group}")
    nodes = str(properties["ReplicationFactor"])
    if not re.fullmatch(r"[0-9]+", nodes) or not 1 <= int(nodes) <= MOST_NODES:
        raise ValueError(f"ReplicationFactor is {nodes}; it must be 1 to {MOST_NODES}")


def _check_role(arn: str) -> None:
    iam = client("iam")
    try:
        role = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
    except iam.exceptions.NoSuchEntityException:
        raise ValueError(f"IAMRoleARN: there is no role {arn}") from None
    for statement in role["AssumeRolePolicyDocument"]["Statement"]:
        principal = statement.get("Principal")
        services = principal.get("Service", []) if isinstance(principal, dict) else []
        if statement["Effect"] == "Allow" and _SERVICE in ([services] if isinstance(services, str) else services):
            return
    raise ValueError(f"IAMRoleARN: {arn} does not trust {_SERVICE}")


def _set_times(cluster: Cluster, properties: Properties) -> None:
    group = properties.get("ParameterGroupName")
    values = _state.parameter_groups[_key(group)] if group else {}
    cluster.items.ttl_ms = int(values.get(_ITEMS, DEFAULT_MILLIS))
    cluster.queries.ttl_ms = int(values.get(_QUERIES, DEFAULT_MILLIS))


def _attributes(name: str) -> dict[str, Any]:
    cluster, _ = _state.clusters[_key(name)]
    return {
        "Arn": _arn(name),
        "ClusterDiscoveryEndpoint": cluster.url.removeprefix("daxs://"),
        "ClusterDiscoveryEndpointURL": cluster.url,
        "Id": name,
    }


def _key(name: str) -> _Key:
    responses: Any = importlib.import_module("ministack.core.responses")
    return responses.get_account_id(), responses.get_region(), name


def _arn(name: str) -> str:
    account, region, _ = _key(name)
    return f"arn:aws:dax:{region}:{account}:cache/{name}"


class _AsRole:
    """Gives a client of DynamoDB that has a role's permissions; the role is assumed anew when its session ends."""

    def __init__(self, role: str, cluster: str, region: str) -> None:
        self._assume = {"RoleArn": role, "RoleSessionName": f"dax-{cluster}"}
        self._sts = client("sts")
        self._region = region
        self._lock = threading.Lock()
        self._dynamodb: Any = None
        self._until = 0.0

    def __call__(self) -> Any:
        with self._lock:
            if time.time() > self._until:
                credentials = self._sts.assume_role(**self._assume)["Credentials"]
                self._dynamodb = this_emulator().client("dynamodb", credentials=credentials, region=self._region)
                self._until = credentials["Expiration"].timestamp() - 60
            return self._dynamodb


def _trusted_authority() -> Authority:
    """The authority of all clusters. Functions that start from now on trust it, besides those they trust anyhow."""
    from botocore.httpsession import get_cert_path

    with _authority_lock:
        if _state.authority is None:
            authority = Authority()
            known = ssl.get_default_verify_paths().cafile or str(get_cert_path(True))
            _state.bundle = Path(tempfile.gettempdir(), "trusted.pem")
            _state.bundle.write_bytes(Path(known).read_bytes() + b"\n" + authority.pem)
            _state.trusted_before = os.environ.get(_TRUST_FILE)
            os.environ[_TRUST_FILE] = str(_state.bundle)  # functions inherit the emulator's environment
            _state.authority = authority
        return _state.authority


def _end_all() -> None:
    for cluster, _ in _state.clusters.values():
        cluster.close()
    if _state.bundle:
        if _state.trusted_before is None:
            os.environ.pop(_TRUST_FILE, None)
        else:
            os.environ[_TRUST_FILE] = _state.trusted_before
        _state.bundle.unlink(missing_ok=True)
    for held in (_state.subnet_groups, _state.parameter_groups, _state.clusters):
        held.clear()
    _state.authority = _state.bundle = None
