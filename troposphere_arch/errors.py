"""What the person at the terminal is told when something is wrong with what they asked for."""


class UserError(Exception):
    """One clear line for the person at the terminal: what is wrong, the value, what is allowed, what to do."""


class Stopped(UserError):
    """Ctrl-C while something goes on without us: one line that says what."""
