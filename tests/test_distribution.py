"""What `pip install` brings is what is in the repository."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("ipyauth_magic", "fruit_service")
DEPLOYMENT = {"Dockerfile.dev", "Dockerfile.prd", "compose.yaml", "nginx.conf"}
"""What builds from the repository, and would only lie about in an installation."""

BESIDE = ("setup.cfg", "setup.py", "pyproject.toml", "LICENSE", "README.md")


def test_the_wheel_holds_every_file_of_both_packages(tmp_path: Path) -> None:
    """No page, script or `py.typed` is left behind, and nothing is installed but the two packages."""
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__", *DEPLOYMENT))
    for name in BESIDE:
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    expected = {path.relative_to(source).as_posix() for path in source.glob("*/**/*") if path.is_file()}
    subprocess.run([*build, str(source)], check=True, capture_output=True, timeout=100)
    [wheel] = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    data = {name.partition(".data/data/")[2] for name in held if ".data/data/" in name}
    assert data == {"etc/jupyter/jupyter_server_config.d/ipyauth_magic.json"}, "what enables the server extension"
    held = {name for name in held if ".data/data/" not in name}
    assert expected - held == set()
    assert held - expected == set()
