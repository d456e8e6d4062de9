"""Runs everything in turn and prints the table: `python -m tests.bench [--rounds N] [--quick]`."""

from __future__ import annotations

import argparse
import importlib.util
import platform

from . import loading, signing_in
from .contenders import FLOOR, OURS, PEERS


def main() -> None:
    """Measure and print; a requirement that is missed is marked, and is no failure of this program."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="warm sign-ins of each (default: 30)")
    parser.add_argument("--quick", action="store_true", help="two rounds of everything: shows that it runs")
    parser.add_argument("--ours", action="store_true", help="leave the other libraries out")
    options = parser.parse_args()
    rounds, slow_rounds, loads = (2, 1, 1) if options.quick else (options.rounds, 3, max(5, options.rounds // 2))
    names = [*OURS, FLOOR]
    for peer, module in () if options.ours else PEERS.items():
        if importlib.util.find_spec(module):
            names.append(peer)
        else:
            print(f"{peer} is not installed, so it is left out: pip install -e '.[bench]'")
    print(f"Python {platform.python_version()}; medians of {rounds} rounds in turn\n")
    print(loading.section(loads), flush=True)
    for section in signing_in.sections(rounds, names, slow_rounds):
        print(f"\n{section}", flush=True)


if __name__ == "__main__":
    main()
