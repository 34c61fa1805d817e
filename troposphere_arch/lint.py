"""The gate that every template passes: cfn-lint, in this process and once for all templates, plus the house rules.

cfn-lint takes a second to import, half a second to build its rules and about a second for each template. So everything
is one run, templates share the rules, and what was clean before, down to the byte, is not linted again.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePath
from typing import Any

from .errors import UserError

# One region of each kind: where everything is, where most is, where some services are not, and another partition.
REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-2", "us-gov-west-1")

HOUSE = "E90"
UNUSED_EXEMPTION = "E9000"
# Below so many bytes of templates, two workers take longer than one: each must load the schemas of the resources.
FORK_FROM_BYTES = 150_000
# How many answers about conditions are remembered: one template has some hundreds of different questions.
MOST_ANSWERS = 2_000
# After how many new objects garbage is looked for: after 700, as Python does, that takes up to a sixth of the time.
GARBAGE_AFTER = 20_000
_PARSE_ERROR = "E0000"
_RULE_ERROR = "E0002"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: in which template, by which rule, how bad, on what (a logical id), where, and what."""

    template: str
    rule: str
    level: str
    resource: str
    path: str
    message: str
    line: int

    def __str__(self) -> str:
        return f"{self.template}:{self.line}: {self.rule} {self.path or 'template'}: {self.message}"


@dataclass(frozen=True)
class Exemption:
    """Leave to stand what `rule` finds on `resource` of `template` (its name, or the name of its file), for a reason.

    An exemption that matches nothing is a finding itself.
    """

    template: str
    rule: str
    resource: str
    reason: str

    def __post_init__(self) -> None:
        if not (self.template and self.rule and self.reason.strip()):
            raise ValueError(f"{self}: an exemption names the template, the rule, the resource and the reason")

    def is_about(self, template: str) -> bool:
        return self.template in (template, PurePath(template).name)

    def covers(self, finding: Finding) -> bool:
        return (self.rule, self.resource) == (finding.rule, finding.resource) and self.is_about(finding.template)


Templates = Mapping[str, bytes] | Iterable[str | os.PathLike[str]]


def lint(
    templates: Templates,
    *,
    regions: Sequence[str] = REGIONS,
    house: bool = True,
    parts: Collection[str] = (),
    exemptions: Iterable[Exemption] = (),
    cache: str | os.PathLike[str] | None = None,
    jobs: int = 2,
    progress: Callable[[str], None] = lambda name: None,
) -> list[Finding]:
    """Everything that is wrong with the templates, in their order and then by line.

    `templates` maps names to bytes, or lists files; JSON or YAML. Rules of every level are on, informational ones too,
    and no `.cfnlintrc` is read. With `house`, the house rules are on as well, and a template cannot switch a rule off
    for itself (`Metadata: cfn-lint`); only an `Exemption` can. `parts` names templates that are parts of others (one
    for an import, say): to them house rules do not apply.

    A region that a template itself refuses, by an assertion under no condition, is left out for it: no stack of it can
    be there. Raises `UserError` when a template refuses all of `regions`.

    `cache` is a directory of marks: a template that was clean under the same bytes, rules, regions and exemptions is
    not linted again, and when all are, cfn-lint is not even imported. Each mark is set as soon as its template is known
    to be clean, so that a run that was stopped has not been for nothing. `progress` hears of each that was linted.

    The first run changes this process for good: the solver that cfn-lint uses (sympy's `satisfiable`) remembers its
    answers, and what is in memory by then is not looked through for garbage any more (`gc.freeze`).
    https://github.com/aws-cloudformation/cfn-lint
    """
    sources = _read(templates)
    exempt = list(exemptions)
    ruled = {name: house and name not in parts for name in sources}
    marks = {name: _mark(cache, content, regions, ruled[name], exempt, name) for name, content in sources.items()}
    todo = {name: content for name, content in sources.items() if not _is_marked(marks[name])}
    left: dict[str, list[Finding]] = {}
    for allowed, some in _by_regions(todo, tuple(regions)).items():
        for name, raw in zip(some, _run(some, allowed, house, jobs), strict=True):
            found = [f for f in raw if ruled[name] or not f.rule.startswith(HOUSE)]
            own = [e for e in exempt if e.is_about(name)]
            left[name] = [f for f in found if not any(e.covers(f) for e in own)]
            left[name] += [_unused(e, name) for e in own if not any(e.covers(f) for f in found)]
            if not left[name]:
                _set(marks[name])
            progress(name)

    findings = [finding for name in todo for finding in left[name]]
    findings += [_unused(e, e.template) for e in exempt if not any(e.is_about(name) for name in sources)]
    return findings


