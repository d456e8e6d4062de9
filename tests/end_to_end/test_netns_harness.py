"""A remote machine is another one for the network: only a tunnel leads there."""

from __future__ import annotations

import socket
from pathlib import Path

import psutil
import pytest

from tests.support.chromium import chromium
from tests.support.lab import JupyterLab
from tests.support.netns import RemoteMachine
from tests.support.ports import free_port, is_free
from tests.support.web import serving

pytestmark = pytest.mark.harness

LISTENER = """
import http.server, threading
server = http.server.HTTPServer(("127.0.0.1", {port}), http.server.SimpleHTTPRequestHandler)
threading.Thread(target=server.serve_forever, daemon=True).start()
"""
ASKING = """
import urllib.request
opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
try:
    print(opener.open("{url}", timeout=30).read().decode())
except OSError as error:
    print("unreachable:", error)
"""


def test_a_notebook_on_a_remote_machine(tmp_path: Path, artefacts: Path) -> None:
    """Lab is reached by one tunnel; what its kernel listens to, and what we do, by others, and by nothing else."""
    lab_port, kernel_port = free_port(), free_port()
    before = psutil.Process().children(recursive=True)
    with (
        RemoteMachine() as remote,
        remote.local_forward(lab_port),
        JupyterLab(tmp_path / "lab", port=lab_port, launcher=remote.launcher) as lab,
        chromium() as browser,
        lab.notebook(browser) as notebook,
        serving() as web,
    ):
        notebook.run(LISTENER.format(port=kernel_port)).wait()
        page = notebook.context.new_page()
        with pytest.raises(Exception, match="ERR_CONNECTION_REFUSED"):
            page.goto(f"http://127.0.0.1:{kernel_port}/")
        with remote.local_forward(kernel_port):
            page.goto(f"http://127.0.0.1:{kernel_port}/")
            assert notebook.path.name in page.locator("body").inner_text()
        page.close()

        web.answers = {"/": (200, {}, b"here I am")}
        asking = ASKING.format(url=f"{web.url}/")
        assert "unreachable:" in notebook.run(asking).wait().text()
        with remote.remote_forward(int(web.url.rsplit(":", 1)[1])):
            assert notebook.run(asking).wait().text() == "here I am"
        notebook.screenshot(artefacts / "remote.png")
    assert psutil.Process().children(recursive=True) == before
    assert is_free(lab_port)


def test_a_port_may_be_held_on_both_machines() -> None:
    """The loopbacks are two: what is bound here is free there."""
    with RemoteMachine() as remote, socket.create_server(("127.0.0.1", 0)) as mine:
        port = mine.getsockname()[1]
        assert remote.run("import socket, sys; socket.create_server(('127.0.0.1', int(sys.argv[1])))", str(port)) == ""
        assert "lo" in remote.run("import socket; print(*(name for _, name in socket.if_nameindex()))")
