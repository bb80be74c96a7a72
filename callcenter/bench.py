"""`callcenter bench …`: the benchmarks that need a real Asterisk."""

from __future__ import annotations

import typer

app = typer.Typer(help="Measure this machine, side by side with what others would use.")
