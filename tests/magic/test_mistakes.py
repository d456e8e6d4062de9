"""What a person types wrongly is understood where it has one meaning, and else answered with the line to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from ipyauth_magic import ParamsAuth0
from ipyauth_magic.errors import InvalidParams, Problem
from ipyauth_magic.settings.nearest import did_you_mean, nearest_name
from ipyauth_magic.settings.template import template
from ipyauth_magic.text import LINE, in_lines
from tests.magic.test_magics import failure, run

GOOD = "domain=t.eu.auth0.com\nclient_id=abc\n"

UNDERSTOOD = {
    "YAML": "domain: t.eu.auth0.com\nclient_id: abc\nscope: read:a write:b  # both\n",
    "YAML without spaces": "domain:t.eu.auth0.com\nclient_id:abc\nscope:read:a write:b\n",
    "Python": 'domain="t.eu.auth0.com",\nclient_id = \'abc\',\nscope="read:a write:b",\n',
    "JSON": '{"domain": "t.eu.auth0.com", "client_id": "abc", "scope": ["read:a", "write:b"]}',
    "a piece of JSON": '"domain": "t.eu.auth0.com",\n"client_id": "abc",\n"scope": "read:a write:b"\n',
    "spaces and comments": " domain = t.eu.auth0.com # mine\n export client_id=abc\nscope = read:a   write:b\n",
    "typographic quotes": "domain=“t.eu.auth0.com”\nclient_id=‘abc’\nscope=„read:a write:b“\n",
    "a list": 'domain=t.eu.auth0.com\nclient_id=abc\nscope=["read:a", "write:b"]\n',
    "a list in Python's quotes": "domain=t.eu.auth0.com\nclient_id=abc\nscope=['read:a', 'write:b']\n",
    "an address": "domain=https://t.eu.auth0.com/\nclient_id=abc\nscope=read:a write:b\n",
    "an address in capitals": "domain=HTTPS://T.eu.auth0.com\nclient_id=abc\nscope=read:a write:b\n",
    "an address of Auth0": "domain=https://t.eu.auth0.com/authorize?client_id=x\nclient_id=abc\nscope=read:a write:b\n",
    "a document's address": (
        "domain=https://t.eu.auth0.com/.well-known/openid-configuration\nclient_id=abc\nscope=read:a write:b\n"
    ),
    "a slash": "domain=t.eu.auth0.com/\nclient_id=abc\nscope=read:a write:b\n",
    "an address without its scheme": "domain=t.eu.auth0.com/authorize\nclient_id=abc\nscope=read:a write:b\n",
    "a slash or a colon too few": "domain=https:/t.eu.auth0.com/\nclient_id=abc\nscope=read:a write:b\n",
    "the usual port": "domain=https://t.eu.auth0.com:443\nclient_id=abc\nscope=read:a write:b\n",
}


@pytest.mark.parametrize("way", ["cell", "file"])
@pytest.mark.parametrize("slip", UNDERSTOOD)
def test_other_ways_to_write_the_same(slip: str, way: str, tmp_path: Path) -> None:
    """In a cell and in a file."""
    (tmp_path / "x.env").write_text(UNDERSTOOD[slip], encoding="utf-8")
    line = {"dotenv_file": "x.env", "dotenv_folder": str(tmp_path)}
    params = ParamsAuth0.from_magic({}, UNDERSTOOD[slip]) if way == "cell" else ParamsAuth0.from_magic(line)
    assert (params.domain, params.client_id) == ("t.eu.auth0.com", "abc")
    assert params.scope == "openid profile read:a write:b"
    assert params.warnings == ()


def test_a_domain_that_was_taken_out_of_an_address_says_so() -> None:
    """Where each value with its origin is shown."""
    params = ParamsAuth0.from_magic({}, "domain=https://t.eu.auth0.com/\nclient_id=abc\n")
    assert [(row.value, row.origin) for row in params.explain() if row.name == "domain"] == [
        ("t.eu.auth0.com", "the cell, of its address")
    ]


URLS = {
    "https://localhost:8000": ["`domain=http://localhost:8000`", "`issuer=https://localhost:8000/` if it uses TLS"],
    "https://localhost:8000/": ["`domain=http://localhost:8000`"],
    "http://localhost:9400/authorize?x=1": ["Write `domain=http://localhost:9400`."],
    "http://u:p@localhost:9400": ["Write `domain=http://localhost:9400`."],
    "localhost:9400": ["`domain=http://localhost:9400`"],
    "http://localhost:8080/realms/x": ["Write `issuer=http://localhost:8080/realms/x`."],
    "localhost:8080/realms/x": ["Write `issuer=http://localhost:8080/realms/x`."],
    "https://[::1]:3/x": ["Write `issuer=https://[::1]:3/x`."],
    "https://keycloak:8443/realms/x/": ["Write `issuer=https://keycloak:8443/realms/x`."],
    "keycloak:8443": ["Write `issuer=https://keycloak:8443/`."],
    "https://10.0.0.5:8443/auth": ["Write `issuer=https://10.0.0.5:8443/auth`."],
    "https://t.eu.auth0.com:8443": ["Write `issuer=https://t.eu.auth0.com:8443/`."],
    "http://k.example/realms/x": ["`issuer=https://k.example/realms/x`"],
    "k.example/realms/x": ["`issuer=https://k.example/realms/x`"],
    "http://t.eu.auth0.com/authorize": ["Write `domain=t.eu.auth0.com`."],
    "ftp://t.eu.auth0.com": ["Write `domain=t.eu.auth0.com`."],
    "t.eu.auth0.com?x=1": ["Write `domain=t.eu.auth0.com`."],
    "https://t.eu.auth0.com@evil.example": ["must be a domain name", "without a user"],
    "keycloak": ["must be a domain name"],
    "10.0.0.5": ["must be a domain name"],
}


@pytest.mark.parametrize("typed", URLS)
def test_any_url_as_domain_is_answered_with_the_line_to_write(typed: str) -> None:
    """And that line is taken."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0(domain=typed, client_id="abc")
    said = str(caught.value)
    assert [each for each in URLS[typed] if each not in said] == []
    assert "u:p@" not in said
    assert "evil" not in said
    for line in re.findall(r"`((?:domain|issuer)=[^`]+)`", said):
        ParamsAuth0.from_magic({}, f"{line}\nclient_id=abc\n")


