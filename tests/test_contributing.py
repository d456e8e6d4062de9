"""CONTRIBUTING.md names files and functions that exist, and the forms and settings are valid."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from configparser import ConfigParser
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from ipyauth_magic.protocol.flow import FLOWS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
GITHUB = ROOT / ".github"
FORMS = ("bug", "feature")
FOLDERS = ("ipyauth_magic", "fruit_service", "tests", "docs", "examples", "bench", "conda", ".github", ".ci")
LEFT_BEHIND = {"demo-output", "test-output", "node_modules", "__pycache__"}


def section(heading: str) -> str:
    """Return what stands in CONTRIBUTING.md under *heading*."""
    return TEXT.partition(f"# {heading}\n")[2].partition("\n#")[0]


def test_the_files_of_the_walks_exist() -> None:
    """Each path in CONTRIBUTING.md is one of the repository's, but for what running leaves behind."""
    quoted = re.findall(r"`([\w.-]+/[\w./-]*|[\w-]+\.(?:py|md|cfg|toml))`", TEXT)
    beside = re.findall(r"^\| `tests/support/`.*$", TEXT, re.MULTILINE)[0]
    named = [name for name in quoted if name.strip("/") not in {"demo-output", "test-output", "dist"}]
    assert len(named) > 60
    places = {name: ROOT / "tests" / "support" if f"`{name}`" in beside and "/" not in name else ROOT for name in named}
    places["issuer/"] = ROOT / "fruit_service"
    assert [name for name in named if not (places[name] / name).exists()] == []


def test_what_the_walks_look_for_is_there() -> None:
    """Each name that is said to stand in a file does."""
    pairs = re.findall(
        r"((?:`[\w.]+`(?:,| and|, and)?\s+)+)(?:in|of)\s+`([\w/]+\.py)`", section("Three walks") + walks()
    )
    looked_for = [(name, path) for names, path in pairs for name in re.findall(r"`([\w.]+)`", names)]
    assert ("_TOKENS", "ipyauth_magic/flows/redirect.py") in looked_for
    assert ("LockFile", "ipyauth_magic/store/lock.py") in looked_for
    assert [
        (name, path)
        for name, path in looked_for
        if not re.search(rf"^\s*(?:def |class )?{name}\b", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE)
    ] == []
    for name, path in (
        ("Grant.of", "protocol/flow"),
        ("Environment.of", "callback/routes"),
        ("listen_at", "callback/routes"),
    ):
        assert f"`{name}`" in walks()
        assert name.rpartition(".")[2] in (ROOT / "ipyauth_magic" / f"{path}.py").read_text(encoding="utf-8")
    kept = (ROOT / "tests" / "magic" / "test_store_keyring.py").read_text(encoding="utf-8")
    assert '@pytest.mark.parametrize("name", NAMES)\ndef test_every_store_keeps_and_forgets(' in kept


def walks() -> str:
    """Return the three walks."""
    return section("A grant") + section("A store") + section("A route for a response")


def test_no_file_compares_the_name_of_a_flow() -> None:
    """A new grant is one file and one value: what tells flows apart is an attribute of `Flow`."""
    compares = re.compile(rf"""flow(?:\.name)? (?:==|!=) |[!=]= ["'](?:{"|".join(FLOWS)})["']""")
    modules = (ROOT / "ipyauth_magic").rglob("*.py")
    found = {path.name: compares.findall(path.read_text(encoding="utf-8")) for path in modules}
    assert {name: places for name, places in found.items() if places} == {}


def test_the_targets_exist() -> None:
    """Of each `make` in CONTRIBUTING.md and in the form for a pull request."""
    told = TEXT + (GITHUB / "PULL_REQUEST_TEMPLATE.md").read_text(encoding="utf-8")
    words = [
        line.split("`")[0].split("#")[0].split() for line in re.findall(r"(?:^|`)make ([^`\n]+)", told, re.MULTILINE)
    ]
    targets = {target for line in words for target in line}
    assert {"check", "test", "dist"} <= targets
    assert [target for target in sorted(targets) if not re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)] == []


