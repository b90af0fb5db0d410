"""benchdb: a pytest plugin and a benchmark database.

`pytest --benchmark` writes a row for every benchmarked test into a SQLite file; the ``benchdb``
command reads it. Importing this package costs nothing: every part is imported where it is used.
"""

__version__ = "0.1.0"
