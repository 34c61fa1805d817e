"""`python -m tests.diff.pairs CLONE...`: the published pairs, held against the diff.

CLONE is a clone of a project, bare or not, with its whole history; or a folder of files that were fetched singly, as
`owner+name/12 digits of the commit/path`. Exits 1 when something that an author says does not hold and nobody has said
why, 2 when nothing could be measured. A pair whose files are in no CLONE is told, and counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from . import Pair, pairs
from .measure import measure, report
from .sources import Sources


def main(arguments: list[str], every: list[Pair]) -> int:
    places = [Path(argument) for argument in arguments]
    if not places or not all(place.is_dir() for place in places):
        print(__doc__, file=sys.stderr)
        return 2
    measured = list(measure(every, Sources(places)))
    print(report(measured))
    if not any(one.found for one in measured):
        return 2
    return int(any(one.failed() for one in measured))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], pairs()))