def test_pre_commit_runs_what_make_check_does() -> None:
    """Before its tests; from `.venv`, with nothing to fetch."""
    [recipe] = re.findall(r"^check:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    commands = [line.strip().replace("$(BIN)", ".venv/bin") for line in recipe.splitlines() if "pytest" not in line]
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    [local] = config["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == commands
    assert {(hook["language"], hook["pass_filenames"]) for hook in local["hooks"]} == {("system", False)}


@pytest.mark.parametrize("name", FORMS)
def test_an_issue_form_is_one(name: str) -> None:
    """With what GitHub asks for: a name, a description, fields with an id of their own and a label."""
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml").read_text(encoding="utf-8"))
    assert form.keys() <= {"name", "description", "title", "labels", "body"}
    assert all(isinstance(form[key], str) and form[key] for key in ("name", "description"))
    fields = [each for each in form["body"] if each["type"] != "markdown"]
    assert {each["type"] for each in fields} <= {"input", "textarea", "dropdown", "checkboxes"}
    assert len({each["id"] for each in fields}) == len(fields)
    assert all(each["attributes"]["label"] for each in fields)
    options = [each["attributes"]["options"] for each in fields if each["type"] == "dropdown"]
    assert options
    assert all(isinstance(option, str) for each in options for option in each)


def test_the_form_for_a_bug_asks_what_is_needed() -> None:
    """Which of our flows, which provider, the settings, the versions; and for no secret."""
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8"))
    fields: dict[str, dict[str, Any]] = {each["id"]: each for each in form["body"] if "id" in each}
    assert fields.keys() >= {"flow", "provider", "config", "versions", "secrets"}
    assert fields["flow"]["attributes"]["options"][:-1] == list(FLOWS)
    assert "`%token --config`" in fields["config"]["attributes"]["label"]
    assert fields["secrets"]["attributes"]["options"][0]["required"] is True


def test_the_forms_lead_to_our_own_address() -> None:
    """The one that setup.cfg names."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    chooser = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / "config.yml").read_text(encoding="utf-8"))
    assert [link["url"] for link in chooser["contact_links"]] == [f"{config['metadata']['url']}/security"]


def settings(name: str) -> dict[str, str]:
    """Return what .editorconfig says of the file *name*, the last section winning."""
    config = ConfigParser()
    config.read_string("[DEFAULT]\n" + (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for pattern in config.sections():
        begin, _, rest = pattern.partition("{")
        choices, _, end = rest.partition("}")
        for choice in choices.split(","):
            whole = f"{begin}{choice}{end}"
            if fnmatch(name if "/" in whole else name.rpartition("/")[2], whole):
                found |= config.items(pattern)
    return found


def repository() -> Iterator[tuple[str, bytes]]:
    """Give the text files of the repository, with their names."""
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in (*paths, *ROOT.glob("*.*"), ROOT / "Makefile"):
        if path.is_file() and not LEFT_BEHIND & set(path.parts) and b"\0" not in (data := path.read_bytes()):
            yield path.relative_to(ROOT).as_posix(), data


def test_the_files_are_as_editors_are_told() -> None:
    """UTF-8, line ends, no blanks at the end of a line, tabs in the Makefile only; ruff's own length for Python."""
    wrong = []
    for name, data in repository():
        told, text = settings(name), data.decode(settings(name)["charset"])
        tabs = re.search(r"^\t", text, re.MULTILINE) is not None
        is_right = (
            "\r" not in text
            and (not text or text.endswith("\n") or told["insert_final_newline"] != "true")
            and not re.search(r"[ \t]$", text, re.MULTILINE)
            and tabs == (told["indent_style"] == "tab")
        )
        wrong += [] if is_right else [name]
    assert wrong == []
    with (ROOT / "pyproject.toml").open("rb") as file:
        assert (
            int(settings("ipyauth_magic/auth.py")["max_line_length"])
            == tomllib.load(file)["tool"]["ruff"]["line-length"]
        )
