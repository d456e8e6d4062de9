"""Runs everything in turn, prints the tables and keeps them: `python -m tests.bench [--rounds N] [--quick]`."""

from __future__ import annotations

import argparse
import importlib.util
import platform

from . import guarding, loading, results, signing_in, waiting
from .contenders import FLOOR, OURS, PEERS


def main() -> None:
    """Measure and print; a requirement that is missed is marked, and is no failure of this program."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, metavar="N", help="warm sign-ins of each (default: 30)")
    parser.add_argument("--quick", action="store_true", help="two rounds of everything, of which nothing is kept")
    parser.add_argument("--ours", action="store_true", help="leave the other libraries out, and keep nothing")
    options = parser.parse_args()
    rounds, slow_rounds, loads = (2, 1, 1) if options.quick else (options.rounds, 3, max(5, options.rounds // 2))
    names = _names(options.ours)
    print(f"Python {platform.python_version()}; medians of {rounds} rounds in turn\n")
    sections = [loading.section(loads)]
    print(sections[0], flush=True)
    signing = signing_in.sections(rounds, names, slow_rounds)
    for section in (*signing, *waiting.sections(names, loads), *guarding.sections(loads)):
        print(f"\n{section}", flush=True)
        sections.append(section)
    if not options.quick and not options.ours:
        results.keep(sections, {"warm": rounds, "slow": slow_rounds, "loads": loads})


def _names(only_ours: bool) -> list[str]:
    names = [*OURS, FLOOR]
    for peer, module in () if only_ours else PEERS.items():
        if importlib.util.find_spec(module):
            names.append(peer)
        else:
            print(f"{peer} is not installed, so it is left out: pip install -e '.[bench]'")
    return names


if __name__ == "__main__":
    main()