def _unused(exemption: Exemption, template: str) -> Finding:
    message = (
        f"the exemption from {exemption.rule} for {exemption.resource or 'the template'} matches nothing; remove it"
    )
    path = f"Resources/{exemption.resource}" if exemption.resource else ""
    return Finding(template, UNUSED_EXEMPTION, "error", exemption.resource, path, message, 1)


def _read(templates: Templates) -> dict[str, bytes]:
    if isinstance(templates, Mapping):
        return dict(templates)
    files = [templates] if isinstance(templates, str | os.PathLike) else list(templates)
    return {os.fspath(file): _read_file(Path(file)) for file in files}


def _read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; name a CloudFormation template, JSON or YAML") from None
    except IsADirectoryError:
        raise UserError(f"{file} is a directory; name the templates in it, such as {file}/*.json") from None
    except OSError as e:
        raise UserError(f"{file} cannot be read: {e.strerror}") from None


# --- the cache: an empty file for each template that was clean, named by all that this depends on


def _mark(
    cache: str | os.PathLike[str] | None,
    content: bytes,
    regions: Sequence[str],
    house: bool,
    exemptions: list[Exemption],
    name: str,
) -> Path | None:
    if cache is None:
        return None
    own = sorted((e.rule, e.resource) for e in exemptions if e.is_about(name))
    what = [hashlib.sha256(content).hexdigest(), _cfn_lint_version(), _house_rules_hash(), list(regions), house, own]
    return Path(cache) / hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _is_marked(mark: Path | None) -> bool:
    try:
        return mark is not None and mark.is_file()
    except OSError:
        return False


def _set(mark: Path | None) -> None:
    if mark is not None:
        # An empty file is there or it is not: nothing can be half written. A cache that cannot be written costs time
        # at the next run, nothing else.
        with contextlib.suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


@lru_cache
def _cfn_lint_version() -> str:
    """The version of cfn-lint, from the name of its metadata directory: quicker than importing what reads it."""
    for directory in sys.path:
        found = sorted(path.name for path in Path(directory or ".").glob("cfn[_-]lint-*.dist-info"))
        if found:
            return " ".join(found)
    import importlib.metadata

    return importlib.metadata.version("cfn-lint")


@lru_cache
def _house_rules_hash() -> str:
    here = Path(__file__).parent
    # What rules read besides themselves.
    files = [Path(__file__), here / "runtime.py", here / "stores.py", *sorted((here / "rules").glob("*.py"))]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


# --- the regions


def _by_regions(todo: Mapping[str, bytes], regions: tuple[str, ...]) -> dict[tuple[str, ...], dict[str, bytes]]:
    """The templates by the regions that they are linted for: those that they do not refuse."""
    groups: dict[tuple[str, ...], dict[str, bytes]] = {}
    for name, content in todo.items():
        refused = refused_regions(content)
        left = tuple(region for region in regions if region not in refused)
        if not left:
            raise UserError(f"{name} refuses {', '.join(regions)} by its own rule; name a region that it allows")
        groups.setdefault(left, {})[name] = content
    return groups


def refused_regions(content: bytes) -> frozenset[str]:
    """The regions in which no stack of this template can be: those that its `Rules` refuse whatever is chosen.

    Only a rule without a condition counts, and only `Not Contains [the regions] AWS::Region`, in JSON. A template that
    is written otherwise is linted for more regions, not for fewer.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
    """
    found: set[str] = set()
    try:
        rules = json.loads(content).get("Rules", {}).values()
    except (ValueError, AttributeError, RecursionError):
        return frozenset()
    for rule in rules:
        match rule:
            case {"RuleCondition": _}:
                continue
            case {"Assertions": list(assertions)}:
                for assertion in assertions:
                    match assertion:
                        case {"Assert": {"Fn::Not": [{"Fn::Contains": [list(regions), {"Ref": "AWS::Region"}]}]}}:
                            found |= {region for region in regions if isinstance(region, str)}
    return frozenset(found)


# --- the run


def _run(todo: dict[str, bytes], regions: tuple[str, ...], house: bool, jobs: int) -> Iterator[list[Finding]]:
    # Imported here like cfn-lint: nothing of this is needed when everything was clean before.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    runner = _runner(regions, house)
    workers = min(jobs, len(todo))
    small = sum(map(len, todo.values())) < FORK_FROM_BYTES
    if workers < 2 or small or not _can_fork(multiprocessing.get_all_start_methods()):
        yield from (_check(runner, name, content) for name, content in todo.items())
        return
    # Forked after the rules are built, so that the workers share them.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_adopt, initargs=(runner,)) as pool:
        yield from pool.map(_check_adopted, todo.keys(), todo.values())


