"""What each run of the tests asks about every test: what this machine has for it, and whether it is in the sample."""

pytest_plugins = ("tests.system", "tests.sampling")
