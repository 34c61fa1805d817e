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
from . import fronts
from .declaration import Service, System

# gunicorn gives up a worker that is stuck for longer than API Gateway waits, and one that is told to stop has that long
# to finish: less than ECS gives it.
TIMEOUT, GRACEFUL = 40, 20
# Longer than a load balancer keeps a connection that nothing comes by, or it would ask by one that is being closed.
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
KEEP_ALIVE = 75
# As long as it may be; a path with its query comes as API Gateway passes it on.
LINE = 8190


def command(port: int) -> list[str]:
    """What serves `index.py` at the port. https://gunicorn.org/reference/settings/"""
    return [
        "gunicorn",
        *("--bind", f"0.0.0.0:{port}"),
        *("--workers", "2"),
        *("--threads", "8"),
        *("--timeout", str(TIMEOUT)),
        *("--graceful-timeout", str(GRACEFUL)),
        *("--keep-alive", str(KEEP_ALIVE)),
        *("--limit-request-line", str(LINE)),
        # Its signs of life are in memory, and it has no door for administrators: the file system is not to be written.
        *("--worker-tmp-dir", "/dev/shm"),  # noqa: S108
        "--no-control-socket",
        "index:application",
    ]


def health_check(port: int, path: str) -> list[str]:
    """Asks the process itself, with what the image has: an answer above 399, or none, is an exit code of 1."""
    asked = f"http://127.0.0.1:{port}{path}"
    return ["python", "-c", f"import urllib.request as u; u.urlopen({asked!r}, timeout=4)"]


def container(
    t: ScenarioTemplate, system: System, service: Service, platform: ssm.Neighbour
) -> tuple[Program, list[Node]]:
    """The tasks of a service and what leads to them; with `image` of its declaration no repository of its own.

    An image has everything but what is told by the stack: its command, its port, its health check, its variables.
    """
    port = service.port or 0
    tags = Tags(owner=service.owner, service=service.name)
    images = ecr.elsewhere(t, "Images", service.image) if service.image else ecr.repository(t, "Repository")
    task = ecs.task(
        t,
        "Task",
        platform.told(discovery.VPC),
        image=images.tagged,
        repository_arn=images.arn,
        command=command(port),
        port=port,
        health=health_check(port, service.health),
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
