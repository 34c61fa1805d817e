"""Arrows of a fleet: who asks it, what it serves, and how that gets there.

device ──▶ balancer ──▶ fleet ──reads──▶ files ◀──writes── function ◀──takes── releases ◀──puts── publisher
"""

from __future__ import annotations

from troposphere import Ref, Sub, autoscaling

from .. import grants, outputs
from ..blocks import awslambda
from ..blocks.autoscaling import Fleet, tell_servers, track_requests
from ..blocks.awslambda import Function
from ..blocks.efs import PORT, FileSystem
from ..blocks.elasticloadbalancingv2 import HTTP, Balancer, traffic_of
from ..blocks.iam import grant
from ..blocks.network import reaches
from ..blocks.s3 import Bucket
from ..template import Node
from .ends import expect_end, tell, uses_key, variable

# Where the function sees the file system.
MOUNT = "/mnt/updates"
# Of the bucket of releases: what is put first, what is put last, and what became of it.
RIGHTS = {"files/*": "get version", "releases/*": "get version", "status/*": "put"}


def asks(source: Node, balancer: Balancer) -> None:
    """`source` asks the load balancer itself, as long as that answers everybody."""
    expect_end(balancer, Balancer, "asks")
    source.t.record(source, "asks", balancer)


def forwards(balancer: Balancer, fleet: Fleet) -> None:
    """The load balancer sends requests to the servers, which grow and shrink in number with them. Nobody else does.

    Makes `<fleet>Scaling`. The servers come after the listener: health is asked for only behind one.
    """
    expect_end(balancer, Balancer, "forwards")
    expect_end(fleet, Fleet, "forwards")
    t = fleet.t
    fleet.resource.TargetGroupARNs = [Ref(balancer.targets)]
    fleet.resource.resource["DependsOn"] = [balancer.http.title]
    reaches(t, balancer.group, fleet.group, HTTP, by=fleet.resource)
    track_requests(fleet, f"{fleet.title}Scaling", traffic_of(balancer))
    t.record(balancer, "forwards", fleet, "HTTP")


def mounts(fleet: Fleet, files: FileSystem) -> None:
    """The servers mount the file system, to read, by its access point for readers. They cannot write."""
    expect_end(fleet, Fleet, "mounts")
    expect_end(files, FileSystem, "mounts")
    t = fleet.t
    reaches(t, fleet.group, files.group, PORT, by=fleet.resource)
    grant(fleet.role, f"Read{files.title}", grants.mount(files.resource, files.reader, write=False))
    tell_servers(fleet, FILE_SYSTEM_ID=f"${{{files.title}}}", ACCESS_POINT_ID=f"${{{files.reader.title}}}")
    # Who refers to the mount targets comes after them.
    fleet.resource.Tags = [*fleet.resource.Tags, autoscaling.Tag("mounts", files.mounted, False)]
    t.record(fleet, "reads", files, "NFS over TLS")


def puts(source: Node, releases: Bucket) -> None:
    """`source` puts the files of a release into the bucket and then its description. Makes `PutReleaseCommand`."""
    expect_end(releases, Bucket, "puts")
    t = releases.t
    to = f"s3://${{{releases.title}}}"
    outputs.output(
        t,
        "PutReleaseCommand",
        Sub(
            f"aws s3 cp FOLDER {to}/files/VERSION/ --recursive --region ${{AWS::Region}} && "
            f"aws s3 cp VERSION.json {to}/releases/VERSION.json --region ${{AWS::Region}}"
        ),
        "Publishes a release: its files, then the description that names them and their SHA-256.",
    )
    t.record(source, "puts", releases, "files, then what names them")


def publishes_to(function: Function, releases: Bucket, files: FileSystem) -> None:
    """The function takes releases from the bucket and writes them into the file system; it says in the bucket how.

    It is in the network of the file system, from where it reaches S3 and, of it, this bucket only.
    """
    for node, kind in ((function, Function), (releases, Bucket), (files, FileSystem)):
        expect_end(node, kind, "publishes to")
    t, network = function.t, files.network
    grant(function.role, f"TakeFrom{releases.title}", grants.handle_objects(releases.resource, RIGHTS))
    grant(function.role, f"Decrypt{releases.title}", grants.decrypt_objects(releases.resource))
    uses_key(t, function.role, f"UseKeyOf{releases.title}", "s3", write=True, when=None)
    through = grants.objects_through_endpoint(releases.resource, RIGHTS)
    network.to_s3.PolicyDocument.Statement.extend(through)
    group = awslambda.mount(function, network, files.writer, MOUNT, mounted=files.mounted)
    reaches(t, group, files.group, PORT, by=function.resource)
    grant(function.role, f"Write{files.title}", grants.mount(files.resource, files.writer, write=True))
    tell(function, variable(releases, "BUCKET"), Ref(releases.resource), None)
    tell(function, variable(files, "").rstrip("_"), MOUNT, None)
    t.record(function, "takes from", releases)
    t.record(function, "writes", files)
