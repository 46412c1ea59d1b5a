"""`python -m eventflow`: the command line, and nothing of its own."""

import sys

from eventflow.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
