"""What all tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["postgres_server", "pytester", "servers", "suites"]


def pytest_configure(config: pytest.Config) -> None:
    # Here, not in pyproject.toml: a warning of Dask's must fail no benchmark.
    config.addinivalue_line("filterwarnings", "error")
