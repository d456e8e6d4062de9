"""In a notebook an error of ours is its sentence at the user's line; one that asks for a sign-in offers it below."""

from __future__ import annotations

import pytest

from tests.magic.test_interrupt_of_await import Kernel, kernel

__all__ = ["kernel"]

ERRORS = {
    "auth.access_token  # mine": "NotSignedIn",
    "auth.id_token  # mine": "NotSignedIn",
    "auth()  # mine": "NotSignedIn",
    "auth.userinfo()  # mine": "NotSignedIn",
    "import requests; requests.get('http://127.0.0.1:1/', auth=auth)  # mine": "NotSignedIn",
    "auth.session('http://127.0.0.1:1/').get('/')  # mine": "NotSignedIn",
    "async def call():\n    return auth.access_token\nawait call()  # mine": "NotSignedIn",
}


@pytest.mark.parametrize("cell", ERRORS)
def test_an_error_that_asks_for_a_sign_in_has_the_button_below_it(cell: str, kernel: Kernel) -> None:
    """First the sentence, with the name and the value that papermill shows, then the card of this very `auth`."""
    reply, outputs = kernel.run_with_outputs(cell)
    assert (reply["status"], reply["ename"]) == ("error", ERRORS[cell])
    assert reply["evalue"].startswith("You are not signed in.")
    error, card = outputs[0], outputs[1]
    shown = "\n".join(error["traceback"])
    assert "# mine" in shown
    assert max(map(len, shown.splitlines()[-2:])) <= 100  # with the codes of its colours
    assert "ipyauth_magic/" not in shown
    assert "/authorize?" in str(card["data"]) or "application/vnd.jupyter.widget-view+json" in card["data"]


@pytest.mark.parametrize(
    "cell",
    [
        "from ipyauth_magic.errors import NotSignedIn\nraise NotSignedIn  # of no `auth`",
        "ParamsAuth0()",
        "{}['other']",
        "try:\n    auth.access_token\nexcept Exception:\n    raise KeyError('mine') from None",
        "try:\n    auth.access_token\nexcept Exception as error:\n    print(error)\n1 / 0",
    ],
)
def test_another_error_has_nothing_below_it(cell: str, kernel: Kernel) -> None:
    """A card belongs to the sign-in whose token was asked for."""
    _, outputs = kernel.run_with_outputs(cell)
    assert [each for each in outputs if "data" in each] == []


def test_the_whole_traceback_is_kept(kernel: Kernel) -> None:
    """For a debugger, or a report: what is shown is cut, the error is not."""
    kernel.run_with_outputs("auth.access_token")
    cell = "import sys, traceback\nassert 'token_source' in ''.join(traceback.format_exception(sys.last_value))"
    reply, _ = kernel.run_with_outputs(cell)
    assert reply["status"] == "ok"


def test_a_magic_that_fails_is_one_output_in_lines_that_fit(kernel: Kernel) -> None:
    """An `error` whose traceback is the sentence in lines; its value is the sentence itself."""
    kernel.run_with_outputs("%load_ext ipyauth_magic")
    reply, outputs = kernel.run_with_outputs("%auth0 domain=t.eu.auth0.com client_id=abc scope=a,")
    [error] = outputs
    assert (
        reply["evalue"] == "`scope` (from the magic's line) has commas or brackets among the scopes. Write `scope=a`."
    )
    assert max(map(len, error["traceback"])) <= 88
    assert " ".join(line.strip() for line in error["traceback"]) == f"UsageError: {reply['evalue']}"
