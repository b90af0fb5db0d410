"""pytest looks for its rootdir before it knows the options of plugins: a trap for paths."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

_WITH_PATHS = ("--benchmark-db", "--benchmark-artifacts")


def refuse_misread_paths(config: pytest.Config) -> None:
    """Refuse an option's path that pytest takes, or will take, for a test path.

    Written with a space, `--benchmark-db PATH` is two words to pytest while it looks for the
    rootdir, and once PATH exists, its folder counts: the project's settings would be lost, and its
    tests would be recorded under other names.

    Raises
    ------
    pytest.UsageError
        If the rootdir depends on it.
    """
    words = list(config.invocation_params.args)
    for option in _WITH_PATHS:
        for index, word in enumerate(words[:-1]):
            if word != option:
                continue
            value = Path(config.invocation_params.dir, words[index + 1])
            others = [one for place, one in enumerate(words) if place not in (index, index + 1)]
            with_it = _rootdir(config, [*others, str(value.parent)])
            if with_it != _rootdir(config, others):
                raise pytest.UsageError(
                    f"benchdb: write {option}={words[index + 1]}: after a space, pytest takes the "
                    f"path for one of tests, and {with_it} for the rootdir"
                )


def _rootdir(config: pytest.Config, words: Sequence[str]) -> Path | None:
    """Return the rootdir that pytest finds for a command line; None where it can't be asked."""
    try:
        from _pytest.config.findpaths import determine_setup

        known = {
            "inifile": config.option.inifilename,
            "override_ini": config.option.override_ini,
            "args": list(words),
            "rootdir_cmd_arg": config.option.rootdir,
            "invocation_dir": config.invocation_params.dir,
        }
        wanted = inspect.signature(determine_setup).parameters
        return Path(determine_setup(**{name: known[name] for name in wanted})[0])
    except (ImportError, KeyError, TypeError):
        return None
