"""The parameters of a service on instances with a database, and what the shared ones mean there.

Prices are those of us-east-1, for 730 hours: of an instance as each type says, of a database as each class says, and
0.115 USD a month for each GB that it keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from . import services, shared, updates
from .spec import Spec, switch

# arm64 only: what is installed on them is built for that.
INSTANCE_TYPES = {
    "t4g.small": 12,
    "t4g.medium": 25,
    "t4g.large": 49,
    "m7g.medium": 30,
    "m7g.large": 60,
    "m7g.xlarge": 119,
    "c7g.medium": 26,
    "c7g.large": 53,
    "c7g.xlarge": 106,
    "r7g.large": 78,
}
# Of each class how many connections are many: some seven in ten of what PostgreSQL takes with the memory of that class.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html#RDS_Limits.MaxConnections
DATABASE_CLASSES = {
    "db.t4g.micro": 60,
    "db.t4g.small": 120,
    "db.t4g.medium": 280,
    "db.t4g.large": 600,
    "db.m7g.large": 600,
    "db.m7g.xlarge": 1200,
    "db.m7g.2xlarge": 2400,
    "db.r7g.large": 1200,
    "db.r7g.xlarge": 2400,
}

DATABASE_CLASS = Spec(
    "DatabaseClass",
    "Database",
    "Class of the database",
    "db.t4g.micro costs about 12 USD a month, db.t4g.small 23, db.t4g.medium 47, each twice as much with MultiAz "
    "(us-east-1); of the larger ones see RDS's prices. Another class interrupts the database for some minutes, in "
    "which callers get 503.",
    "db.t4g.micro",
    allowed=tuple(DATABASE_CLASSES),
    constraint="DatabaseClass is one of the classes of the list, all of them arm64, such as db.t4g.micro.",
)
DATABASE_STORAGE = Spec(
    "DatabaseStorage",
    "Database",
    "Storage of the database (GB)",
    "GB that the database has to begin with, for 0.115 USD a month each, twice that with MultiAz (us-east-1). It grows "
    "by itself; RDS never makes it smaller, and refuses a number below what it has.",
    "20",
    "Number",
    minimum=20,
    maximum=16384,
    constraint="DatabaseStorage is a number of GB from 20 to 16384.",
)
DATABASE_MAX_STORAGE = Spec(
    "DatabaseMaxStorage",
    "Database",
    "Most storage of the database (GB)",
    "So far the storage grows by itself when less than a tenth is free. At least a quarter more than DatabaseStorage.",
    "100",
    "Number",
    minimum=25,
    maximum=65536,
    constraint="DatabaseMaxStorage is a number of GB from 25 to 65536, at least a quarter more than DatabaseStorage.",
)
BACKUP_DAYS = Spec(
    "BackupDays",
    "Database",
    "Days to keep backups",
    "The database can be brought back, as another one, to any second of so many days. Backups cost nothing as long as "
    "they are no larger than the database.",
    "7",
    "Number",
    minimum=1,
    maximum=35,
    constraint="BackupDays is a number of days from 1 to 35.",
)
MULTI_AZ = switch(
    "MultiAz",
    "Database",
    "Standby in another zone",
    "on keeps a second database in another zone, which takes over within a minute or two when the first is lost or "
    "changed; the database and its storage cost twice as much. off: it is away until it is repaired.",
)

# What shared ones, and those of other servers, mean here.
_OWN = (
    replace(
        updates.INSTANCE_TYPE,
        description="An arm64 type. Each instance costs a month (us-east-1): "
        + ", ".join(f"{name} {cost} USD" for name, cost in INSTANCE_TYPES.items())
        + "; and 0.64 USD for its disk. Another type replaces the instances one after the other.",
        allowed=tuple(INSTANCE_TYPES),
        pattern="",
        constraint="InstanceType is one of the types of the list, all of them arm64, such as t4g.small.",
    ),
    replace(
        updates.FLEET_MIN,
        description="So many instances run at least, over two zones, each for what InstanceType says; with one, the "
        "loss of its zone is felt until another has started.",
        default="1",
    ),
    replace(
        updates.FLEET_MAX,
        description="So many instances run at most: as many times what InstanceType says is the most that they cost. "
        "More than FleetMinSize: a rolling update needs room for one. Each has up to 16 connections to the database.",
    ),
    replace(
        updates.SESSION_MANAGER,
        description="on lets who has the right open a shell on an instance through Systems Manager; there is no SSH.",
    ),
    replace(
        shared.DELETION_PROTECTION,
        description="on makes AWS refuse to delete the database, by hand or with the stack. off: deleting the stack "
        "deletes it, and leaves a snapshot.",
    ),
)


def words(system: str) -> Mapping[str, Spec]:
    """How a service of the system that runs on instances words what all services have."""
    common = services.words(system)
    key = replace(
        common["KmsKeyArn"],
        description=f"{common['KmsKeyArn'].description} The database keeps the key that it was made with: another one "
        "is refused, and the update rolled back.",
    )
    return {**common, **{spec.name: spec for spec in (*_OWN, key)}}
