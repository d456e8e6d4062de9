"""`%login +SCOPE`, as a user of JupyterLab meets it: from a 403 of the real API to the fruit."""

from __future__ import annotations

from pathlib import Path

from tests.support.lab import Notebook
from tests.support.signing_in_lab import both_themes, signed_in
from tests.support.site import Site

POST = 'requests.post("{api}/api/fruit", json={{"usual": ["quince"]}}, auth=auth)'


def test_the_line_under_the_cell_leads_to_the_fruit(notebook: Notebook, local_site: Site, artefacts: Path) -> None:
    """The line stands below the traceback; what it says is run; the same call works."""
    cell = notebook.run("\n".join(["%%login", *local_site.parameters("read:exotic-fruit")]))
    signed_in(notebook, cell)
    cell.wait_for_text("Signed in as alice").wait()

    post = POST.format(api=local_site.api)
    refused = notebook.run(f"import requests\n{post}.raise_for_status()").wait()
    assert refused.failed()
    refused.wait_for_text("This needs write:usual-fruit. Run: %login +write:usual-fruit")
    assert refused.text().rstrip().endswith("%login +write:usual-fruit")
    handled = notebook.run(f"answer = {post}").wait()
    handled.wait_for_text("Run: %login +write:usual-fruit")

    step = notebook.run("%login +write:usual-fruit")
    signed_in(notebook, step)
    step.wait_for_text("Signed in as alice").wait()
    step.wait_for_text("write:usual-fruit")
    done = notebook.run(f"{post}.json()['fruits_added'], auth.access_token == token").wait()
    done.wait_for_text("quince")
    assert "True" in done.text()
    assert "This needs" not in done.text()

    again = notebook.run("%login +write:usual-fruit").wait()
    again.wait_for_text("Signed in as alice")
    refused.screenshot(artefacts / "refused.png")  # the colours of a traceback are IPython's
    both_themes(notebook, artefacts, handled=handled, step=step)
