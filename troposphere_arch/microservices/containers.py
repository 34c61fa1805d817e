"""Services that run as containers: tasks on Fargate behind a load balancer, from an image of their own repository.

caller ──▶ front or Api ──▶ Balancer ──▶ Targets ──▶ Tasks: gunicorn ──▶ index.py ──▶ (Items)
developer ──docker push──▶ Repository ──pulled by ECS──▶ Tasks
"""

from __future__ import annotations

from troposphere import Ref, Tags

from .. import arrows, discovery
from ..arrows.ends import Program
from ..blocks import ecr, ecs, ssm
from ..template import Node, ScenarioTemplate
from . import fronts, process
from .declaration import Service, System


def health_check(port: int, path: str) -> list[str]:
    """Asks the process itself, with what the image has: an answer above 399, or none, is an exit code of 1."""
    asked = f"http://127.0.0.1:{port}{path}"
    return ["python", "-c", f"import urllib.request as u; u.urlopen({asked!r}, timeout=18)"]


def container(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    """The tasks of a service and what leads to them; with `image` of its declaration no repository of its own.

    An image has everything but what is told by the stack: its command, its port, its health check, its variables. One
    from elsewhere need not have what a health check of its own runs: the load balancer asks it.
    """
    port = service.listens_at
    tags = Tags(owner=service.owner, service=service.name)
    images = ecr.elsewhere(t, "Images", service.image) if service.image else ecr.repository(t, "Repository")
    task = ecs.task(
        t,
        "Task",
        platform.told(discovery.VPC),
        image=images.tagged,
        repository_arn=images.arn,
        command=process.arguments(port),
        port=port,
        health=None if service.image else health_check(port, service.health),
        tags=tags,
    )
    region = Ref("AWS::Region")
    arrows.knows_itself(task, AWS_DEFAULT_REGION=region, AWS_REGION=region, HEALTH=service.health, PORT=str(port))
    targets, nodes = fronts.balanced(t, system, service, platform, task.group, kind="ip")
    tasks = ecs.tasks(
        t,
        "Tasks",
        task,
        port=port,
        targets=targets.resource,
        after=targets.after,
        # Out of the network, and to endpoints, as functions of the platform come.
        groups=[platform.told(discovery.GROUP)],
        subnets=platform.told(discovery.SUBNETS),
        tags=tags,
    )
    t.record(tasks, "keeps running", task)
    t.record(targets, "forwards to", task)
    t.record(images, "has the image of", task)
    return task, [tasks, *nodes]
