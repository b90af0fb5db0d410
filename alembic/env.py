"""Alembic runs this; the work is done, typed and tested, in `benchdb.store.migrate`."""

from benchdb.store.migrate import run_environment

run_environment()
