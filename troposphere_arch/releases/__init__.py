"""Releases: versions that never change, and what a version may carry.

    sources ──draft──▶ judge against the last release ──freeze──▶ templates/<scenario>/<version>/, index.json
                            └──▶ the smallest version allowed            └──verify, audit──▶ what is off

`contract` says which version a change may carry, `frozen` reads what is released, `freeze` makes a release, `check`
and `audit` look at all of them.
"""
