"""What `make dist` builds, and what `pip install` brings of it, into an environment that has nothing else."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from jupyter_server.extension.config import ExtensionConfigManager
from packaging.metadata import Metadata
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import ipyauth_magic
from tests.support.ports import free_port
from tests.support.scripted_tab import browser_command
from tests.test_docs import FOR_DEVELOPERS

ROOT = Path(__file__).parents[1]
PACKAGES = ("ipyauth_magic", "fruit_service")
DEPLOYMENT = {"Dockerfile.dev", "Dockerfile.prd", "compose.yaml", "nginx.conf", "requirements.txt"}
"""What builds from the repository, and would only lie about in an installation."""
JUNK = (
    ".venv/lib/junk.py",
    "demo-output/demo.ipynb",
    "docs/.ipynb_checkpoints/junk.md",
    "fruit_service/fruits.sqlite",
    "ipyauth_magic/__pycache__/junk.pyc",
    "test-output/junk.png",
    "tests/support/hub_proxy/node_modules/junk/index.js",
    "tests/support/oidc_provider/node_modules/.bin/junk",
)
"""What running everything leaves behind."""

BASE = {
    "authlib",
    "bottle",
    "cryptography",
    "filelock",
    "ipython",
    "joserfc",
    "platformdirs",
    "python-dotenv",
    "requests",
    "urllib3",
    "waitress",
}
"""What the base installation asks for, and all of it."""
SERVER_CONFIG = "etc/jupyter/jupyter_server_config.d/ipyauth_magic.json"
"""What enables the server extension."""
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.")

WITHOUT_EXTRAS = """
import fruit_service.issuer.server, sys
from importlib.metadata import version
from IPython.core.interactiveshell import InteractiveShell
from ipyauth_magic import Auth, ParamsAuth0, __file__, __version__

shell = InteractiveShell.instance()
shell.run_line_magic("load_ext", "ipyauth_magic")
assert {"auth0", "token"} <= shell.magics_manager.magics["cell"].keys() | shell.magics_manager.magics["line"].keys()
params = ParamsAuth0(domain="tenant.eu.auth0.com", client_id="x")
for say in (lambda: Auth(params).httpx(), lambda: Auth(params, store="keyring")):
    try:
        say()
    except Exception as error:
        print(error)
assert __file__.startswith(sys.prefix)
assert version("ipyauth-magic") == __version__
"""

STORY = """
%load_ext ipyauth_magic
%auth0 --flow code --timeout 60 domain={issuer} client_id=ipyauth-demo redirect_uri={redirect_uri} audience=api/fruit
print(auth.logged_as, repr(token), auth.claims["sub"])
"""


def setup_cfg() -> ConfigParser:
    """Return what is declared."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the repository with the traces of some work."""
    copy = tmp_path_factory.mktemp("repository") / "source"
    lines = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    ignored = [".git", *(line.strip("/") for line in lines if line and line[0] != "#")]

    def left_out(folder: str, names: list[str]) -> set[str]:
        paths = {name: (Path(folder) / name).relative_to(ROOT).as_posix() for name in names}
        return {name for name in names for each in ignored if fnmatch(name, each) or fnmatch(paths[name], each)}

    shutil.copytree(ROOT, copy, ignore=left_out)
    for name in JUNK:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("junk")
    return copy


def build(source: Path, *what: str) -> Path:
    """Build packages as `make dist` does, but with the tools that are here; return the folder with them."""
    folder = source.parent / f"{source.name}-dist{''.join(what)}"
    command = [sys.executable, "-m", "build", "--no-isolation", *what, "--outdir", str(folder), str(source)]
    built = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


@pytest.fixture(scope="module")
def dist(source: Path) -> Path:
    """Return the folder with both packages; the wheel is built from the source distribution."""
    return build(source)


@pytest.fixture(scope="module")
def wheel(dist: Path) -> dict[str, bytes]:
    """Return the files of the wheel."""
    [path] = dist.glob("*.whl")
    return contents(path)