def _can_fork(start_methods: list[str]) -> bool:
    """A fork copies the locks that other threads hold, and on macOS system libraries have such threads."""
    return "fork" in start_methods and sys.platform != "darwin" and threading.active_count() == 1


_adopted: Any = None


def _adopt(runner: Any) -> None:
    global _adopted
    _adopted = runner


def _check_adopted(name: str, content: bytes) -> list[Finding]:
    return _check(_adopted, name, content)


@lru_cache
def _runner(regions: tuple[str, ...], house: bool) -> Any:
    """cfn-lint with its rules built, ours among them, and no configuration but this.

    All of it stays for as long as the process, so the garbage collector need not look through it again and again.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _build_runner(regions, house)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()


def _build_runner(regions: tuple[str, ...], house: bool) -> Any:
    _answer_each_question_once()
    import cfnlint.helpers  # type: ignore[import-untyped]  # it ships no types
    from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped]
    from cfnlint.runner import Runner  # type: ignore[import-untyped]

    unknown = sorted(set(regions) - set(cfnlint.helpers.REGIONS))
    if unknown:
        raise UserError(f"region {unknown[0]} is unknown to cfn-lint; name regions such as {', '.join(REGIONS)}")

    class Config(ConfigMixIn):  # type: ignore[misc]  # untyped base class
        def set_template_args(self, template: Any) -> None:
            super().set_template_args({} if house else template)

    # Otherwise cfn-lint writes about files that do not parse to stderr; they become findings.
    logging.getLogger("cfnlint").addHandler(logging.NullHandler())
    config = Config(
        # An existing file that is no regular one: the only way to keep cfn-lint from looking for .cfnlintrc.
        ["--config-file", os.devnull],
        regions=list(regions),
        include_checks=["I"],
        mandatory_checks=["E", "I", "W"] if house else [],
    )
    runner = Runner(config)
    if house:
        from .rules import house_rules

        runner.rules.extend(house_rules())
    return runner


@lru_cache
def _answer_each_question_once() -> None:
    """Let the solver that cfn-lint is about to import remember its answers: a third of all the time.

    cfn-lint asks it which conditions of a template can hold together; of a template with many of them, and `Rules`,
    thousands of times, and mostly what it has asked before.
    """
    from sympy.assumptions.cnf import EncodedCNF  # type: ignore[import-untyped]  # it ships no types
    from sympy.logic import inference  # type: ignore[import-untyped]

    solve = inference.satisfiable
    answers: dict[Any, Any] = {}

    def satisfiable(question: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(question, EncodedCNF) or args or any(options.values()):
            return solve(question, *args, **options)
        key = tuple(question.encoding), tuple(map(tuple, question.data))
        if key not in answers:
            if len(answers) >= MOST_ANSWERS:
                answers.clear()
            answers[key] = solve(question)
        return answers[key]

    inference.satisfiable = satisfiable


def _check(runner: Any, name: str, content: bytes) -> list[Finding]:
    from cfnlint.decode import decode_str  # type: ignore[import-untyped]
    from cfnlint.runner import run_template_by_data

    usual = gc.get_threshold()
    gc.set_threshold(GARBAGE_AFTER)
    try:
        template, errors = decode_str(content.decode("utf-8"))
        matches = errors or list(run_template_by_data(template, runner.config, runner.rules))
    except UnicodeDecodeError as e:
        return [Finding(name, _PARSE_ERROR, "error", "", "", f"not UTF-8: {e.reason} at byte {e.start}", 1)]
    except Exception as e:
        # cfn-lint stumbles over some malformed shapes outside of its own safety net.
        return [Finding(name, _RULE_ERROR, "error", "", "", f"cfn-lint gave up on this template: {e!r}", 1)]
    finally:
        gc.set_threshold(*usual)
    found = {_finding(name, match) for match in matches}
    return sorted(found, key=lambda f: (f.line, f.rule, f.path, f.message))


def _finding(name: str, match: Any) -> Finding:
    path = [str(part) for part in getattr(match, "path", ())]
    return Finding(
        template=name,
        rule=match.rule.id,
        level=match.rule.severity,
        resource=path[1] if len(path) > 1 else "",
        path="/".join(path),
        message=match.message,
        line=match.linenumber,
    )
