"""A real Jupyter Notebook 7 in a real Chromium, driven as JupyterLab is: its page is made of Lab's parts.

with Notebook7(folder) as server, chromium() as browser:
    with server.notebook(browser) as notebook:
        assert notebook.run("1 + 1").wait().text() == "2"
"""

from __future__ import annotations

from urllib.parse import quote

from .lab import JupyterLab


class Notebook7(JupyterLab):
    """Notebook 7 as a context manager."""

    module = "notebook"

    def page_of(self, name: str) -> str:
        """Return the address of the page that shows notebook *name*, which has a tab of the browser for itself."""
        return f"{self.url}/notebooks/{quote(name)}"
