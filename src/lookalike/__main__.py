"""``python -m lookalike``: the command line."""

import sys

from lookalike.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
