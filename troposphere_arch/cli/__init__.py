"""The commands, one file each; `python build.py --help` lists them.

This module runs before anything is known to be installed, and on whatever Python the user typed: so it keeps to old
syntax, imports next to nothing, and a command's file is imported when that command is called.
"""

import sys

COMMANDS = {
    "build": "make the templates, lint them, write them (the command when none is named); also those of services",
    "new-service": "begin a microservice: declaration, code, test and template, in a folder of services",
    "image": "what the image of a container service is built from, and how it is built, pushed and run",
    "list": "the templates, their versions and sizes, drafts and releases",
    "show": "one template: parameters, outputs, resources, arrows",
    "map": "who calls whom over what, among services: a table, and a picture in Mermaid",
    "lint": "lint any CloudFormation templates with cfn-lint and the house rules",
    "diff": "what an update from one template to another does to a running stack",
    "release": "freeze what the sources make, for ever; or check that all releases are as they were",
    "audit": "hold all releases against today's rules and the ends of runtimes",
    "package": "build what functions need of third-party libraries, as Lambda layers",
    "publish": "put the releases into S3, ready to deploy: immutable, verified, never half there",
    "put-release": "publish a release of your software to a stack of software-updates, or withdraw it",
    "up": "deploy a template: into the embedded emulator, or into an AWS account",
    "run": "run a service on servers beside its stack in the emulator, and show its log until Ctrl-C",
    "demo": "play a user's journey against the stack in the emulator, step by step",
    "status": "the stacks that are up: template, version, and what an update to the latest would do",
    "versions": "the versions of a stack's functions: which are in use; and remove the old ones",
    "down": "delete a stack and what it retained, or everything in the emulator",
}


def main(argv=None):  # type: ignore[no-untyped-def]  # annotations of today would stop an older Python here
    """Run one command. Gives the exit code: 0 done, 1 not as it should be, 2 cannot be done as asked, 130 Ctrl-C."""
    try:
        from .bootstrap import ensure_packages

        ensure_packages()  # type: ignore[no-untyped-call]  # as above
        from .calling import run

        return run(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        return 130
