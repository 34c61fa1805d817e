"""The origin: the blog's stack on the emulator, its site published, its posts written by an author through the API.

The emulator's CloudFront keeps nothing. So what stands before it, has to keep all that the template's policies say.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.edge.blog.replay import picture_files
from benchmarks.edge.distribution import Distribution, distribution
from troposphere_arch import catalogue, evaluate, local, scenarios
from troposphere_arch.deploy.site import put_site
from troposphere_arch.deploy.target import target_of
from troposphere_arch.journeys import expect
from troposphere_arch.journeys.blog import Author, invite, until
from troposphere_arch.media_types import media_type

STACK = "edge-of-the-benchmark"
BUCKET = "templates-of-the-benchmark"
# The posts are written faster than people write, and replayed faster than people read.
PARAMETERS = {"ThrottleBurst": "5000", "ThrottleRate": "5000"}
PICTURES = 20
COMMENTED = 40
COMMENTS = 3
AT_ONCE = 4
# About 600 words, and what lists show of them.
BODY = "A paragraph of a post, as long as such a paragraph usually is, and no longer.\n\n" * 45
SUMMARY = "What this post is about, in a sentence or two, so that readers know whether it is for them."


@dataclass
class Blog:
    """The stack, and what it was made with."""

    emulator: local.Emulator
    outputs: dict[str, str]
    author: Author
    files: dict[str, bytes]
    slugs: list[str]

    @property
    def host(self) -> str:
        """The name that readers ask for."""
        return self.outputs["BlogUrl"].removeprefix("https://")

    def distribution(self) -> Distribution:
        """What the deployed template says of the edge, for the parameters that it was deployed with."""
        cloudformation = self.emulator.client("cloudformation")
        body = cloudformation.get_template(StackName=STACK)["TemplateBody"]
        template = json.loads(body) if isinstance(body, str) else body
        stack = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        given = {p["ParameterKey"]: p["ParameterValue"] for p in stack.get("Parameters", ())}
        return distribution(evaluate.resolved(template, evaluate.parameters_of(template, given)))

    def post(self, number: int, what: str = "Post") -> tuple[dict[str, Any], str]:
        """A post to write, and the token to write it with. Every second one has a picture."""
        post = {"title": f"{what} {number}", "summary": SUMMARY, "body": BODY}
        if number % 2 == 0:
            post["picture"] = next(iter(picture_files(number // 2 % PICTURES))).split("/")[1]
        return post, self.author.tokens["IdToken"]

    def forget(self, slugs: list[str]) -> None:
        """Delete posts, so that the next readers find the blog as these found it."""
        for slug in slugs:
            answer = self.author.write("DELETE", f"/posts/{slug}")
            expect("204", answer.status == 204, answer.text())


@contextmanager
def running(home: Path, posts: int) -> Iterator[Blog]:
    """A blog with so many posts; it is gone afterwards."""
    emulator = local.start(port=0, patched=True, home=home)
    try:
        yield _made(emulator, posts)
    finally:
        emulator.stop()


def _made(emulator: local.Emulator, posts: int) -> Blog:
    outputs = _stack(emulator)
    s3 = emulator.client("s3")
    begin = f"blog/{scenarios.page('blog').VERSION}/site/"
    files = {path.removeprefix(begin): data for path, data in catalogue.contents().items() if path.startswith(begin)}
    put_site(target_of(emulator.client, bucket=BUCKET), outputs["SiteBucket"], files)
    for number in range(PICTURES):
        for path, data in picture_files(number).items():
            s3.put_object(Bucket=outputs["MediaBucket"], Key=path, Body=data, ContentType=media_type(path))
    author = Author(emulator, outputs)
    author.sign_in_first(invite(author))
    blog = Blog(emulator, outputs, author, files, [])

    def write(number: int) -> str:
        answer = author.write("POST", "/posts", blog.post(number)[0])
        expect("201", answer.status == 201, answer.text())
        slug: str = answer.json()["slug"]
        return slug

    def comment(slug: str) -> None:
        for number in range(COMMENTS):
            answer = author.call(
                "POST", f"/posts/{slug}/comments", {"name": "Ann", "text": f"Comment {number}. {SUMMARY}"}
            )
            expect("201", answer.status == 201, answer.text())

    # One after the other, since lists go by the time of writing.
    blog.slugs += map(write, range(posts))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(comment, blog.slugs[:COMMENTED]))
    return blog


def _stack(emulator: local.Emulator) -> dict[str, str]:
    s3, cloudformation = emulator.client("s3"), emulator.client("cloudformation")
    path = catalogue.template_path("blog", scenarios.page("blog").VERSION)
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="blog.json", Body=catalogue.contents()[path])
    cloudformation.create_stack(
        StackName=STACK,
        TemplateURL=f"{emulator.url}/{BUCKET}/blog.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()],
    )

    def done() -> dict[str, Any] | None:
        stack: dict[str, Any] = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]
        return None if stack["StackStatus"].endswith("_IN_PROGRESS") else stack

    stack = until("the stack", done)
    expect("CREATE_COMPLETE", stack["StackStatus"] == "CREATE_COMPLETE", stack.get("StackStatusReason"))
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
