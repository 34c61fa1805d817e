"""What each function, the cluster and a signed-in user may do: the whole list, so that a right more or less is noticed.

That each right of a handler is needed is shown where the handler is deployed with all of them but one
(`tests/handlers/`, `tests/journeys/`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.evidence import shows
from tests.rights import (
    HERE,
    IN_THE_NETWORK,
    Right,
    allow,
    held,
    is_trusted_to,
    logs_and_traces,
    of,
    trusted,
    unnoticed,
    use_key,
)

TEMPLATE = (Path(__file__).parents[2] / "templates/todo/1.0.0/todo.template.json").read_bytes()
TABLE, CLUSTER, ON = "Todos.Arn", "TodosCache.Arn", "NotRegionWithoutDaxAndReadCacheOn"
USE_KEY = use_key("dynamodb")


def every_function(title: str) -> set[Right]:
    return logs_and_traces(title) | {USE_KEY}


RIGHTS: dict[str, tuple[str, set[Right]]] = {
    "ReadTodosRole": (
        "lambda.amazonaws.com",
        every_function("ReadTodos")
        | IN_THE_NETWORK
        | {
            allow(of("dynamodb", "GetItem", "Query"), TABLE),
            allow(of("dax", "GetItem", "Query"), CLUSTER, "", ON),
        },
    ),
    "WriteTodosRole": (
        "lambda.amazonaws.com",
        every_function("WriteTodos")
        | IN_THE_NETWORK
        | {
            allow(of("dynamodb", "ConditionCheckItem", "DeleteItem", "GetItem", "PutItem", "UpdateItem"), TABLE),
            allow(of("dax", "DeleteItem", "UpdateItem"), CLUSTER, "", ON),
        },
    ),
    "DeleteAccountsRole": (
        "lambda.amazonaws.com",
        every_function("DeleteAccounts")
        | {
            allow(of("dynamodb", "BatchWriteItem", "PutItem", "Query"), TABLE),
            allow(of("cognito-idp", "AdminDeleteUser"), "Users.Arn"),
        },
    ),
    "TodosCacheRole": (
        "dax.amazonaws.com",
        {
            USE_KEY,
            allow(of("dynamodb", "DeleteItem", "DescribeTable", "GetItem", "Query", "UpdateItem"), TABLE),
        },
    ),
}


# Where Cognito identity pools go by which name, which is also the name of their policy variable.
POOLS = {
    "cognito-identity.amazonaws.com": "NotInUsGovEast1OrInUsGovWest1",
    "cognito-identity-us-gov.amazonaws.com": "InUsGovWest1",
    "cognito-identity.us-gov-east-1.amazonaws.com": "InUsGovEast1",
}
THROUGH_S3 = "StringEquals kms:ViaService s3.${AWS::Region}.${AWS::URLSuffix}"
# What a signed-in user holds: the own prefix, and the keys of what is there, through S3 only.
OF_USERS = {
    allow(of("kms", "Decrypt", "GenerateDataKey"), "KmsKeyArn", THROUGH_S3, "FileStorageOnAndHasKmsKeyArn"),
    allow(
        of("kms", "Decrypt"),
        HERE % ("kms", "key/*"),
        f"{THROUGH_S3} and StringLike kms:EncryptionContext:aws:s3:arn Files.Arn,${{Files.Arn}}/*",
        "FileStorageOn",
    ),
}
for issuer, where in POOLS.items():
    # In a Sub the variable is written with an exclamation mark, else CloudFormation would look for a resource.
    mine, when = f"${{Files.Arn}}/${{!{issuer}:sub}}/*", f"FileStorageOnAnd{where}"
    OF_USERS |= {
        allow(of("s3", "DeleteObject", "GetObject", "PutObject"), mine, "", when),
        allow(of("s3", "ListBucket"), "Files.Arn", f"StringLike s3:prefix ${{{issuer}:sub}}/*", when),
    }


def users_of(issuer: str) -> tuple[Any, ...]:
    """Signed-in users of the stack's own identity pool, no guests."""
    pool = {"StringEquals": {f"{issuer}:aud": {"Ref": "Identities"}}}
    signed_in = {"ForAnyValue:StringLike": {f"{issuer}:amr": "authenticated"}}
    return "Allow", ["sts:AssumeRoleWithWebIdentity"], {"Federated": issuer}, pool | signed_in


def proof(template: dict[str, Any]) -> None:
    """Fails unless each role holds just its rights, and is trusted to just its service."""
    for role, (service, rights) in RIGHTS.items():
        assert held(template, role) == rights, role
        assert is_trusted_to(template, role, service), role
    assert held(template, "IdentitiesRole") == OF_USERS
    signed_in = trusted(template, "IdentitiesRole")
    assert len(signed_in) == len(POOLS)
    assert all(users_of(issuer) in signed_in for issuer in POOLS)
    attached = [r["Properties"] for r in template["Resources"].values() if r["Type"] == "AWS::IAM::Policy"]
    assert sorted(p["Roles"][0]["Ref"] for p in attached) == ["ReadTodosRole", "WriteTodosRole"]
    assert {r["Type"] for r in template["Resources"].values() if "IAM" in r["Type"]} == {
        "AWS::IAM::Role",
        "AWS::IAM::Policy",
    }


@shows("REQ-T5", "REQ-T7", "REQ-T10", how="static")
def test_each_role_holds_its_rights_and_no_other() -> None:
    proof(json.loads(TEMPLATE))


def test_every_change_of_a_right_is_noticed() -> None:
    passed, tried = unnoticed(TEMPLATE, [*RIGHTS, "IdentitiesRole"], proof)
    assert passed == []
    assert tried > 120
