"""Measurements from running code: clock, memory, Dask meters, environment, revision.

No pytest and no SQL here: a meter writes what it saw into a `benchdb.collect.readings.Readings`.
"""
