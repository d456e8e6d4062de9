"""A process that adds fruits: one to a line, as told on standard input; it answers each line when it is on disk."""

from __future__ import annotations

import sys

from fruit_service import baskets
from fruit_service.store import FruitStore


def main() -> None:
    """Add each name to the usual fruits; print how many were new."""
    baskets.MAX_FRUITS = int(sys.argv[2])
    store = FruitStore(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        print(len(store.add({"usual": [line.strip()]})["usual"]), flush=True)
    store.close()


if __name__ == "__main__":
    main()