TOLD = {
    "a space for the sign": ("domain t.eu.auth0.com\nclient_id=abc", ["Write `domain=t.eu.auth0.com`."]),
    "a misspelt name in YAML": ("domian: t.eu.auth0.com\nclient_id=abc", ["Write `domain=t.eu.auth0.com`."]),
    "a misspelt name": ("domian=t.eu.auth0.com\nclient_id=abc", ["Did you mean `domain`?"]),
    "a list in YAML": (f"{GOOD}scope:\n  - read:a\n  - write:b\n", ["in line 3", "Write `scope=...`"]),
    "commas": (f"{GOOD}scope=read:a, write:b", ["Write `scope=read:a write:b`"]),
    "brackets": (f"{GOOD}scope=[read:a, write:b]", ["Write `scope=read:a write:b`"]),
    "options": (f"--flow code\n{GOOD}", ["in line 1", "Options stand in the cell's first line"]),
    "an option's name": (f"{GOOD}token_name=t", ["Write `--token-name`"]),
    "a name of the provider's": (f"{GOOD}kc_idp_hint=github", ["`extra.NAME`"]),
    "plain http": ("domain=http://t.eu.auth0.com\nclient_id=abc", ["Write `domain=t.eu.auth0.com`"]),
    "another provider's address": (
        "domain=https://k.example/realms/x\nclient_id=abc",
        ["`issuer=https://k.example/realms/x`"],
    ),
    "an issuer without scheme": ("issuer=k.example/realms/x\nclient_id=abc", ["`issuer=https://k.example/realms/x`"]),
    "an endpoint as issuer": (
        "issuer=https://k.example/realms/x/protocol/openid-connect/auth?client_id=1\nclient_id=abc",
        ["`issuer=https://k.example/realms/x`"],
    ),
    "JSON that is not": ("{'domain': 't.eu.auth0.com'}", ["is not a JSON object"]),
    "a prompt": (f"{GOOD}prompt=logn", ["Did you mean `login`?"]),
    "a response type": (f"{GOOD}response_type=cde", ["Did you mean `code`?"]),
    "a response mode": (f"{GOOD}response_mode=fragmnt", ["Did you mean `fragment`?"]),
}


@pytest.mark.parametrize("slip", TOLD)
def test_a_mistake_is_one_problem_with_the_line_to_write(slip: str) -> None:
    """One cause is one problem: a parameter that was meant is not missing besides."""
    cell, sentences = TOLD[slip]
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0.from_magic({}, cell)
    assert len(caught.value.problems) == 1, str(caught.value)
    said = " ".join(str(caught.value).split())
    assert [sentence for sentence in sentences if sentence not in said] == []


@pytest.mark.parametrize("value", ["sso", "enroll", "login enroll", "create"])
def test_a_prompt_of_the_providers_own_goes_through(value: str) -> None:
    """Only one that is nearly a standard's is taken for a mistake."""
    assert ParamsAuth0.from_magic({}, f"{GOOD}prompt={value}").prompt == value


