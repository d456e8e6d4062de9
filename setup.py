"""Everything is in setup.cfg. Only the README's relative links are made whole: an index of packages has no files."""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup


def description() -> str:
    """Return the README with links and pictures that lead into the repository."""
    here = Path(__file__).parent
    config = ConfigParser()
    config.read(here / "setup.cfg", encoding="utf-8")
    repository = config["metadata"]["url"]
    readme = (here / "README.md").read_text(encoding="utf-8")
    relative = r"\((?![a-z]+:|#)([^)]+)\)"
    readme = re.sub(rf"(!\[[^\]]*\]){relative}", rf"\1({repository}/raw/HEAD/\2)", readme)
    return re.sub(rf"\]{relative}", rf"]({repository}/blob/HEAD/\1)", readme)


setup(long_description=description())
