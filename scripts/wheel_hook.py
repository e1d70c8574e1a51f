"""Puts the dashboard into wheels and source distributions, or refuses to make them. Knows hatchling alone."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Dashboard(BuildHookInterface[Any]):
    """Builds the dashboard before anything is packed. An editable install uses what `scripts/setup` builds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002, D102 # hatchling's own method
        if version == "editable":
            return
        root = Path(self.root)
        built = subprocess.run([root / "scripts" / "dashboard"], stdin=subprocess.DEVNULL, check=False)
        if built.returncode or not (root / "clients/python/sightline_bridge/dashboard/index.html").exists():
            raise SystemExit("no package is made without the dashboard, and it could not be built: the reason is above")
