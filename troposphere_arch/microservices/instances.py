"""Services that run on instances: an auto scaling group behind a load balancer, with a PostgreSQL database.

caller ──▶ front or Api ──▶ Balancer ──▶ Targets ──▶ Servers: gunicorn ──▶ index.py ──TLS──▶ Database
"""

from __future__ import annotations

from troposphere import Ref

from .. import arrows, discovery
from ..arrows.ends import Program
from ..blocks import rds, servers, ssm
from ..template import Node, ScenarioTemplate
from . import bundle, fronts, image, process
from .declaration import Service, System


def instances(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    """The servers of a service, what leads to them, and their database."""
    port = service.listens_at
    vpc, subnets = platform.told(discovery.VPC), platform.told(discovery.SUBNETS)
    made = servers.servers(
        t,
        "Servers",
        vpc=vpc,
        subnets=subnets,
        # To endpoints of the network they come as functions of the platform do.
        groups=[platform.told(discovery.GROUP)],
        code=bundle.bundle(service.folder, server=True),
        libraries=image.requirements(service).decode(),
        command=process.arguments(port),
    )
    database = rds.database(t, "Database", vpc=vpc, subnets=subnets)
    region = Ref("AWS::Region")
    arrows.knows_itself(made, AWS_DEFAULT_REGION=region, AWS_REGION=region, HEALTH=service.health, PORT=str(port))
    arrows.keeps_in(made, database)
    targets, nodes = fronts.balanced(t, system, service, platform, made.group, kind="instance")
    servers.serve(made, targets.resource, targets.after)
    t.record(targets, "forwards to", made)
    return made, [database, *nodes]
