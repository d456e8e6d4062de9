"""What a user can type stands in the documentation."""

from __future__ import annotations

import inspect
import re
from configparser import ConfigParser
from pathlib import Path

import pytest

from ipyauth_magic import Auth, cli
from ipyauth_magic.ipython.arguments import parser_of
from ipyauth_magic.ipython.magics import Auth0Magics
from ipyauth_magic.protocol.flow import FLOWS
from ipyauth_magic.protocol.id_token import verify_id_token
from ipyauth_magic.protocol.pkce import code_challenge
from ipyauth_magic.settings.parameters import ALIASES, FIELDS
from ipyauth_magic.store.opening import NAMES

ROOT = Path(__file__).parents[1]
OPTIONS = (ROOT / "docs" / "reference" / "options.md").read_text(encoding="utf-8")
PARAMETERS = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
IN_PYTHON = (ROOT / "docs" / "guide" / "python.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
FOR_DEVELOPERS = {"smoke", "test", "test-ipython", "bench", "bench-api", "node", "dist", "audit", "docs", "dev"}
"""Extras that no user needs."""


def first_cells(text: str) -> str:
    """Return the first cell of each row of the tables in *text*."""
    return "\n".join(re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE))


def options_of(program: str) -> str:
    """Return what the reference says of *program*, under its heading."""
    return OPTIONS.partition(f"\n## {program}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("magic", ["auth0", "login", "token", "logout"])
def test_every_option_of_the_magics(magic: str) -> None:
    """In the table of the magic, short and long."""
    parser = parser_of(getattr(Auth0Magics, magic))
    options = [option for action in parser._actions for option in action.option_strings]
    assert len(options) > 2
    rows = first_cells(options_of(f"`%%{magic}`" if magic in ("auth0", "login") else f"`%{magic}`"))
    assert [option for option in options if not re.search(rf"[` ]{option}[ ,`]", rows)] == []


def test_every_value_of_the_options() -> None:
    """Of `--flow` and `--store`."""
    for option, values in (("--flow", FLOWS), ("--store", NAMES)):
        for program in ("`%%auth0`", "`%%login`", "`python -m ipyauth_magic`"):
            [row] = re.findall(rf"^\| `{option} .*$", options_of(program), re.MULTILINE)
            assert [value for value in values if not re.search(rf"\b{value}\b", row)] == []


def test_every_parameter() -> None:
    """By its own name and by each other that is taken."""
    assert [name for name in (*FIELDS, *ALIASES) if f"`{name}`" not in PARAMETERS] == []


def test_every_keyword_of_auth() -> None:
    """In the guide and in a table."""
    keywords = [name for name, each in inspect.signature(Auth).parameters.items() if each.kind is each.KEYWORD_ONLY]
    assert keywords
    assert [name for name in keywords if f"`{name}=`" not in IN_PYTHON] == []
    assert [name for name in keywords if f"`{name}`" not in first_cells(PARAMETERS)] == []


def test_every_extra() -> None:
    """That brings a user something."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    documents = "".join(path.read_text(encoding="utf-8") for path in DOCUMENTS)
    extras = set(config["options.extras_require"]) - FOR_DEVELOPERS
    assert extras
    assert [name for name in sorted(extras) if f"[{name}]" not in documents] == []


TOKEN_IN_AN_ARGUMENT = re.compile(
    r"""
    \b(curl|wget|https?)\ [^\n|]*(Bearer|\$\()    # a program that sends it
    | \$\([^)\n]*\btoken\b[^)\n]*\)            # a shell puts what this prints into an argument
    | ^\s*!.*(\{|\$)\(?(token|auth)\b            # so does a cell of IPython
    """,
    re.VERBOSE | re.MULTILINE,
)


@pytest.mark.parametrize(
    "line",
    [
        'curl -H "Authorization: Bearer $(python -m ipyauth_magic token -f demo.env)" https://api.example.com/',
        "curl -H 'Authorization: Bearer eyJ' https://api.example.com/",
        "export TOKEN=$(ipyauth token work)",
        '!curl -H "Authorization: Bearer {token}" https://api.example.com/',
        "!http https://api.example.com/ $token",
    ],
)
def test_a_token_in_an_argument_is_found(line: str) -> None:
    """So that the test below says something."""
    assert TOKEN_IN_AN_ARGUMENT.search(line)


def test_no_command_has_a_token_as_an_argument() -> None:
    """Other users of a machine read arguments in its list of processes: in no document, help or example."""
    examples = [each for each in (ROOT / "examples").iterdir() if each.suffix in (".py", ".ipynb", ".env")]
    code = [*(ROOT / "ipyauth_magic").rglob("*.py"), *(ROOT / "fruit_service").rglob("*.py")]
    texts = {str(path): path.read_text(encoding="utf-8") for path in (*DOCUMENTS, *examples, *code)}
    texts["--help"] = cli.parser().format_help()
    assert len(texts) > 100
    found = {name: each[0] for name, text in texts.items() if (each := TOKEN_IN_AN_ARGUMENT.search(text))}
    assert found.pop(str(ROOT / "docs" / "security.md"), "").startswith("curl -H")  # there it is a threat
    assert found == {}


def test_links_between_documents_lead_somewhere() -> None:
    """Each relative link, and each picture, is a file."""
    links = [
        (document, link)
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert links
    assert [link for document, link in links if not (document.parent / link).exists()] == []


def test_make_check_says_what_it_runs() -> None:
    """Each test file that it runs is named, by its word, wherever `make check` is explained."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [checked] = re.findall(r"^CHECKED := (.*)$", makefile, re.MULTILINE)
    words = checked.split()
    assert words == ["layers", "docs", "examples"]
    for name in ("Makefile", "docs/start/two-commands.md", "CONTRIBUTING.md", "STYLE.md"):
        told = " ".join(re.findall(r"^.*make check.*\n.*", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        assert [word for word in words if word not in told] == [], name


def test_the_style_guide_shows_our_own_code() -> None:
    """It shows two functions exactly as they are, and each file that it names exists."""
    style = (ROOT / "STYLE.md").read_text(encoding="utf-8")
    for shown in (verify_id_token, code_challenge):
        assert inspect.getsource(shown) in style
    files = re.findall(r"`([\w./]+(?:\.py|\.md|/))`", style)
    package = ROOT / "ipyauth_magic"
    places = (ROOT, package, *(each for each in package.iterdir() if each.is_dir()))
    assert [name for name in files if not any((place / name).exists() for place in places)] == []
    for name in ("callback/pages", "../fruit_service/pages", "../fruit_service/issuer/pages"):
        assert list((ROOT / "ipyauth_magic" / name).glob("*.html"))
