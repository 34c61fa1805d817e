"""What every function of the templates runs on, and every layer is built for."""

# The newest runtime that the handlers have been run on.
PYTHON_RUNTIME = "python3.13"
ARCHITECTURE = "arm64"