def test_a_missing_file_is_the_only_problem_and_a_like_one_is_named(tmp_path: Path) -> None:
    """What is missing may stand in it."""
    (tmp_path / "demo.env").write_text(GOOD)
    with pytest.raises(InvalidParams, match="and has `demo.env`") as caught:
        ParamsAuth0.from_magic({"dotenv_file": "demmo.env", "dotenv_folder": str(tmp_path)})
    assert [problem.name for problem in caught.value.problems] == ["dotenv_file"]


@pytest.mark.parametrize("name", ["foo", "x", "user", "user_name", "password", "state", "name", "tenant", "port"])
def test_a_name_that_is_like_none_is_answered_with_none(name: str) -> None:
    """A wrong guess is worse than no guess."""
    assert nearest_name(name) is None


@pytest.mark.parametrize(
    ("word", "known", "near"),
    [
        ("lst", ("json", "raw", "list"), "list"),
        ("cod", ("implicit", "code", "device"), "code"),
        ("impl", ("implicit", "code", "device"), "implicit"),
        ("keyrng", ("memory", "keyring", "file", "none"), "keyring"),
        ("FILE", ("memory", "keyring", "file", "none"), "file"),
        ("disk", ("memory", "keyring", "file", "none"), ""),
        ("hybrid", ("implicit", "code", "device"), ""),
        ("", ("implicit", "code", "device"), ""),
    ],
)
def test_a_word_is_answered_with_the_one_that_it_is_like(word: str, known: tuple[str, ...], near: str) -> None:
    """Or with nothing."""
    assert did_you_mean(word, known) == (f" Did you mean `{near}`?" if near else "")


