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
    with pytest.raises(UnreadableDotenv, match=r"no file .*nope\.env.*folder searched"):
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
    with pytest.raises(UnreadableDotenv, match=r"x\.env` is not UTF-8"):
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
    assert parse_dotenv('a=1\n"\nb=2\n', "text").variables["a"] == "1"
    assert caplog.records == []


def test_the_error_reaches_the_user_as_a_problem(tmp_path: Path) -> None:
    """With the other problems, at once."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0(dotenv_folder=str(tmp_path), dotenv_file="nope.env")
    assert [problem.name for problem in caught.value.problems] == ["dotenv_file", "domain", "client_id"]


def test_values_are_filled_in_from_above_or_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As python-dotenv does: the text goes before the environment, a default stands in for what is nowhere."""
    monkeypatch.setenv("OUTSIDE", "out")
    text = "A=1\nOUTSIDE_TOO=${OUTSIDE}\nB=${A}-${OUTSIDE}-${NOWHERE}-${NOWHERE:-default}-$A\nA2='${A}'\nC=${ }\n"
    assert parse_dotenv(text, "text").variables == {
        "A": "1",
        "OUTSIDE_TOO": "out",
        "B": "1-out--default-$A",
        "A2": "1",
        "C": "",
    }


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
        assert max(len(value or "") for value in parse_dotenv(text, "text").variables.values()) <= 64 * 1024
    assert time.monotonic() - started < 10
