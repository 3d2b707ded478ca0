"""``kolony`` and ``python -m kolony_tui``."""

import sys

from kolony_tui.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
