"""An architecture of your own, from our blocks and arrows: notes that signed-in users read.

.venv/bin/python examples/compose.py > notes.template.json
python build.py lint notes.template.json
"""

import sys
from pathlib import Path

from troposphere_arch import arrows
from troposphere_arch.blocks import apigateway, awslambda, cloudwatch, cognito, dynamodb
from troposphere_arch.render import render
from troposphere_arch.template import ScenarioTemplate, actor, scenario_template


def build() -> ScenarioTemplate:
    """Reader ──▶ Api ──GET /notes──▶ ReadNotes ──reads──▶ Notes"""
    t = scenario_template("notes", "1.0.0", "Notes that signed-in users read.")

    reader = actor(t, "Reader")
    users = cognito.user_pool(t, "Users")
    app = cognito.app_client(t, "App", users)
    api = apigateway.rest_api(t, "Api", users=users, stage="v1")
    read_notes = awslambda.function(t, "ReadNotes", code=Path(__file__).with_name("read_notes.py"))
    notes = dynamodb.table(t, "Notes", partition="owner", sort="id")

    arrows.signs_in(reader, app)
    arrows.calls(reader, api)
    arrows.route(api, "GET /notes", read_notes)
    arrows.accepts(read_notes, app)
    arrows.reads(read_notes, notes)

    cloudwatch.watch(t, api, read_notes, notes)
    return t


if __name__ == "__main__":
    sys.stdout.buffer.write(render(build()))
