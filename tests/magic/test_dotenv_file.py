"""A dotenv file is read with limits, and its faults are told."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

import pytest

from ipyauth_magic import ParamsAuth0
from ipyauth_magic.errors import InvalidParams
from ipyauth_magic.settings.dotenv import UnreadableDotenv, parse_dotenv, read_dotenv


def test_a_missing_file_is_an_error_that_names_the_folder(tmp_path: Path) -> None:
    """python-dotenv would read it as an empty one."""
    with pytest.raises(UnreadableDotenv, match=r"not there: .*nope\.env.*folder searched"):
        read_dotenv(str(tmp_path), "nope.env")


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    """python-dotenv would read it as an empty file."""
    with pytest.raises(UnreadableDotenv, match="is a folder"):
        read_dotenv(str(tmp_path.parent), tmp_path.name)


def test_a_pipe_is_an_error_and_does_not_block(tmp_path: Path) -> None:
    """Opening a named pipe would wait for a writer."""
    os.mkfifo(tmp_path / "pipe.env")
    with pytest.raises(UnreadableDotenv, match="is not a file"):
        read_dotenv(str(tmp_path), "pipe.env")


def test_a_large_file_is_an_error(tmp_path: Path) -> None:
    """python-dotenv would take a minute over five megabytes."""
    (tmp_path / "big.env").write_bytes(b"a=1\n" * 1_300_000)
    with pytest.raises(UnreadableDotenv, match="64 KiB"):
        read_dotenv(str(tmp_path), "big.env")


def test_other_bytes_than_utf8_are_an_error(tmp_path: Path) -> None:
    """The sentence names the file, not a codec's position."""
    (tmp_path / "x.env").write_bytes(b"domain=\xff\xfe")
    with pytest.raises(UnreadableDotenv, match=r"x\.env`, which is not UTF-8"):
        read_dotenv(str(tmp_path), "x.env")


def test_a_byte_order_mark_hides_nothing(tmp_path: Path) -> None:
    """Some editors write one."""
    (tmp_path / "x.env").write_bytes(b"\xef\xbb\xbfdomain=t.auth0.com\r\nclient_id=c  \r\n")
    assert read_dotenv(str(tmp_path), "x.env").variables == {"domain": "t.auth0.com", "client_id": "c"}


def test_a_home_folder_may_be_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`~` is the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "x.env").write_text("a=1\n")
    assert read_dotenv("~", "x.env").variables == {"a": "1"}


def test_parsing_says_nothing_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    """python-dotenv would log what it cannot read."""
    assert parse_dotenv('a=1\n"\nb=2\n').variables["a"] == "1"
    assert caplog.records == []


def test_the_error_reaches_the_user_as_a_problem(tmp_path: Path) -> None:
    """With the others at once; what is missing may stand in the file, so it is not told."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0(dotenv_folder=str(tmp_path), dotenv_file="nope.env", scope="a, b")
    assert [problem.name for problem in caught.value.problems] == ["dotenv_file", "scope"]


def test_values_are_filled_in_from_above_or_from_auth0_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text goes before the environment, and a default stands in for what is in neither."""
    monkeypatch.setenv("AUTH0_TENANT", "out")
    text = "A=1\nB=${A}-${AUTH0_TENANT}-${NOWHERE:-default}-${NOWHERE:-}-$A\nA2='${A}'\n"
    text += "AUTH0_TENANT=in\nC=${AUTH0_TENANT}\n"
    assert parse_dotenv(text).variables == {
        "A": "1",
        "B": "1-out-default--$A",
        "A2": "1",
        "AUTH0_TENANT": "in",
        "C": "in",
    }


def params_of(text: str, way: str, folder: Path) -> ParamsAuth0:
    """Return the parameters in *text*, which is that of a dotenv file or of a cell."""
    if way == "cell":
        return ParamsAuth0.from_magic({}, text)
    (folder / "x.env").write_text(text)
    return ParamsAuth0(dotenv_folder=str(folder), dotenv_file="x.env")


SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "name",
    ["JUPYTERHUB_API_TOKEN", "AUTH0_CLIENT_SECRET", "AUTH0_API_TOKEN", "HOME", "auth0_tenant", "NOT_SET", "LATER"],
)
@pytest.mark.parametrize("way", ["file", "cell"])
def test_nothing_else_of_the_environment_is_filled_in(
    name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable is named, also where another line took it in between, and its value is in no sentence."""
    if name not in ("NOT_SET", "LATER"):
        monkeypatch.setenv(name, SECRET)
    between = "" if way == "cell" else f"BETWEEN=${{{name}}}\nlogin_hint=${{BETWEEN}}\n"
    text = f"client_id=c\nissuer=https://evil.example/${{{name}}}\naudience=a${{{name}:-b}}\n{between}"
    if way == "file":
        text += f"OTHER=${{{name}}}\nLATER=x\n"
    with pytest.raises(InvalidParams) as caught:
        params_of(text, way, tmp_path)
    said = {problem.name: str(problem) for problem in caught.value.problems}
    assert set(said) == {"issuer"} | ({"login_hint"} if between else set())
    assert all(f"`${{{name}}}`" in each for each in said.values())
    assert SECRET not in str(caught.value)


def test_a_line_of_another_program_may_name_any_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only parameters are sent, and a value that a higher place replaces is not."""
    monkeypatch.setenv("HOME", "/home/ada")
    (tmp_path / "x.env").write_text("DATA=${HOME}/data\ndomain=t.auth0.com\nclient_id=c\naudience=${HOME}\n")
    params = ParamsAuth0(dotenv_folder=str(tmp_path), dotenv_file="x.env", audience="api")
    assert (params.domain, params.audience) == ("t.auth0.com", "api")


@pytest.mark.parametrize(
    "text",
    [
        "A0=xxxxxxxxxx\n" + "".join(f"A{i}={f'${{A{i - 1}}}' * 10}\n" for i in range(1, 9)),
        'A="' + "${" * 32_000 + '"',
        'A="' + "${a:-" * 12_000 + '"',
    ],
    ids=["values of values", "many beginnings", "many defaults"],
)
def test_a_small_text_costs_little(text: str) -> None:
    """Neither gigabytes nor a minute."""
    started = time.monotonic()
    with contextlib.suppress(UnreadableDotenv):
        assert max(len(str(value or "")) for value in parse_dotenv(text).variables.values()) <= 64 * 1024
    assert time.monotonic() - started < 10


MISTAKES = {
    "unknown names": "".join(f"n{i}=\n" for i in range(8_000)),
    "nearly ours": "".join(f"client_id{i}=\n" for i in range(4_300)),
    "one name again and again": "a=\nb=\n" * 10_000,
    "no assignments": "x y\n" * 15_000,
    "a long name": "a" * 65_000 + "=1\n",
    "a long value": "redirect_uri=http://evil.example/" + "a" * 65_000 + "\n",
    "a long run of blanks": "a=b" + " " * 65_000 + "c\n",
    "many runs of blanks": ("a=" + ("b" + " " * 255) * 250) + "c\n",
    "names that are not filled in": "audience=" + "".join(f"${{n{i}}}" for i in range(7_000)) + "\n",
}


@pytest.mark.parametrize("way", ["file", "cell"])
@pytest.mark.parametrize("kind", MISTAKES)
def test_a_text_of_many_mistakes_is_a_short_error_at_once(kind: str, way: str, tmp_path: Path) -> None:
    """Up to the largest text that is read: no work by the square of its lines, and a page of sentences at the most."""
    text = MISTAKES[kind]
    assert 32_000 < len(text) < 64 * 1024
    started = time.process_time()
    with pytest.raises(InvalidParams) as caught:
        params_of(text, way, tmp_path)
    assert time.process_time() - started < 2
    assert len(str(caught.value)) < 10_000
    assert any(sentence in str(caught.value) for sentence in ("is missing", "is not read", "Did you mean `client_id`"))
