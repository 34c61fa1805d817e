"""Databases of RDS and caches of ElastiCache: stacks make them, and servers of this machine may stand for them.

AWS::RDS::DBInstance ──Endpoint──▶ what `backends.serve` told, or a loopback address of its own
"""

from __future__ import annotations

import importlib
import json
import secrets
import tempfile
import uuid
from pathlib import Path
from typing import Any

from troposphere_arch.local.backends import Backend, backend, place
from troposphere_arch.local.patches.expect import expect_function, expect_keys
from troposphere_arch.local.patches.provisioner import (
    Created,
    Properties,
    client,
    on_worker_thread,
    physical_name,
    register,
    truth,
    unless_gone,
)

_INSTANCE = "AWS::RDS::DBInstance"
_CACHE = "AWS::ElastiCache::ServerlessCache"
_NOBODY = Backend("localhost", 1)


def install_databases() -> None:
    """AWS::RDS::DBInstance: where it is, its owner's password, and what is read back.

    Stock: at a name that nobody has, whatever is told; ManageMasterUserPassword is dropped, and the password is
    "password"; so are EnableCloudwatchLogsExports and CACertificateIdentifier. DeletionProtection is not looked at
    when a stack deletes it.
    AWS: the password is in a secret of RDS's own, which goes with the instance.
    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
    Patched: just that; no rotation. The endpoint is that of a local PostgreSQL, when one was told (`local.backends`),
    and so are user and password, if it was told those. Else it is at a loopback address of its own, at the very port,
    where a PostgreSQL may be started at any time. Nobody sets the password there.
    """
    rds: Any = importlib.import_module("ministack.services.rds")
    provisioners: Any = importlib.import_module("ministack.services.cloudformation.provisioners")
    handlers = expect_keys(provisioners, "_RESOURCE_HANDLERS", _INSTANCE)
    stock = handlers[_INSTANCE]
    show = expect_function(rds, "_instance_xml", "i")
    attributes = expect_function(provisioners, "_rds_db_instance_attrs", "instance")

    def apply(physical_id: str, new: Properties) -> None:
        instance = rds._instances[physical_id]
        instance["_exports"] = list(new.get("EnableCloudwatchLogsExports") or [])
        instance["CACertificateIdentifier"] = new.get("CACertificateIdentifier") or instance["CACertificateIdentifier"]
        known = _told("database")
        if known:
            instance["Endpoint"] |= {"Address": known.host, "Port": known.port}
        elif instance["Endpoint"]["Address"].endswith(".amazonaws.com"):
            instance["Endpoint"] |= {"Address": place(physical_id)}
        if not truth(new.get("ManageMasterUserPassword")):
            _forget(instance)
        elif "MasterUserSecret" not in instance:
            key = (new.get("MasterUserSecret") or {}).get("KmsKeyId")
            owner = {"username": instance["MasterUsername"], "password": secrets.token_urlsafe(24)}
            if known and known.user:
                owner = {"username": known.user, "password": known.password}
            made = client("secretsmanager").create_secret(
                Name=f"rds!db-{uuid.uuid4()}", SecretString=json.dumps(owner), **({"KmsKeyId": key} if key else {})
            )["ARN"]
            instance["MasterUserSecret"] = {"SecretArn": made, "SecretStatus": "active", "KmsKeyId": key or ""}

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        if truth(properties.get("ManageMasterUserPassword")) and properties.get("MasterUserPassword"):
            raise ValueError("You can't specify MasterUserPassword for an instance with ManageMasterUserPassword")
        made, _ = stock["create"](logical_id, properties, stack_name)
        apply(made, properties)
        return made, patched_attributes(rds._instances[made])

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str, *rest: str) -> Created:
        made, _ = stock["update"](physical_id, old, new, stack_name, *rest)
        apply(made, new)
        return made, patched_attributes(rds._instances[made])

    def delete(physical_id: str, properties: Properties) -> None:
        instance = rds._instances.get(physical_id)
        if instance and instance.get("DeletionProtection"):
            raise ValueError("Cannot delete protected DB Instance, please disable deletion protection and try again.")
        if instance:
            _forget(instance)
        stock["delete"](physical_id, properties)

    def patched_attributes(instance: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, Any] = attributes(instance)
        secret = instance.get("MasterUserSecret")
        return known | ({"MasterUserSecret.SecretArn": secret["SecretArn"]} if secret else {})

    def patched_show(instance: dict[str, Any]) -> str:
        text: str = show(instance)
        exports = "".join(f"<member>{one}</member>" for one in instance.get("_exports", []))
        told = f"<EnabledCloudwatchLogsExports>{exports}</EnabledCloudwatchLogsExports>"
        text = text.replace("<EnabledCloudwatchLogsExports/>", told)
        if secret := instance.get("MasterUserSecret"):
            inner = "".join(f"<{name}>{value}</{name}>" for name, value in secret.items())
            text += f"<MasterUserSecret>{inner}</MasterUserSecret>"
        return text

    rds._instance_xml = patched_show
    handlers[_INSTANCE] = {**stock, "create": create, "update": update, "delete": delete}
    # On the event loop, a call of the emulator's own API would wait for itself.
    on_worker_thread(_INSTANCE)


