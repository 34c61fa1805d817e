"""Measurements, never asserted by a test: `make bench`."""
