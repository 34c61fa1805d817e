"""File systems that servers and functions share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from troposphere import GetAtt, Join, Ref, ec2, efs, encode_to_dict

from .. import grants, outputs, parameters
from ..conditions import given, optional
from ..parameters import parameter
from ..template import Node, ScenarioTemplate
from .network import ServerNetwork, closed_group

PORT = 2049
# Of whoever writes and of whoever reads: two users that are nobody else.
WRITER, READER = "1000", "1001"
# The one directory that both see as the root.
ROOT = "/updates"


@dataclass(frozen=True)
class FileSystem(Node):
    """A file system in each zone of a network, with one access point to write by and one to read by.

    `mounted` refers to its mount targets: what has that as a value can be mounted.
    """

    resource: efs.FileSystem
    network: ServerNetwork
    group: ec2.SecurityGroup
    reader: efs.AccessPoint
    writer: efs.AccessPoint
    mounted: Any


def file_system(t: ScenarioTemplate, title: str, network: ServerNetwork) -> FileSystem:
    """An encrypted file system that outlives its stack, is backed up every day, and can be mounted in every zone.

    What nobody asked for in 30 days moves to infrequent access, and back when somebody does. Nobody mounts it without
    TLS, nor but through an access point; who has one of the two is owner of nothing else, root neither.

    Makes `<title>`, `<title>Group`, `<title>MountA` to C, `<title>Reader`, `<title>Writer` and the output
    `FileSystemId`. https://docs.aws.amazon.com/efs/latest/ug/how-it-works.html
    """
    own_key = given(t, parameters.KMS_KEY)
    resource = efs.FileSystem(
        title,
        BackupPolicy=efs.BackupPolicy(Status="ENABLED"),
        Encrypted=True,
        FileSystemPolicy=encode_to_dict(grants.over_tls_by_access_points()),
        KmsKeyId=optional(own_key, Ref(parameter(t, parameters.KMS_KEY))),
        LifecyclePolicies=[
            efs.LifecyclePolicy(TransitionToIA="AFTER_30_DAYS"),
            efs.LifecyclePolicy(TransitionToPrimaryStorageClass="AFTER_1_ACCESS"),
        ],
        PerformanceMode="generalPurpose",
        ThroughputMode=Ref(parameter(t, parameters.updates.FILE_THROUGHPUT)),
        DeletionPolicy="RetainExceptOnCreate",
        UpdateReplacePolicy="Retain",
    )
    t.put(resource)
    group = closed_group(network, f"{title}Group", "The file system: in over NFS from who mounts it, nothing out.")
    mounts = [
        optional(
            zone.when,
            Ref(
                t.put(
                    efs.MountTarget(
                        f"{title}Mount{zone.letter}",
                        FileSystemId=Ref(resource),
                        SecurityGroups=[GetAtt(group, "GroupId")],
                        SubnetId=zone.private,
                    ),
                    when=zone.when,
                )
            ),
        )
        for zone in network.zones
    ]
    outputs.output(t, "FileSystemId", Ref(resource), "The file system with the releases; it stays with its backups.")
    return FileSystem(
        t,
        title,
        resource,
        network,
        group,
        _access_point(t, f"{title}Reader", resource, READER),
        _access_point(t, f"{title}Writer", resource, WRITER),
        Join(" ", mounts),
    )


def _access_point(t: ScenarioTemplate, title: str, files: efs.FileSystem, user: str) -> efs.AccessPoint:
    """Whoever comes by it is this user, and sees the one directory, which belongs to the writer and which all may read.

    https://docs.aws.amazon.com/efs/latest/ug/efs-access-points.html
    """
    made: efs.AccessPoint = t.put(
        efs.AccessPoint(
            title,
            FileSystemId=Ref(files),
            PosixUser=efs.PosixUser(Gid=user, Uid=user),
            RootDirectory=efs.RootDirectory(
                CreationInfo=efs.CreationInfo(OwnerGid=WRITER, OwnerUid=WRITER, Permissions="0755"), Path=ROOT
            ),
        )
    )
    return made