def install_caches() -> None:
    """AWS::ElastiCache::ServerlessCache.

    Stock: "Unrecognized resource types", and no stack; ElastiCache's own API has them, at the host `redis`.
    AWS: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-elasticache-serverlesscache.html
    Patched: made, changed and deleted through the ElastiCache API. The endpoint is that of a local Redis or Valkey, if
    one was told (`local.backends`), and else one where nobody listens. Users and their rights are not made there.
    """
    elasticache: Any = importlib.import_module("ministack.services.elasticache")

    def attributes(name: str) -> dict[str, Any]:
        cache = elasticache._serverless_caches[name]
        at = cache["Endpoint"]
        return {
            "ARN": cache["ARN"],
            "Status": cache["Status"],
            "FullEngineVersion": cache["FullEngineVersion"],
            "CreateTime": str(cache["CreateTime"]),
            "Endpoint.Address": at["Address"],
            "Endpoint.Port": str(at["Port"]),
            "ReaderEndpoint.Address": at["Address"],
            "ReaderEndpoint.Port": str(at["Port"]),
        }

    def create(logical_id: str, properties: Properties, stack_name: str) -> Created:
        name = properties.get("ServerlessCacheName") or physical_name(stack_name, logical_id, longest=40)
        kept = ("Engine", "MajorEngineVersion", "Description", "KmsKeyId", "SecurityGroupIds", "SubnetIds")
        more = {
            key: properties[key] for key in (*kept, "UserGroupId", "DailySnapshotTime", "Tags") if key in properties
        }
        if limits := _limits(properties):
            more["CacheUsageLimits"] = limits
        client("elasticache").create_serverless_cache(ServerlessCacheName=name, **more)
        at = _told("cache") or _NOBODY
        elasticache._serverless_caches[name.lower()]["Endpoint"] = {"Address": at.host, "Port": at.port}
        return name.lower(), attributes(name.lower())

    def update(physical_id: str, old: Properties, new: Properties, stack_name: str) -> Created:
        changed = {key: new[key] for key in ("Description", "SecurityGroupIds", "UserGroupId") if key in new}
        if limits := _limits(new):
            changed["CacheUsageLimits"] = limits
        if not new.get("UserGroupId") and old.get("UserGroupId"):
            changed["RemoveUserGroup"] = True
        client("elasticache").modify_serverless_cache(ServerlessCacheName=physical_id, **changed)
        return physical_id, attributes(physical_id)

    def delete(physical_id: str, properties: Properties) -> None:
        with unless_gone("ServerlessCacheNotFoundFault"):
            client("elasticache").delete_serverless_cache(ServerlessCacheName=physical_id)

    register(
        _CACHE,
        create=create,
        update=update,
        delete=delete,
        replacing=("ServerlessCacheName", "KmsKeyId", "SubnetIds", "SnapshotArnsToRestore"),
    )


def _told(kind: str) -> Backend | None:
    return backend(Path(tempfile.gettempdir()), kind)


def _forget(instance: dict[str, Any]) -> None:
    if secret := instance.pop("MasterUserSecret", None):
        with unless_gone("ResourceNotFoundException"):
            client("secretsmanager").delete_secret(SecretId=secret["SecretArn"], ForceDeleteWithoutRecovery=True)


def _limits(properties: Properties) -> dict[str, Any]:
    """CacheUsageLimits with numbers as numbers."""
    found: dict[str, Any] = {}
    for name, limit in (properties.get("CacheUsageLimits") or {}).items():
        found[name] = {key: value if key == "Unit" else int(value) for key, value in limit.items()}
    return found
