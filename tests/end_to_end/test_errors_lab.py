"""Errors and mistakes, as a user of JupyterLab meets them."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab import Notebook
from tests.support.signing_in_lab import both_themes
from tests.support.site import Site


def test_mistakes_and_errors(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """A magic shows its sentences in lines that fit; an error in Python has the sign-in below it."""
    bare = notebook.run("%login").wait()
    bare.wait_for_text("%%login has no parameters.")
    mistakes = notebook.run("%%login --flw code --store keyrng\ndomian=t.eu.auth0.com\nscope=read:a, write:b").wait()
    mistakes.wait_for_text("Did you mean `--flow`?")
    mistakes.wait_for_text("Write `scope=read:a write:b`.")
    assert mistakes.failed()
    values = f"issuer='{local_site.issuer}', client_id='ipyauth-demo', redirect_uri='http://127.0.0.1:0/callback/'"
    notebook.run(f"from ipyauth_magic import Auth, ParamsAuth0\nmine = Auth(ParamsAuth0({values}), flow='code')").wait()
    error = notebook.run("mine.access_token").wait()
    error.wait_for_text("You are not signed in.")
    assert error.failed()
    assert "token_source" not in error.text()
    error.screenshot(artefacts / "error.png")  # in the colours of JupyterLab itself
    both_themes(notebook, artefacts, bare=bare, mistakes=mistakes)
