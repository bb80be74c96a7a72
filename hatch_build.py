"""Hatchling's hook: the front end is built into every wheel and every editable install.

With CALLCENTER_SKIP_FRONT_END set it is left out (`make run` builds it in a step of its own).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndHook(BuildHookInterface):  # type: ignore[type-arg, misc, unused-ignore]
    """Builds `agent_console/static` with the Node that the build requirements bring."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it collects files; a source archive needs no build."""
        if self.target_name != "wheel" or os.environ.get("CALLCENTER_SKIP_FRONT_END"):
            return
        root = Path(self.root)
        sys.path.insert(0, str(root))
        try:
            from tools.build_front_end import build
        finally:
            sys.path.remove(str(root))
        self.app.display_info("Building the front end")
        if not build(root):
            self.app.display_info("The front end is current")
