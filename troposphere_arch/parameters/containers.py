"""The parameters of a service that runs as containers.

Prices are those of us-east-1, for 730 hours of a task on arm64: a CPU 0.03238 USD an hour, a GB of memory 0.00356.
"""

from __future__ import annotations

from .spec import NONE, Spec

# CPU units and MB of each size: pairs that Fargate has.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
SIZES = {
    "small": ("256", "512"),
    "medium": ("512", "1024"),
    "large": ("1024", "2048"),
    "xlarge": ("2048", "4096"),
}
# Steps, since a rule of a template can compare them only if it can name them.
COUNTS = ("1", "2", "3", "4", "6", "8", "10", "20", "40", "100")

IMAGE_TAG = Spec(
    "ImageTag",
    "Tasks",
    "Tag of the image",
    "Which image runs, by its tag in the repository, or none for no tasks yet: what a new stack has, since its "
    "repository is empty. Push an image, then name its tag here; another one replaces the tasks, a few at a time, and "
    "one that is not there or does not become healthy is given up, and the update with it.",
    NONE,
    pattern=r"none|[A-Za-z0-9_][A-Za-z0-9._-]{0,127}",
    constraint="ImageTag is none or a tag: up to 128 letters, digits, _, . and -, of which . and - do not come first.",
)
# Without a default of their own: what a service declares is.
IMAGE_REPOSITORY = Spec(
    "ImageRepository",
    "Tasks",
    "Repository of the image",
    "Where images are pulled from, without a tag: a public repository, as its name is written for docker pull.",
    "",
    pattern=r"[a-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9._-]+)+",
    constraint="ImageRepository is a registry and a name, such as public.ecr.aws/team/stock, without a tag.",
)
IMAGE_REPOSITORY_ARN = Spec(
    "ImageRepositoryArn",
    "Tasks",
    "Repository of the image",
    "ARN of the ECR repository that images are pulled from, and that ECS gets the right to pull from. Of another "
    "account, it has to let this one pull.",
    "",
    pattern=r"arn:aws[a-z-]*:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9._/-]+",
    constraint="ImageRepositoryArn is the ARN of an ECR repository.",
)
TASK_SIZE = Spec(
    "TaskSize",
    "Tasks",
    "Size of a task",
    "small: 0.25 CPU and 0.5 GB, about 7 USD a month for each task that runs (us-east-1). medium: 0.5 and 1, 14 USD. "
    "large: 1 and 2, 29 USD. xlarge: 2 and 4, 58 USD. Another size replaces the tasks, a few at a time.",
    "small",
    allowed=tuple(SIZES),
    constraint=f"TaskSize is {', '.join(tuple(SIZES)[:-1])} or {tuple(SIZES)[-1]}.",
)
MIN_TASKS = Spec(
    "MinTasks",
    "Tasks",
    "Tasks at least",
    "So many tasks run when nothing is asked of them, each for what TaskSize says; with one, the loss of its zone is "
    "felt until another has started.",
    "1",
    "Number",
    allowed=COUNTS,
    constraint=f"MinTasks is one of {', '.join(COUNTS)}.",
)
MAX_TASKS = Spec(
    "MaxTasks",
    "Tasks",
    "Tasks at most",
    "So many tasks run when much is asked of them: as many times what TaskSize says is the most that they cost a "
    "month. An update may run twice as many for some minutes.",
    "4",
    "Number",
    allowed=COUNTS,
    constraint=f"MaxTasks is one of {', '.join(COUNTS)}.",
)
TARGET_CPU = Spec(
    "TargetCpu",
    "Tasks",
    "CPU to aim at",
    "Per cent of their CPU that tasks shall be busy on average: above it more are started, well below it some are "
    "stopped. Less answers a surge sooner and costs more.",
    "60",
    "Number",
    minimum=10,
    maximum=90,
    constraint="TargetCpu is a number of per cent from 10 to 90.",
)
DEPLOYMENT_ALARMS = Spec(
    "DeploymentAlarmNames",
    "Tasks",
    "Alarms that stop a deployment",
    "Names of CloudWatch alarms separated by commas, such as this stack's own, or none. When one goes off while new "
    "tasks come up, those before them come back, and the update fails.",
    NONE,
    pattern=r"none|[^,\s][^,]{0,254}(,[^,\s][^,]{0,254}){0,9}",
    constraint="DeploymentAlarmNames is none, or up to ten names of alarms separated by commas.",
)
