"""IPython's running shell, if there is one."""

from __future__ import annotations

import sys
from typing import Any


def current_shell() -> Any:
    """Return IPython's running shell, or None outside IPython."""
    get_ipython = getattr(sys.modules.get("IPython.core.getipython"), "get_ipython", None)
    return get_ipython() if get_ipython else None
