"""`python -m troposphere_arch` is `troposphere-arch`."""

from .cli import main

raise SystemExit(main())
