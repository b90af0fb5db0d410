"""The dashboard: a static site of a history, that opens offline by a double-click.

Python finds and counts, the page draws: `data` says what goes from the one to the other.
"""
