"""The embedded AWS emulator: start it, find it, talk to it, stop it.

    up ──start──▶ launcher (own session) ──patches──▶ ministack ──▶ 127.0.0.1:PORT
    down ──find──▶ Emulator ──stop──▶ nothing left: no process, no file

Everything listens on loopback, nothing is taken from the user's AWS configuration, and nothing leaves the machine.
"""

from troposphere_arch.local.emulator import DEFAULT_REGION, Emulator, PatchInfo, Response
from troposphere_arch.local.process import DEFAULT_PORT, find, start, tidy, turn, wait
from troposphere_arch.local.version import EMULATOR_VERSION

__all__ = [
    "DEFAULT_PORT",
    "DEFAULT_REGION",
    "EMULATOR_VERSION",
    "Emulator",
    "PatchInfo",
    "Response",
    "find",
    "start",
    "tidy",
    "turn",
    "wait",
]
