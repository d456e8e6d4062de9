# PYTHON_ARGCOMPLETE_OK
"""The command `ipyauth`, which `python -m ipyauth_magic` is too."""

import sys


def run() -> int:
    """Do what the process's arguments say, and return the exit status."""
    try:
        from .cli import main

        return main(sys.argv[1:])
    except KeyboardInterrupt:  # while it was being loaded
        return 130


if __name__ == "__main__":
    sys.exit(run())
