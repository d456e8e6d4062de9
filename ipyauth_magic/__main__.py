"""python -m ipyauth_magic."""

import sys

if __name__ == "__main__":
    try:
        from .cli import main

        status = main(sys.argv[1:])
    except KeyboardInterrupt:  # while it was being loaded
        status = 130
    sys.exit(status)
