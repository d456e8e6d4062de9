"""A notebook may run on a kernel of another virtual environment than its server's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.support.lab import JupyterLab, Notebook
from tests.support.other_kernel import OtherKernel

pytestmark = pytest.mark.harness


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> OtherKernel:
    """Make the other environment."""
    return OtherKernel(tmp_path_factory.mktemp("other-kernel") / "venv")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, kernel: OtherKernel) -> Iterator[JupyterLab]:
    """Run one JupyterLab that knows the kernel."""
    with JupyterLab(tmp_path_factory.mktemp("lab")) as lab:
        kernel.register(lab.folder / "data")
        lab.write_notebook("other.ipynb", [""], kernel=kernel.name)
        yield lab


@pytest.fixture(scope="module")
def notebook(lab: JupyterLab, browser: Browser) -> Iterator[Notebook]:
    """Open a notebook that runs on the kernel."""
    with lab.notebook(browser, "other.ipynb") as notebook:
        yield notebook


def test_it_has_the_project_and_no_server(kernel: OtherKernel) -> None:
    """What a kernel needs is there, and nothing of a server's."""
    assert kernel.has("ipyauth_magic")
    assert kernel.has("ipykernel")
    assert kernel.has("jupyter_core")
    assert not kernel.has("jupyter_server")
    assert not kernel.has("notebook")


def test_the_notebook_runs_there(lab: JupyterLab, kernel: OtherKernel, notebook: Notebook) -> None:
    """The Python is the other one's; the runtime folder and the server's process are shared."""
    assert notebook.run("import sys\nprint(sys.executable)").wait().text() == str(kernel.python)
    assert notebook.run("%load_ext ipyauth_magic").wait().text() == ""
    source = "import os\nfrom jupyter_core.paths import jupyter_runtime_dir\nprint(jupyter_runtime_dir())"
    assert notebook.run(source).wait().text() == str(lab.folder / "runtime")
    server = notebook.run("print(os.environ['JPY_PARENT_PID'])").wait().text()
    assert (lab.folder / "runtime" / f"jpserver-{server}.json").exists()
