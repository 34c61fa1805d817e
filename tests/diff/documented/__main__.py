"""Draws the properties that our facts are held against, and measures all of them.

    python -m tests.diff.documented CLONE [--write]

CLONE is a clone of the repository that `pages` names. Prints how often the guide and our facts say the same; `--write`
renews drawn.json and milder.json beside this file.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from tests.diff.documented import known
from tests.diff.documented.pages import COMMIT, GRAVITY, REPOSITORY, Documented, documented
from troposphere_arch.diff import facts

HERE = Path(__file__).resolve().parent
SEED = 20260729
COUNT = 60
SOURCE = {
    "repository": REPOSITORY,
    "commit": COMMIT,
    "licence": "CC BY-SA 4.0; taken over: types, property names, the word after 'Update requires', addresses of pages",
}


def main(arguments: list[str]) -> int:
    """Measure, print, and write when asked to."""
    every = [one for one in documented(Path(arguments[0])) if facts._schema(one.kind) is not None]
    print(f"{len(every)} properties of {len({one.kind for one in every})} types that exist")
    print(_matrix(every), _matrix([one for one in every if "/" not in one.path], "at the top level"), sep="\n\n")
    tellings = [
        {"type": one.kind, "path": one.path, "documented": one.whole, "ours": fact.update.value, "why": why}
        for one in every
        if known.milder(one.whole, fact := known.ours(one.kind, one.path))
        and (why := known.reason(one.kind, one.path, one.whole))
    ]
    print("\nours milder, by reason:", dict(Counter(one["why"] for one in tellings)))
    if "--write" in arguments:
        dice = random.Random(SEED)  # noqa: S311 (a draw that anybody can repeat)
        top = [one for one in every if "/" not in one.path]
        shares = [x for word in GRAVITY for x in dice.sample([one for one in top if one.own == word], COUNT // 4)]
        drawn = {
            "source": SOURCE,
            "schemas": f"cfn-lint {facts._folder()[1]}",
            "seed": SEED,
            "out of": len(every),
            "of all": [asdict(one) for one in dice.sample(every, COUNT)],
            "of each kind, at the top level": [asdict(one) for one in shares],
        }
        _write("drawn.json", drawn)
        _write("milder.json", {"source": SOURCE, "differences": _outermost(tellings)})
    return 0 if not any(one["why"] == "open" for one in tellings) else 1


def _outermost(tellings: list[dict[str, str]]) -> list[dict[str, str]]:
    """Without what is in a container that differs in the same way."""
    kept: list[dict[str, str]] = []
    for one in tellings:
        same = [k for k in kept if all(k[key] == one[key] for key in ("type", "documented", "ours", "why"))]
        if not any(one["path"].startswith(k["path"] + "/") for k in same):
            kept.append(one)
    return kept


def _matrix(every: list[Documented], where: str = "everywhere") -> str:
    """How often the guide says what, and we what."""
    pairs = Counter((one.whole, known.ours(one.kind, one.path).update.value) for one in every)
    lines = [f"guide, {where}".ljust(28) + "".join(word.rjust(19) for word in known.GRAVITY)]
    lines += [word.ljust(28) + "".join(str(pairs[word, mine]).rjust(19) for mine in known.GRAVITY) for word in GRAVITY]
    return "\n".join(lines)


def _write(name: str, content: object) -> None:
    (HERE / name).write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
