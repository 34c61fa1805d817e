"""`python build.py` makes the templates; `python build.py --help` tells the rest."""

from troposphere_arch.cli import main

raise SystemExit(main())  # type: ignore[no-untyped-call]  # it must run on older Pythons too
