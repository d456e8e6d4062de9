"""Profiles: a name for parameters, in a file of the user's own; where they count, what is refused, how one is saved."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path

import pytest

from ipyauth_magic.errors import InvalidParams
from ipyauth_magic.settings.params import ParamsAuth0
from ipyauth_magic.settings.profiles import (
    check_savable,
    place,
    profile_names,
    save_profile,
    shown_path,
    with_whole_paths,
)
from ipyauth_magic.settings.resolve import typed_values

WORK = """\
# my profiles
[work]
issuer = "https://issuer.test"
client_id = "c"
scope = ["email", "read:fruit"]
timeout = 60
max_age = 300
flow = "device"
extra.kc_idp_hint = "github"

# of the family
[home]
domain = "tenant.eu.auth0.com"
client_id = 'h'  # the old one
[home.extra]
hd = "example.com"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the profiles, which is not there yet, in a folder that is not there yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place().is_relative_to(tmp_path)
    return place()


def write(file: Path, text: str, mode: int = 0o600) -> None:
    """Make the file, with its folder."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def params_of(profile: str, line: str = "", cell: str | None = None, **configuration: str) -> ParamsAuth0:
    """Return the parameters of a line with a profile's name."""
    given = dict(word.split("=") for word in line.split())
    return ParamsAuth0.from_magic(given, cell, configuration, profile=profile, default_flow="code")


def refusal(profile: str, line: str = "") -> str:
    """Return why the parameters of *profile* are refused."""
    with pytest.raises(InvalidParams) as caught:
        params_of(profile, line)
    return " ".join(str(caught.value).split())


def test_the_file_is_in_the_folder_for_configuration(file: Path) -> None:
    """By the convention of each system."""
    assert (file.parent.name, file.name) == ("ipyauth_magic", "profiles.toml")


def test_the_name_of_the_home_is_not_shown(file: Path, tmp_path: Path) -> None:
    """It would stand in a saved notebook."""
    assert shown_path(file) == f"~/{file.relative_to(tmp_path)}"
    assert shown_path(Path("/etc/profiles.toml")) == "/etc/profiles.toml"


def test_a_profile_has_any_parameter(file: Path) -> None:
    """Lists and numbers as TOML has them; `extra` with dots, or as a table."""
    write(file, WORK)
    work, home = params_of("work"), params_of("home")
    assert (work.issuer, work.client_id, work.scope) == ("https://issuer.test", "c", "openid profile email read:fruit")
    assert (work.timeout, work.max_age, work.flow, work.extra) == ("60", "300", "device", {"kc_idp_hint": "github"})
    assert (home.domain, home.flow, home.extra) == ("tenant.eu.auth0.com", "code", {"hd": "example.com"})
    assert {row.name: row.origin for row in work.explain()}["scope"] == "profile work, openid and profile added"
    assert profile_names() == ["work", "home"]


def test_a_profile_stands_between_the_dotenv_file_and_the_environment(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line, cell, dotenv file, profile, environment, configuration."""
    names = ("audience", "login_hint", "connection", "organization")
    write(
        file,
        '[work]\nissuer="https://issuer.test"\n' + "".join(f'{name}="profile"\n' for name in (*names, "client_id")),
    )
    (tmp_path / "demo.env").write_text("connection=file\nlogin_hint=file\naudience=file\n")
    monkeypatch.setenv("AUTH0_CLIENT_ID", "environment")
    monkeypatch.setenv("AUTH0_AUDIENCE", "environment")
    line = f"audience=line dotenv_file={tmp_path}/demo.env"
    params = params_of("work", line, "login_hint=cell\n", client_id="configuration", redirect_uri="http://localhost:1/")
    given = {name: getattr(params, name) for name in (*names, "client_id", "redirect_uri")}
    assert given == {
        "audience": "line",
        "login_hint": "cell",
        "connection": "file",
        "organization": "profile",
        "client_id": "profile",
        "redirect_uri": "http://localhost:1/",
    }


def test_a_dotenv_file_of_a_profile_is_beside_the_profiles(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From whatever folder the notebook runs: that folder may be another author's. It may hold a secret."""
    write(file, '[work]\ndotenv_file = "work.env"\n[sub]\ndotenv_folder = "sub"\ndotenv_file = "sub.env"\n')
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "work.env").write_text("domain=evil.test\nclient_id=evil\n")
    (file.parent / "sub").mkdir()
    for path in (file.parent / "work.env", file.parent / "sub" / "sub.env"):
        path.write_text("domain=good.test\nclient_id=good\nclient_secret=s3cret\n")
        path.chmod(0o600)
    for name in ("work", "sub"):
        params = params_of(name)
        assert (params.domain, params.client_id, str(params.client_secret)) == ("good.test", "good", "s3cret")
    (here / "line.env").write_text("client_id=line\n")
    assert params_of("work", "dotenv_file=line.env domain=a.test").client_id == "line"


