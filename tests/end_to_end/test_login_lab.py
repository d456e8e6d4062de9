"""`%login`, profiles and `%logout`, as a user of JupyterLab meets them."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab import Notebook
from tests.support.signing_in_lab import both_themes, signed_in, waiting
from tests.support.site import Site


def test_a_profile_is_saved_used_and_signed_out_of(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """The cell that saves it signs in first; then its name is enough, and Tab knows it."""
    cell = notebook.run("\n".join(["%%login --save work", *local_site.parameters("read:exotic-fruit")]))
    assert "response_type=code" in waiting(cell)
    signed_in(notebook, cell)
    cell.wait_for_text("Signed in as alice").wait()
    cell.wait_for_text("%login work")
    assert not cell.failed()

    again = notebook.run("%login work").wait()
    again.wait_for_text("Signed in as alice")
    bound = notebook.run("work is auth, work.access_token == token").wait()
    assert "(True, True)" in bound.text()
    unknown = notebook.run("%login wrok").wait()
    assert unknown.failed()
    unknown.wait_for_text("Did you mean `work`?")

    check = notebook.run(f"%login --check issuer={local_site.issuer}").wait()
    check.wait_for_text("What works at")
    help_shown = notebook.run("%login --help").wait()
    help_shown.wait_for_text("Keeping:")
    out = notebook.run("%logout work --no-browser").wait()
    out.wait_for_text("Signed out")
    twice = notebook.run("%logout").wait()
    twice.wait_for_text("nothing to sign out of")
    both_themes(
        notebook,
        artefacts,
        login=cell,
        again=again,
        unknown=unknown,
        check=check,
        help=help_shown,
        out=out,
        twice=twice,
    )
