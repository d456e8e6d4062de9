"""A stranger in JupyterLab knows the address of an API, and nothing else."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from tests.support.lab import Notebook
from tests.support.signing_in_lab import both_themes, signed_in, waiting
from tests.support.site import Site


def test_three_cells(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """The extension, the address, the request: a fruit is added. The card names both hosts before the user signs in."""
    # The tests run beside each other, so the port is not the usual one.
    notebook.run(f"%config Auth0Magics.redirect_uri = {local_site.redirect_uri!r}").wait()

    loaded = notebook.run("%load_ext ipyauth_magic").wait()
    assert not loaded.failed()
    login = notebook.run(f"%login {local_site.api}/api/fruit")
    waiting(login)
    login.screenshot(artefacts / "before.png")
    before = login.text()
    assert urlsplit(local_site.api).netloc in before
    assert urlsplit(local_site.issuer).netloc in before
    assert "write:usual-fruit" in before
    tab = signed_in(notebook, login)
    tab.screenshot(path=artefacts / "page.png")
    login.wait_for_text("Signed in as alice").wait()
    login.wait_for_text("api is ready")
    assert f"{local_site.api}/api/fruit" in login.text()
    added = notebook.run('api.post("/api/fruit", json={"usual": ["quince"]}).json()["fruits_added"]').wait()
    added.wait_for_text("{'usual': ['quince']}")

    both_themes(notebook, artefacts, login=login)
