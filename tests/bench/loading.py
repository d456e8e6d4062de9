"""What `%load_ext` costs: one extension, loaded in a fresh process, or all of them in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from .field import environment
from .table import Row, Section, milliseconds

NOTHING = "tests.bench.extensions.nothing"
EMPTY = "tests.bench.extensions.empty_magics"
OURS = "ipyauth_magic"
NAMES = {NOTHING: "does nothing", EMPTY: "an empty Magics class, same options", OURS: "ipyauth_magic"}
LIMIT = 2.0


def section(rounds: int) -> Section:
    """Load each extension *rounds* times, in turn."""
    took: dict[str, list[float]] = {name: [] for name in NAMES}
    for counts in [False] + [True] * rounds:  # the first time, Python compiles
        for name in NAMES:
            seconds = _in_fresh_process(name)
            if counts:
                took[name].append(seconds)
    medians = {name: statistics.median(times) for name, times in took.items()}
    found = Section("%load_ext in a fresh process", ["ms"])
    for name, shown in NAMES.items():
        ratio = medians[name] / medians[EMPTY]
        limit, holds = (f"<= {LIMIT:g}", ratio <= LIMIT) if name == OURS else ("", True)
        found.rows.append(Row(shown, [milliseconds(medians[name])], ratio, limit, holds))
    return found


def _in_fresh_process(extension: str) -> float:
    command = [sys.executable, "-m", __name__, extension]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=environment())
    return float(done.stdout)


def main(extension: str) -> None:
    """Print the seconds that loading *extension* takes here."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    started = time.perf_counter()
    shell.run_line_magic("load_ext", extension)
    print(time.perf_counter() - started)


if __name__ == "__main__":
    main(sys.argv[1])