def test_a_name_that_is_not_there_is_the_only_error(file: Path) -> None:
    """The nearest one is named, and those that there are."""
    write(file, WORK)
    said = refusal("wrok", "timeout=0")
    assert "profile `wrok`" in said
    assert "Did you mean `work`?" in said
    assert "work, home" in said
    assert "timeout" not in said
    assert "Did you mean" not in refusal("zzz")


@pytest.mark.parametrize("text", [None, "", 'issuer = "https://issuer.test"\n'])
def test_without_profiles_the_error_has_the_line_to_run(file: Path, text: str | None) -> None:
    """And the file's path."""
    if text is not None:
        write(file, text)
    said = refusal("work")
    assert shown_path(file) in said
    assert "%login --save work issuer=... client_id=..." in said


@pytest.mark.parametrize(
    "text",
    [
        "[work\n",
        "[work]\nissuer = https://a.test\n",
        "work",
        "[a]\n[a]\n",
        "a=" + "[" * 20000,
        "[work]\nscope: x\n",
        "\0",
    ],
)
def test_an_error_of_toml_has_the_line_and_what_to_write(file: Path, text: str) -> None:
    """The file is named; none of its text is shown, because it may be a secret."""
    write(file, text)
    said = refusal("work")
    assert f"`{shown_path(file)}`" in said
    assert "is not TOML" in said
    assert "a.test" not in said
    assert profile_names() == []
    if "https" in text:
        assert ", line 2 is" in said


