"""`flow`, `store` and `timeout` as parameters: they stand wherever `domain` may, and the higher place counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from ipyauth_magic.auth import Auth, authenticator_of
from ipyauth_magic.errors import InvalidParams
from ipyauth_magic.protocol.flow import FLOWS
from ipyauth_magic.settings.options import STORES
from ipyauth_magic.settings.parameters import KNOWN_VALUES
from ipyauth_magic.settings.params import ParamsAuth0
from ipyauth_magic.store.file import FileStore
from tests.support.scripted_browser import ScriptedBrowser

WHERE = {"domain": "issuer.test", "client_id": "c"}


def grant_of(params: ParamsAuth0, **more: Any) -> str:
    """Return the flow by which an `Auth` of *params* signs in."""
    return authenticator_of(Auth(params, **more)).grant.flow.name


def test_the_values_that_tab_offers_are_those_that_are_taken() -> None:
    """Both lists are the same."""
    assert set(KNOWN_VALUES["flow"]) == set(FLOWS)
    assert KNOWN_VALUES["store"] == STORES


@pytest.mark.parametrize("flow", FLOWS)
def test_auth_follows_the_flow_of_its_parameters(flow: str) -> None:
    """The response type and mode suit it; a `flow=` of `Auth` itself prevails."""
    params = ParamsAuth0(**WHERE, flow=flow)
    assert grant_of(params) == flow
    assert grant_of(params, flow="device") == "device"
    assert params.response_type == (FLOWS[flow].response_type or "token id_token")


@pytest.mark.parametrize(
    ("line", "cell", "flow"),
    [
        ({"flow": "code"}, "response_type=token id_token", "code"),
        ({"response_type": "token id_token"}, "flow=code", "implicit"),
        ({"response_type": "code"}, "flow=device", "code"),
        ({"flow": "device"}, "response_type=code", "device"),
        ({"flow": "code"}, "flow=device", "code"),
        ({}, "flow=code\nresponse_type=code", "code"),
        ({}, "flow=code\nresponse_mode=form_post", "code"),
        ({"flow": ""}, "response_type=code", "code"),
    ],
)
def test_of_flow_and_response_type_the_higher_place_counts(line: dict[str, str], cell: str, flow: str) -> None:
    """Each way round; equal ones do not contradict each other."""
    params = ParamsAuth0.from_magic({**WHERE, **line}, cell)
    assert grant_of(params) == flow


def test_the_words_of_a_response_type_that_does_not_count_are_not_sent() -> None:
    """Their order belongs to the lower place."""
    params = ParamsAuth0.from_magic({**WHERE, "flow": "implicit"}, "response_type=id_token token")
    assert params.typed == {}


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("flow=code\nresponse_type=token id_token", "contradicts `response_type=token id_token` beside it"),
        ("flow=device\nresponse_type=code", "contradicts `response_type=code` beside it"),
        ("flow=hybrid", "must be `implicit`"),
        ("store=disk", "must be `memory`"),
        ("timeout=soon", "must be a whole number of seconds from 1 to 3600"),
        ("timeout=0", "must be a whole number"),
        ("timeout=3601", "must be a whole number"),
    ],
)
def test_a_value_that_cannot_be_used_is_told(cell: str, said: str) -> None:
    """With the place, as for every parameter."""
    with pytest.raises(InvalidParams) as caught:
        ParamsAuth0.from_magic(WHERE, cell)
    assert f"`{cell.partition('=')[0]}` (from the cell) {said}" in str(caught.value)
    assert "from the cell" in str(caught.value)
    assert len(caught.value.problems) == 1


@pytest.mark.parametrize("value", [{"a": "b"}, 10**5000, True, 2.5], ids=["dict", "number", "bool", "float"])
def test_a_value_of_another_type_is_refused(value: object) -> None:
    """A dict is not a list of words, and a number that Python does not write is not a text."""
    with pytest.raises(InvalidParams, match="`scope` .* must be text"):
        ParamsAuth0(**WHERE, scope=value)


def test_the_values_and_their_origins_are_shown(tmp_path: Path) -> None:
    """In the order of places; the environment has no variables for them."""
    (tmp_path / "demo.env").write_text("flow=code\nstore=file\ntimeout=60\n")
    params = ParamsAuth0(**WHERE, dotenv_folder=str(tmp_path), dotenv_file="demo.env", timeout=90)
    shown = {row.name: (row.value, row.origin) for row in params.explain()}
    assert shown["flow"] == ("code", "file demo.env")
    assert shown["store"] == ("file", "file demo.env")
    assert shown["timeout"] == ("90", "keyword")
    assert shown["response_type"] == ("code", "file demo.env, by flow")


def test_the_environment_says_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only Auth0's own names are read there."""
    for name in ("FLOW", "STORE", "TIMEOUT"):
        monkeypatch.setenv(f"AUTH0_{name}", "code")
    params = ParamsAuth0(**WHERE)
    assert (params.flow, params.store, params.timeout) == (None, None, None)


def test_the_store_and_the_time_are_those_of_the_parameters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the caller says another one."""
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    authenticator = authenticator_of(Auth(ParamsAuth0(**WHERE, store="none", timeout="60")))
    assert type(authenticator.request.store).__name__ == "NoStore"
    assert (authenticator.request.time_to_wait(None), authenticator.request.time_to_wait(5)) == (60, 5)
    assert authenticator_of(Auth(ParamsAuth0(**WHERE))).request.time_to_wait(None) == 300
    own = FileStore()
    assert authenticator_of(Auth(ParamsAuth0(**WHERE, store="none"), store=own)).request.store is own


def test_another_time_makes_no_other_sign_in() -> None:
    """The same cell with more time finds the `Auth` of its earlier run."""
    assert ParamsAuth0(**WHERE, timeout="5") == ParamsAuth0(**WHERE)
    assert ParamsAuth0(**WHERE, flow="device") != ParamsAuth0(**WHERE)


def test_a_cell_says_how(shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser) -> None:
    """As `--flow` does, which prevails on the line; `%token --config` shows the origin."""
    with capture_output() as captured:
        assert shell.run_cell(cell("", "flow=code", "timeout=30")).success
        shell.run_cell("%token --config")
    assert authenticator_of(shell.user_ns["auth"]).grant.flow.name == "code"
    text = captured.outputs[-1].data["text/plain"]
    assert re.findall(r"^ *flow .*$", text, re.MULTILINE) == re.findall(
        r"^ *flow +code, .* the cell *$", text, re.MULTILINE
    )
    assert text.count("flow ") == 1
    with capture_output():
        assert shell.run_cell(cell("flow=device --flow implicit")).success
    assert authenticator_of(shell.user_ns["auth"]).grant.flow.name == "implicit"


def test_the_configuration_says_how(
    shell: InteractiveShell, cell: Callable[..., str], user_browser: ScriptedBrowser
) -> None:
    """`c.Auth0Magics.timeout = 60` is a number, as everybody writes it."""
    shell.run_line_magic("config", "Auth0Magics.flow = 'code'")
    shell.run_line_magic("config", "Auth0Magics.timeout = 60")
    with capture_output():
        assert shell.run_cell(cell()).success
    authenticator = authenticator_of(shell.user_ns["auth"])
    assert (authenticator.grant.flow.name, authenticator.request.time_to_wait(None)) == ("code", 60)
    assert {row.name: row.origin for row in authenticator.params.explain()}["timeout"] == "IPython configuration"
