"""Verdicts from arrays: numpy in, frozen records out; no SQL, no clock, no printing."""
