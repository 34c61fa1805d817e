"""To-do list.

Phone ──signs in──▶ App (of Users) ──token──▶ Identities ──STS──▶ Phone ──own prefix──▶ Files
  └──▶ Api ──GET /todos, /todos/{id}──────────────▶ ReadTodos ──reads───▶ (TodosCache ──▶) Todos
         ├──POST /todos, PUT|DELETE /todos/{id}──▶ WriteTodos ──writes──▶ (TodosCache ──▶) Todos
         └──DELETE /me───────────────────────────▶ DeleteAccounts ──clears──▶ Todos, ──deletes user──▶ Users
"""

from __future__ import annotations

from .. import arrows, parameters
from ..blocks import apigateway, awslambda, budgets, cloudwatch, cognito, dax, dynamodb, ec2, s3, wafv2
from ..conditions import switched_on
from ..template import ScenarioTemplate, actor, scenario_template

VERSION = "1.0.0"
DESCRIPTION = (
    "Mobile to-do list: users sign in with Cognito, keep their to-dos behind a REST API in DynamoDB, and may keep "
    "files under their own prefix in S3."
)

# What each preset chooses otherwise than the template's defaults do.
PRESETS: dict[str, dict[str, str]] = {
    "starter": {},
    "production": {
        "DeletionProtection": "on",
        "FileStorage": "on",
        "FunctionMemory": "512",
        "LogRetentionDays": "90",
        "OldFileVersionDays": "90",
        "ReadCache": "dax",
        "ReadCacheNodeType": "dax.t3.medium",
        "ResponseCache": "0.5",
        "ThrottleBurst": "500",
        "ThrottleRate": "250",
    },
}


def build() -> ScenarioTemplate:
    """The template of the to-do list."""
    t = scenario_template("todo", VERSION, DESCRIPTION)

    phone = actor(t, "Phone")
    users = cognito.user_pool(t, "Users")
    app = cognito.app_client(t, "App", users)
    identities = cognito.identity_pool(t, "Identities", app)
    files = s3.private_bucket(t, "Files", when=switched_on(t, parameters.FILE_STORAGE))
    api = apigateway.rest_api(t, "Api", users=users, stage="v1")
    read_todos = awslambda.function(
        t, "ReadTodos", code="todo/read_todos.py", Description="Lists to-dos page by page, and gets one.", Timeout=15
    )
    write_todos = awslambda.function(
        t,
        "WriteTodos",
        code="todo/write_todos.py",
        Description="Creates, changes and deletes to-dos.",
        Timeout=15,
    )
    delete_accounts = awslambda.function(
        t,
        "DeleteAccounts",
        code="todo/delete_accounts.py",
        Description="Deletes all to-dos of a user, then the user.",
        Timeout=28,  # API Gateway waits for 29 seconds; deleting an account with many to-dos uses them
    )
    todos = dynamodb.table(t, "Todos", partition="owner", sort="id", expires="expires")
    network = ec2.private_network(t, "Network")
    todos_cache = dax.read_cache(t, "TodosCache", network)

    arrows.signs_in(phone, app)
    arrows.exchanges_token(app, identities)
    arrows.owns_prefix(identities, files)
    arrows.calls(phone, api)
    arrows.route(api, "GET /todos", read_todos, query=("done", "limit", "next"))
    arrows.route(api, "GET /todos/{id}", read_todos)
    arrows.route(api, "POST /todos", write_todos, body="todo/new_todo.schema.json")
    arrows.route(api, "PUT /todos/{id}", write_todos, body="todo/changed_todo.schema.json")
    arrows.route(api, "DELETE /todos/{id}", write_todos)
    arrows.route(api, "DELETE /me", delete_accounts)
    arrows.accepts(read_todos, app)
    arrows.accepts(write_todos, app)
    arrows.accepts(delete_accounts, app)
    arrows.reads(read_todos, todos, through=todos_cache)
    arrows.writes(write_todos, todos, through=todos_cache)
    arrows.clears(delete_accounts, todos)
    arrows.deletes_users(delete_accounts, users)

    wafv2.web_acl(api)
    functions = [read_todos, write_todos, delete_accounts]
    cloudwatch.watch(t, api, *functions, todos, todos_cache)
    cloudwatch.dashboard(t, "Dashboard", api, functions, todos, todos_cache)
    budgets.monthly_budget(t, "Budget")
    return t
