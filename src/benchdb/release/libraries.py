"""The libraries of the extra ``release``; they are imported by the functions that need them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from benchdb.errors import UserError

_LIBRARIES: Final = {
    "jinja2": "jinja2",
    "yaml": "pyyaml",
    "rattler": "py-rattler",
    "rattler_build": "py-rattler-build",
}


def need_libraries() -> None:
    """Make sure that the extra is installed.

    Raises
    ------
    UserError
        If it isn't.
    """
    for module, package in _LIBRARIES.items():
        if find_spec(module) is None:
            raise UserError(
                f"releases need {package}, which is not installed here: "
                "run `pip install 'benchdb[release]'`"
            )
