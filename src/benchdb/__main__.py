"""``python -m benchdb``."""

from __future__ import annotations

import sys

from benchdb.cli import main

if __name__ == "__main__":
    sys.exit(main())
