"""`callcenter up`: starting with a progress display, the addresses, and an orderly end."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn
from rich.table import Table

from callcenter.demo import DEMO_PASSWORD, demo_users
from callcenter.logs import set_up_logs
from callcenter.system import System, serve
from config.settings import SecretMissing, Settings
from cti import debian
from cti.asterisk.configuration import ConfigProblem
from cti.asterisk.install import AsteriskUnavailable
from cti.asterisk.server import AsteriskFailed

out = Console(stderr=True)


class Display:
    """One line per step, with a bar where the end is known."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[item]}"),
            console=console,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    def start(self) -> None:
        self._bars.start()

    def stop(self) -> None:
        self._bars.stop()

    def show(self, progress: debian.Progress) -> None:
        """A step began or went on; earlier steps are over then."""
        task = self._tasks.get(progress.step)
        if task is None:
            for earlier in self._tasks.values():
                self._bars.update(earlier, visible=False)
            task = self._bars.add_task(progress.step, total=None, item="")
            self._tasks[progress.step] = task
            if not self._bars.console.is_terminal:
                self._bars.console.print(f"{progress.step} …", highlight=False)
        self._bars.update(
            task,
            completed=progress.done,
            total=progress.total or None,
            item=progress.item[-40:],
            visible=True,
        )


def run(settings: Settings) -> int:
    """Run until Ctrl-C; the exit status."""
    set_up_logs(settings.log_level, human=None if not settings.log_json else False)
    display = Display(out)
    display.start()

    def ready(system: System) -> None:
        display.stop()
        welcome(system)

    try:
        asyncio.run(serve(settings, display.show, ready))
    except (OSError, ConfigProblem, SecretMissing, AsteriskUnavailable, AsteriskFailed) as error:
        display.stop()
        out.print(f"[red]Cannot start:[/] {error}", highlight=False)
        return 1
    finally:
        display.stop()
    out.print("Stopped.", highlight=False)
    return 0


def welcome(system: System) -> None:
    """Where to go, as whom."""
    settings = system.settings
    base = settings.base_url
    table = Table.grid(padding=(0, 2))
    table.add_row("Agents, supervisors", f"[bold]{base}/[/]")
    if system.switches.kind == "asterisk":
        if settings.web_phone:
            table.add_row("Call in from a browser", f"[bold]{base}/call[/]")
        table.add_row("Numbers", ", ".join(system.site.numbers))
    if len(names := system.switches.names) > 1:
        late = set(names) - set(system.switches.up)
        told = (f"{name} [red](does not start)[/]" if name in late else name for name in names)
        table.add_row("Switches", ", ".join(told))
    if settings.demo:
        people = ", ".join(user["name"] for user in demo_users(system.site))
        table.add_row("Demo log-ins", f"{people}   password: {DEMO_PASSWORD}")
    table.add_row("Other programs", f"{base}/api/v1/openapi.json   keys: callcenter key new")
    table.add_row("Health, metrics", f"{base}/healthz  {base}/metrics")
    table.add_row("Stop", "Ctrl-C")
    out.print(Panel(table, title=f"{system.site.company} is open", expand=False))
    if system.virtual_because:
        out.print(
            f"[yellow]Running on the virtual switch.[/] {system.virtual_because}", highlight=False
        )
    if system.switches.kind == "virtual" and not settings.demo:
        out.print("Nobody calls on the virtual switch without --demo.", highlight=False)
    sys.stderr.flush()