@pytest.fixture(scope="module")
def metadata(wheel: Mapping[str, bytes]) -> Metadata:
    """Return what the wheel says of itself, found valid."""
    [text] = (data for name, data in wheel.items() if name.endswith(".dist-info/METADATA"))
    return Metadata.from_email(text, validate=True)


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of *wheel*."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def files(folder: Path) -> set[str]:
    """Return the names of the files in *folder*, but for what is junk there, and for what building leaves."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return {name for name in found - set(JUNK) if not name.startswith(("build/", "ipyauth_magic.egg-info/"))}


def test_the_wheel_holds_every_file_of_both_packages(source: Path, wheel: Mapping[str, bytes]) -> None:
    """No page, script or `py.typed` is left behind, and nothing is installed but the two packages."""
    ours = {name for name in files(source) if name.split("/")[0] in PACKAGES}
    expected = {name for name in ours if name.split("/")[1] not in DEPLOYMENT}
    assert {"ipyauth_magic/callback/pages/relay.js", "ipyauth_magic/display/widget.css"} <= expected
    held = {name for name in wheel if ".dist-info/" not in name}
    data = {name.partition(".data/data/")[2] for name in held if ".data/data/" in name}
    assert data == {SERVER_CONFIG}
    held = {name for name in held if ".data/data/" not in name}
    assert expected - held == set()
    assert held - expected == set()


def test_the_wheel_holds_the_licence(wheel: Mapping[str, bytes], metadata: Metadata) -> None:
    """Its text, and its name as PEP 639 has it."""
    [text] = (data for name, data in wheel.items() if name.endswith(".dist-info/licenses/LICENSE"))
    assert text == (ROOT / "LICENSE").read_bytes()
    assert (metadata.license_expression, metadata.license_files) == ("MIT", ["LICENSE"])


def test_the_source_distribution_is_the_repository(source: Path, dist: Path) -> None:
    """With tests and documentation, so that both can be made of it; without what running them leaves behind."""
    [path] = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        held = {member.name.partition("/")[2]: archive.extractfile(member).read() for member in members}
    made = {name for name in held if name == "PKG-INFO" or name.startswith("ipyauth_magic.egg-info/")}
    written = files(source)
    assert made
    assert {"tests/test_distribution.py", "docs/parameters.md", "examples/demo.ipynb", "Makefile"} <= written
    assert written - held.keys() == set()
    assert held.keys() - written - made == set()
    assert [name for name in written if held[name] != (source / name).read_bytes()] == []


def test_both_ways_lead_to_the_same_wheel(source: Path, wheel: Mapping[str, bytes]) -> None:
    """From the repository, as `pip install .` builds it, and from the source distribution: file for file."""
    [path] = build(source, "--wheel").glob("*.whl")
    assert contents(path) == wheel


def test_what_the_package_says_of_itself(metadata: Metadata) -> None:
    """The version is the module's; the base asks for what is listed; each address is one of the repository's."""
    config = setup_cfg()
    assert config["metadata"]["version"] == "attr: ipyauth_magic.__version__"
    assert str(metadata.version) == ipyauth_magic.__version__
    required = [each for each in metadata.requires_dist or [] if "extra" not in str(each.marker)]
    assert sorted(canonicalize_name(each.name) for each in required) == sorted(BASE)
    urls = metadata.project_urls or {}
    assert {"Documentation", "Source", "Changelog", "Issues"} <= urls.keys()
    assert [url for url in urls.values() if not url.startswith(config["metadata"]["url"])] == []
    assert {"Framework :: IPython", "Framework :: Jupyter", "Typing :: Typed"} <= set(metadata.classifiers or [])


def test_the_readme_leads_somewhere_where_there_are_no_files(metadata: Metadata) -> None:
    """Each link of the description is whole; what it names, picture or page, is in the repository."""
    assert metadata.description_content_type == "text/markdown"
    description = metadata.description or ""
    pictures = re.findall(r'\bsrc(?:set)?="([^"]+)"', description)
    links = re.findall(r"\]\(([^)]+)\)", description) + pictures
    repository = setup_cfg()["metadata"]["url"]
    ours = [link.removeprefix(repository).partition("/HEAD/") for link in links if link.startswith(repository)]
    assert [link for link in links if not re.match(r"https?://|#", link)] == []
    assert [path for _, _, path in ours if not (ROOT / path.partition("#")[0]).is_file()] == []
    assert [picture for picture in pictures if not picture.startswith(f"{repository}/raw/")] == []
    assert len(pictures) == 2


def test_the_changelog_tells_of_this_version() -> None:
    """As Keep a Changelog has it: newest first, known headings, and a date for what is released."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert [each for each in headings[1:] if not re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", each)] == []
    kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    released = [each.split("]")[0].strip("[") for each in headings[1:]]
    assert released == sorted(released, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
    assert not released or released[0] == ipyauth_magic.__version__


def test_the_conda_recipe_asks_for_the_same() -> None:
    """Version, Python, what builds it and what it runs with; each extra's packages are bounded, if they are there."""
    recipe, config = yaml.safe_load((ROOT / "conda" / "recipe.yaml").read_text(encoding="utf-8")), setup_cfg()
    assert recipe["context"]["version"] == ipyauth_magic.__version__
    python = Requirement(f"python {config['options']['python_requires']}")
    with (ROOT / "pyproject.toml").open("rb") as file:
        [setuptools] = tomllib.load(file)["build-system"]["requires"]
    base = requirements(config["options"]["install_requires"])
    wanted = {name: requirements(text) for name, text in config["options.extras_require"].items()}
    optional = [each for name, extra in wanted.items() if name not in FOR_DEVELOPERS for each in extra]
    asked = {kind: [in_conda(line) for line in lines] for kind, lines in recipe["requirements"].items()}
    assert asked["host"] == [known(python), ("pip", SpecifierSet()), known(Requirement(setuptools))]
    assert asked["run"] == [known(python), *map(known, base)]
    assert set(asked["run_constraints"]) == {known(each) for each in optional if each.name != "ipyauth-magic"}
    assert recipe["about"]["homepage"] == config["metadata"]["url"]
    assert recipe["about"]["summary"] == config["metadata"]["description"]
    assert recipe["about"]["license"] == config["metadata"]["license_expression"]


def requirements(lines: str) -> list[Requirement]:
    """Return the requirements in *lines* of setup.cfg."""
    return [Requirement(line) for line in lines.splitlines() if line and not line.startswith("#")]


def known(requirement: Requirement) -> tuple[str, SpecifierSet]:
    """Return name and versions of *requirement*; conda has no extras."""
    return canonicalize_name(requirement.name), requirement.specifier


def in_conda(line: str) -> tuple[str, SpecifierSet]:
    """Return name and versions of what *line* of the recipe asks for."""
    name, _, versions = line.partition(" ")
    return canonicalize_name(name), SpecifierSet(versions)


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel and what it asks for, and nothing else; and a home to run it in."""

    folder: Path
    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """Variables without what leads to the environment of the tests."""
        ours = ("PYTHON", "JUPYTER", "IPYTHON", "FRUIT_", "AUTH0_", "JPY_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {**kept, "HOME": str(self.home), "VIRTUAL_ENV": str(self.folder)}

    def command(self, *words: str) -> list[str]:
        """Return the command that runs a program of the environment."""
        return [str(self.folder / "bin" / words[0]), *words[1:]]

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment to its end."""
        environ = self.environ | variables
        return subprocess.run(
            self.command(*words),
            cwd=self.home,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def pip(self, *words: str) -> None:
        """Run pip, which is not in it, for it."""
        command = [sys.executable, "-m", "pip", "--python", str(self.folder / "bin" / "python")]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False, timeout=250)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def distributions(self) -> set[str]:
        """The names of what is installed."""
        folders = map(str, self.folder.glob("lib/python*/site-packages"))
        return {canonicalize_name(each.name) for each in importlib.metadata.distributions(path=list(folders))}


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return an environment into which the wheel was installed."""
    return install(dist, tmp_path_factory)


def install(dist: Path, tmp_path_factory: pytest.TempPathFactory, *options: str) -> Installed:
    """Make an environment, and install the wheel and what it asks for by pip as it is set up here."""
    folder, home = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("home")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=100)
    environment = Installed(folder, home)
    [wheel] = dist.glob("*.whl")
    environment.pip("install", "--quiet", "--no-compile", *options, str(wheel))
    return environment


@pytest.mark.timeout(300)
def test_the_base_brings_nothing_of_the_extras(installed: Installed) -> None:
    """No server, widget, database or keyring comes with it, and all that it asks for agrees."""
    names, extras = installed.distributions, setup_cfg()["options.extras_require"]
    for_users = "".join(text for extra, text in extras.items() if extra not in FOR_DEVELOPERS)
    optional = {canonicalize_name(each.name) for each in requirements(for_users)} - {"ipyauth-magic"}
    assert {"jupyter-server", "sqlalchemy", "keyring", "anywidget"} <= optional
    assert names >= BASE | {"ipyauth-magic"}
    assert names & optional == set()
    installed.pip("check")


@pytest.mark.timeout(300)
def test_it_is_loaded_without_any_extra(installed: Installed) -> None:
    """Both magics are there, warnings are errors; what needs an extra names it."""
    loaded = installed.run("python", "-I", "-W", "error", "-c", WITHOUT_EXTRAS)
    assert loaded.returncode == 0, loaded.stderr
    assert "pip install 'ipyauth-magic[httpx]'" in loaded.stdout
    assert "pip install 'ipyauth-magic[keyring]'" in loaded.stdout
    served = installed.run("python", "-m", "fruit_service", "--issuer", "https://issuer.test/", "--port", "0")
    assert served.returncode == 2
    assert "pip install 'ipyauth-magic[service]'" in served.stderr


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_server_extension_is_enabled(installed: Installed, dist: Path, in_full: bool) -> None:
    """By no more than the installation; in full, a Jupyter server is installed too, and finds it good."""
    configured = ExtensionConfigManager(read_config_path=[str(installed.folder / "etc" / "jupyter")])
    assert configured.get_jpserver_extensions() == {"ipyauth_magic": True}
    assert (installed.folder / SERVER_CONFIG).is_file()
    if not in_full:
        return
    [wheel] = dist.glob("*.whl")
    installed.pip("install", "--quiet", "--no-compile", f"ipyauth-magic[jupyter] @ {wheel.as_uri()}")
    listed = installed.run("jupyter", "server", "extension", "list")
    [mine] = re.findall(rf"Config dir: {re.escape(str(installed.folder))}.*\n((?: .*\n)+)", listed.stdout)
    assert re.search(r"ipyauth_magic \S*enabled\S*\n.*\n\s+ipyauth_magic \S+ \S*OK", mine)


@pytest.fixture
def issuer(installed: Installed) -> Iterator[tuple[str, str]]:
    """Give the local issuer of the wheel, and the redirect URI that it allows."""
    redirect_uri = f"http://127.0.0.1:{free_port()}/callback/"
    command = installed.command("python", "-m", "fruit_service.issuer", "--port", "0", "--callback-url", redirect_uri)
    process = subprocess.Popen(command, cwd=installed.home, env=installed.environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1].rstrip("/"), redirect_uri
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.mark.timeout(300)
def test_it_signs_in(installed: Installed, issuer: tuple[str, str], tmp_path: Path) -> None:
    """In a terminal IPython, by the browser that BROWSER names, at the issuer that came with it."""
    check_story(installed, issuer, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_oldest_that_it_asks_for_serves(
    dist: Path, issuer: tuple[str, str], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, in_full: bool
) -> None:
    """Each requirement of the base names the oldest release that serves; in full, those are installed, and sign in."""
    oldest = [
        f"{each.name}=={bound.version}"
        for each in requirements(setup_cfg()["options"]["install_requires"])
        for bound in each.specifier
        if bound.operator == ">="
    ]
    assert len(oldest) == len(BASE)
    if in_full:
        (tmp_path / "oldest.txt").write_text("\n".join(oldest))
        check_story(install(dist, tmp_path_factory, "--constraint", str(tmp_path / "oldest.txt")), issuer, tmp_path)


def check_story(installed: Installed, issuer: tuple[str, str], folder: Path) -> None:
    """Sign in as Alice from IPython; *folder* gets the files that this needs."""
    (folder / "story.ipy").write_text(STORY.format(issuer=issuer[0], redirect_uri=issuer[1]))
    browser = browser_command(folder, "tests.support.alice")
    told = installed.run("ipython", "--no-banner", str(folder / "story.ipy"), BROWSER=browser)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.fullmatch(r"alice <AccessToken of alice for .+; hidden.*> auth0\|alice", told.stdout.splitlines()[-1])
    assert not JWT.search(told.stdout + told.stderr)


@pytest.mark.timeout(300)
def test_it_signs_in_at_the_command_line(installed: Installed, issuer: tuple[str, str], tmp_path: Path) -> None:
    """And keeps the tokens in a file, as there is no keyring."""
    (installed.home / "demo.env").write_text(f"domain={issuer[0]}\nclient_id=ipyauth-demo\nredirect_uri={issuer[1]}\n")
    options = ("--flow", "code", "-f", "demo.env")
    browser = browser_command(tmp_path, "tests.support.alice")
    login = installed.run("python", "-m", "ipyauth_magic", "login", *options, BROWSER=browser)
    assert login.returncode == 0, login.stderr
    token = installed.run("python", "-m", "ipyauth_magic", "token", *options)
    assert (token.returncode, token.stderr) == (0, "")
    assert token.stdout.strip()
    assert list(installed.home.rglob("*.json"))
