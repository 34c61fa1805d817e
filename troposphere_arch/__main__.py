"""`python -m troposphere_arch` is `troposphere-arch`."""

from .cli import main

raise SystemExit(main())  # type: ignore[no-untyped-call]  # it must run on older Pythons too