def test_a_problem_is_a_sentence() -> None:
    """Its parts stay apart, for a program."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0(domain="t.eu.auth0.com")
    [problem] = caught.value.problems
    assert (problem.name, problem.origin) == ("client_id", None)
    assert str(problem).startswith("`client_id` is missing. Copy it from your application's settings.")
    assert str(Problem("cell", "The cell has a fault", "the line")) == "The cell has a fault."


LONG = "One sentence of this text is here. `a command that is copied, so it stays as it is` is long. " * 3


def test_lines_fit_a_notebook() -> None:
    """They end where a sentence does, if they can, and never within what is copied."""
    lines = in_lines(f"{LONG}\nshort").split("\n")
    assert max(map(len, lines)) <= LINE
    assert lines[-1] == "short"
    assert " ".join(" ".join(lines[:-1]).split()) == LONG.strip()
    assert "\n".join(lines).count("`a command that is copied, so it stays as it is`") == 3


def test_nothing_given_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A magic then shows the lines to fill in; with a slip of a name, the slip is the answer."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0.from_magic({"response_type": "code"}, "")
    assert caught.value.is_bare
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0.from_magic({}, "audience=api\n")
    assert not caught.value.is_bare
    monkeypatch.setenv("AUTH0_DOMIAN", "t.eu.auth0.com")
    with pytest.raises(InvalidParams, match="AUTH0_DOMIAN") as caught:
        ParamsAuth0.from_magic({}, "")
    assert not caught.value.is_bare


@pytest.mark.parametrize("magic", ["%auth0", "%%auth0", "%login", "ipyauth login"])
def test_the_template_is_for_the_magic_that_was_run(magic: str) -> None:
    """Its lines can be pasted; there is a way to try it without an account."""
    text = template(magic)
    assert "python -m ipyauth_magic.demo" in text
    block = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    if magic.startswith("%"):
        assert block[0] == f"%%{magic.lstrip('%')}"
        cell = "\n".join(block[1:]).replace("...", "x")
    else:
        assert block[0].startswith("ipyauth login issuer=")
        cell = block[0].removeprefix("ipyauth login ").replace(" ", "\n").replace("...", "x")
    assert ParamsAuth0.from_magic({}, cell).client_id == "x"


HERE = "domain=t.eu.auth0.com client_id=abc"

ON_A_LINE = {
    f"%auth0 {HERE} --flw code": ["There is no option `--flw`. Did you mean `--flow`?"],
    f"%auth0 {HERE} --nobrowser": ["Did you mean `--no-browser`?"],
    f"%auth0 {HERE} --bnd 0.0.0.0": ["Did you mean `--bind`?"],
    f"%auth0 {HERE} --dance": ["There is no option `--dance`. `--help` lists the options."],
    f"%auth0 {HERE} -z": ["There is no option `-z`."],
    f"%auth0 {HERE} -qz": ["There is no option `-qz`."],
    f"%auth0 {HERE} --version": ["There is no option `--version`."],
    f"%auth0 {HERE} --timeo 20": ["Did you mean `--timeout`?"],
    f"%auth0 {HERE} --flow": ["`--flow` has no value. Write `--flow FLOW`."],
    f"%auth0 {HERE} --flow --paste": ["`--flow` has no value."],
    f"%auth0 {HERE} --paste=yes": ["`--paste` takes no value. Write `--paste` alone."],
    f"%auth0 {HERE} --flow cod": ["Did you mean `code`?"],
    f"%auth0 {HERE} --store keyrng": ["Did you mean `keyring`?"],
    f"%auth0 {HERE} flow=hybrid": ["must be `implicit`, `code` or `device`."],
    "%auth0 domain=t.eu.auth0.com --client-id X": ["`--client-id` is not an option. Write `client_id=X`."],
    f"%auth0 {HERE} --scope 'a b'": ['Write `scope="a b"`.'],
    f"%auth0 {HERE} --scop=a": ["`--scop` is not an option. Write `scope=a`."],
    f"%auth0 {HERE} --client-secret hunter2": ["A secret goes into a dotenv file"],
    f"%auth0 {HERE} scope=read:a, write:b": ['Write `scope="read:a write:b"`.'],
    f"%auth0 {HERE} scope=read:a write:b": ['Write `scope="read:a write:b"`.'],
    "%auth0 -f": ["`-f` has no value. Write `-f FILE`."],
    "%auth0 --dotenv-fil x.env": ["Did you mean `--dotenv-file`?"],
    "%auth0 --version ": ["There is no option `--version`."],
    "%login http://api.example.com/v1": ["The address begins with `http://`"],
    "%auth0 https://api.example.com/v1": ["is taken by `%login` in a notebook"],
    "%token --lst": ["Did you mean `--list`?"],
    "%token --scope x": ["There is no option `--scope`."],
    "%token one two": ["`two` is one word too many."],
}


@pytest.mark.parametrize("line", ON_A_LINE)
def test_a_mistake_on_a_line(line: str, shell: InteractiveShell) -> None:
    """One problem, with the word that was meant; a word that may be a value of it is no second one."""
    said = failure(shell, line)
    assert [sentence for sentence in ON_A_LINE[line] if sentence not in said] == []
    assert len(said.splitlines()) == 1
    assert "hunter2" not in said


def test_the_problems_of_line_and_cell_are_one_error(shell: InteractiveShell) -> None:
    """A bad option hides no bad parameter."""
    cell = "%%auth0 --flw code -t lambda --store keyrng --bind here\ndomian=t.eu.auth0.com\nprompt=logn\nscope=a, b\n"
    said = failure(shell, cell)
    expected = ("--flw", "--token-name", "--bind", "store", "domian", "prompt", "scope", "client_id")
    assert [name for name in expected if f"`{name}`" not in said] == []
    assert len(said.splitlines()) == len(expected)


@pytest.mark.parametrize("line", [f"%auth0 {HERE}", "%auth0 domain = t.eu.auth0.com client_id: abc"])
@pytest.mark.parametrize("options", ["-qf {file}", "-f{file} -q", "--dotenv-file={file} --quiet", "-q -f '{file}'"])
def test_all_ways_to_write_an_option(line: str, options: str, shell: InteractiveShell, tmp_path: Path) -> None:
    """As argparse takes them; the one problem is what the file says."""
    (tmp_path / "x.env").write_text("max_age=soon\n")
    said = failure(shell, f"{line} {options.format(file=tmp_path / 'x.env')}")
    assert "`max_age`" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "magic",
    [
        *("%auth0", "%%auth0\n# nothing yet", "%login", "%%login\n# nothing yet", "%login -q --flow device"),
        *("%%auth0", "%%login", "%%login\n", "%%login \n\n", "\n%%login --flow device\n"),
    ],
)
def test_a_magic_without_parameters_shows_what_to_fill_in(magic: str, shell: InteractiveShell) -> None:
    """The cell fails, so that Run All stops."""
    said = failure(shell, magic)
    assert f"%%{magic.strip().strip('%').split()[0]} has no parameters." in said
    assert "client_id=..." in said
    assert "python -m ipyauth_magic.demo" in said


def test_a_cell_without_a_body_takes_what_its_line_says(shell: InteractiveShell, tmp_path: Path) -> None:
    """IPython would refuse it, and ask for `%login`."""
    (tmp_path / "x.env").write_text("max_age=soon\n")
    assert "`max_age`" in failure(shell, f"%%login -f {tmp_path / 'x.env'}")
    assert "is a cell magic, but the cell body is empty" in failure(shell, "%%capture")
    assert "is empty" not in run(shell, "%%login?")[2]
    assert shell.check_complete("%%login")[0] == "incomplete", "a terminal waits for the next line"
    shell.run_line_magic("reload_ext", "ipyauth_magic")
    shell.run_line_magic("unload_ext", "ipyauth_magic")
    assert not [each for each in shell.input_transformers_cleanup if each.__module__.startswith("ipyauth_magic")]
