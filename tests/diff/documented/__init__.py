"""What AWS's documentation says of updates, property by property, to hold our facts against.

Of the 35,040 properties that the guide's last public edition (19 September 2023) says something of, and whose types
still exist, our facts are those of the guide for 33,799; graver or unknown for 887; milder for 354, each with a reason
that a test checks. Measured with the schemas of cfn-lint 1.58.0 by `python -m tests.diff.documented CLONE`, which also
draws the properties again.
"""