@pytest.mark.parametrize(
    "name", ["client_secret", "AUTH0_CLIENT_SECRET", "clientSecret", "Client-Secret", "secret", "my_secret"]
)
def test_a_secret_is_refused(file: Path, name: str) -> None:
    """The sentence says where it goes, and does not show it."""
    write(file, f'[work]\nissuer = "https://issuer.test"\nclient_id = "c"\n{name} = "s3cret"\n')
    said = refusal("work")
    assert "is not taken from a profile" in said
    assert "dotenv_file" in said
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("scope = true", "`scope` (from profile work) must be text, not bool"),
        ("audience = 1.5", "`audience` (from profile work) must be text, not float"),
        ("audience = 2026-01-01", "`audience` (from profile work) must be text, not date"),
        ("scope = [1, 2]", "`scope` (from profile work) must be text, not list"),
        ("scope = {a = 1}", "`scope` (from profile work) must be text, not dict"),
        ("extra.a.b = 'c'", "`extra.a` (from profile work) must be text, not dict"),
        ("extra.state = 'c'", "`extra.state` (from profile work) is a name that the protocol uses"),
        ("extra = 'a'", "`extra` (from profile work) takes the name of a parameter"),
        ("max_age = 0x" + "f" * 5000, "`max_age` (from profile work) must be text, not int"),
        ('scope = """a\nb"""', "`scope` (from profile work) must not contain line breaks"),
        ("timeout = 5000", "`timeout` (from profile work) must be a whole number"),
        ("colour = 'red'", "`colour` (from profile work) is not a parameter"),
        ("token = 'x'", "`token` (from profile work) is not a parameter"),
        ("[work.sub]\na = 1", "`sub` (from profile work) is not a parameter"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_with_the_profile(file: Path, line: str, said: str) -> None:
    """By one sentence."""
    write(file, f'[work]\nissuer = "https://issuer.test"\nclient_id = "c"\n{line}\n')
    found = refusal("work")
    assert said in found
    assert "(from profile work)" in found


# Trust


@pytest.mark.parametrize("mode", [0o660, 0o606, 0o666])
def test_a_file_that_others_can_change_is_not_read(file: Path, mode: int) -> None:
    """It says where passwords are typed. The sentence has the command that mends it."""
    write(file, WORK, mode)
    assert (
        f"Other users can change `{shown_path(file)}`, so it is not read. Run `chmod 600 {shown_path(file)}`"
        in refusal("work")
    )
    assert profile_names() == []
    with pytest.raises(InvalidParams, match="Other users can change"):
        save_profile("new", {"client_id": "c"})


def test_a_file_of_another_user_is_not_read(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of root is: root can do everything anyway."""
    write(file, WORK)
    monkeypatch.setattr(os, "geteuid", lambda: file.stat().st_uid + 1)
    if file.stat().st_uid == 0:
        assert params_of("work").client_id == "c"
        os.chown(file, 12345, 12345)
    assert "belongs to another user, so it is not read" in refusal("work")


def test_a_link_is_followed(file: Path, tmp_path: Path) -> None:
    """As to a folder of dotfiles; a save replaces the file at its end and keeps the link."""
    real = tmp_path / "dotfiles" / "profiles.toml"
    write(real, WORK)
    file.parent.mkdir(parents=True)
    file.symlink_to(real)
    assert params_of("work").client_id == "c"
    save_profile("new", {"client_id": "n"})
    assert file.is_symlink()
    assert "[new]" in real.read_text()
    assert [each.name for each in real.parent.iterdir()] == [real.name]


def test_what_is_not_a_file_is_told(file: Path) -> None:
    """A folder, and a named pipe, which would wait."""
    file.mkdir(parents=True)
    assert f"`{shown_path(file)}` cannot be read: Is a directory" in refusal("work")
    file.rmdir()
    os.mkfifo(file)
    assert f"`{shown_path(file)}` is not a file" in refusal("work")
    file.unlink()
    write(file, "#" * 70_000)
    assert "over 64 KiB" in refusal("work")
    file.write_bytes(b"\xff")
    assert "not UTF-8" in refusal("work")


# Saving


def test_a_profile_is_saved_for_this_user_alone(file: Path) -> None:
    """The folder too; no other file is left there."""
    assert save_profile("work", {"issuer": "https://issuer.test", "client_id": "c", "flow": "device"}) == file
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert os.listdir(file.parent) == [file.name]
    assert params_of("work").flow == "device"


@pytest.mark.parametrize(
    "value", ['a"b', "a\\b", "ä ☃ 😀", "#no comment", "[work]", "'", "C:\\new\\table", "a = b", "\x7f", "0", "007"]
)
def test_any_text_is_saved_as_it_is(file: Path, value: str) -> None:
    """TOML reads what was written."""
    save_profile("work", {"client_id": "c", "login_hint": value, "extra.a.b": value, "timeout": "60", "max_age": "007"})
    table = tomllib.loads(file.read_text(encoding="utf-8"))["work"]
    assert table == {
        "client_id": "c",
        "login_hint": value,
        "extra": {"a.b": value},
        "timeout": 60,
        "max_age": "007",
    }


def test_everything_else_in_the_file_is_kept(file: Path) -> None:
    """Other tables, their order and their comments; only the table's own text is another."""
    write(file, WORK)
    save_profile("home", {"domain": "new.eu.auth0.com", "client_id": "h"}, replace=True)
    assert file.read_text() == WORK[: WORK.index("[home]")] + '[home]\ndomain = "new.eu.auth0.com"\nclient_id = "h"\n'
    save_profile("work", {"client_id": "w"}, replace=True)
    home = '# of the family\n[home]\ndomain = "new.eu.auth0.com"\nclient_id = "h"\n'
    text = f'# my profiles\n[work]\nclient_id = "w"\n\n{home}'
    assert file.read_text() == text
    save_profile("third", {"client_id": "t"})
    assert file.read_text() == text + '\n[third]\nclient_id = "t"\n'


def test_a_profile_with_other_values_is_not_replaced_by_itself(file: Path) -> None:
    """An equal one is: a notebook may be run again. The check before a sign-in says the same."""
    write(file, WORK)
    values = {"domain": "tenant.eu.auth0.com", "client_id": "h", "extra.hd": "example.com"}
    save_profile("home", values)
    assert file.read_text() == WORK
    for save in (save_profile, check_savable):
        with pytest.raises(InvalidParams, match=r"(?s)Profile `home` is in .* already, with other values.*--force"):
            save("home", {**values, "client_id": "other"})
    assert file.read_text() == WORK


@pytest.mark.parametrize("name", ["", "a b", "a.b", "-q", "issuer", "AUTH0_DOMAIN", "a=b", "é", "a" * 61, "extra.x"])
def test_a_name_that_could_not_be_typed_is_refused(file: Path, name: str) -> None:
    """The name of a parameter is one."""
    with pytest.raises(InvalidParams, match="is not a name for a profile"):
        save_profile(name, {"client_id": "c"})
    assert not file.exists()


@pytest.mark.parametrize(
    "text",
    [
        'work.issuer = "https://a.test"\n',
        'work = {issuer = "https://a.test"}\n',
        '[home]\nclient_id = """\n[work]\n"""\n[work]\nclient_id = "x"\n',
        '["w\\u006frk"]\nclient_id = "x"\n',
        "[[work]]\n",
    ],
)
def test_a_file_that_would_lose_something_is_left_as_it_is(file: Path, text: str) -> None:
    """What would be read afterwards is compared with what is wanted; an editor is named."""
    write(file, text)
    with pytest.raises(InvalidParams, match="Change it with an editor"):
        save_profile("work", {"client_id": "c"}, replace=True)
    assert file.read_text() == text


def test_a_header_in_a_text_of_another_profile_is_no_header(file: Path) -> None:
    """A new profile goes to the end."""
    text = '[home]\nclient_id = """\n[other]\n"""\n'
    write(file, text)
    save_profile("work", {"client_id": "c"})
    assert file.read_text() == f'{text}\n[work]\nclient_id = "c"\n'


def test_a_folder_that_cannot_be_written_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's reason; the file stays as it was, and nothing lies beside it."""
    write(file, WORK)

    def full(source: str, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(
        InvalidParams, match=re.escape(f"`{shown_path(file)}` cannot be written: No space left on device")
    ):
        save_profile("new", {"client_id": "c"})
    assert file.read_text() == WORK
    assert os.listdir(file.parent) == [file.name]


def test_only_what_is_typed_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what comes from elsewhere, no default, and of two that exclude each other the one that counts."""
    monkeypatch.setenv("AUTH0_AUDIENCE", "environment")
    monkeypatch.chdir(tmp_path)
    line = {"issuer": "https://issuer.test", "flow": "device", "dotenv_file": "demo.env", "timeout": "60"}
    cell = "domain=a.test\nclient_id='c'\nresponse_type=code\nextra.hd=example.com\nrequested_scopes=a  b\n"
    cell += "default_scope=\n"
    typed = with_whole_paths(typed_values(line, cell), tmp_path)
    assert typed == {
        "issuer": "https://issuer.test",
        "flow": "device",
        "dotenv_file": str(tmp_path / "demo.env"),
        "timeout": "60",
        "client_id": "c",
        "extra.hd": "example.com",
        "scope": "a b",
        "default_scope": "",
    }


def test_a_value_that_the_dotenv_file_would_override_is_not_saved(tmp_path: Path) -> None:
    """The profile would sign in with the file's, and its user believes that it has their own."""
    (tmp_path / "demo.env").write_text("scope=read:usual-fruit\nclient_id=c\n")
    line = {"dotenv_file": "demo.env", "dotenv_folder": str(tmp_path), "client_id": "c"}
    assert typed_values(line, None)["client_id"] == "c"
    with pytest.raises(InvalidParams, match=r"`scope` \(from the cell\) is also in the dotenv file") as caught:
        typed_values(line, "scope=write:usual-fruit")
    assert [problem.name for problem in caught.value.problems] == ["scope"]
