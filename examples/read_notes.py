"""`GET /notes`: the caller's notes."""

import json
import os

import boto3

table = boto3.client("dynamodb")


def handler(event, context):
    """One request; the owner is the verified caller, never anything in the request."""
    # The API answers preflights; the answer itself must say, too, which pages may read it.
    headers = {"Content-Type": "application/json", "Access-Control-Allow-Origin": event["stageVariables"]["origin"]}
    claims = event["requestContext"]["authorizer"]["claims"]
    if claims.get("token_use") != "id" or claims.get("aud") != os.environ["APP_CLIENT_ID"]:
        return {
            "statusCode": 401,
            "headers": headers,
            "body": json.dumps({"error": "Unauthorized", "message": "Sign in."}),
        }
    found = table.query(
        TableName=os.environ["NOTES_TABLE"],
        KeyConditionExpression="#o = :o",
        ExpressionAttributeNames={"#o": "owner"},
        ExpressionAttributeValues={":o": {"S": claims["sub"]}},
        Limit=100,
    )["Items"]
    return {"statusCode": 200, "headers": headers, "body": json.dumps({"notes": [item["id"]["S"] for item in found]})}
