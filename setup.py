"""Everything is in setup.cfg, but for two things that it cannot say.

The README's relative links are made whole, since an index of packages has no files; and a source distribution holds
setup.cfg as it is, which setuptools would write anew, without the comments.
"""

import re
from configparser import ConfigParser
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist


def description() -> str:
    """Return the README with links and pictures that lead into the repository."""
    here = Path(__file__).parent
    config = ConfigParser()
    config.read(here / "setup.cfg", encoding="utf-8")
    repository = config["metadata"]["url"]
    readme = (here / "README.md").read_text(encoding="utf-8")
    relative = r"\((?![a-z]+:|#)([^)]+)\)"
    readme = re.sub(r'\b(src|srcset)="(?![a-z]+:)([^"]+)"', rf'\1="{repository}/raw/HEAD/\2"', readme)
    return re.sub(rf"\]{relative}", rf"]({repository}/blob/HEAD/\1)", readme)


class PlainSdist(sdist):
    """Builds a source distribution whose files are those of the repository."""

    def make_release_tree(self, base_dir, files):
        """Fill the folder *base_dir*."""
        super().make_release_tree(base_dir, files)
        (Path(base_dir) / "setup.cfg").write_bytes(Path(__file__).with_name("setup.cfg").read_bytes())


setup(long_description=description(), cmdclass={"sdist": PlainSdist})
