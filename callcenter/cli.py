"""The command line: `callcenter up | check-config | doctor | simulate | seeds | bench | …`."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import agent_console
from callcenter import bench, keys, people, saying
from callcenter.pastdays.command import replay
from callcenter.seeds import seeds
from callcenter.simulate import simulate
from callcenter.staff import staff
from config.check import ConfigErrors, load_site
from config.settings import DEMO_SITE

app = typer.Typer(
    name="callcenter",
    help="A call center: CTI server, ACD, IVR, live console and customer records.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("simulate")(simulate)
app.command("replay")(replay)
app.command("staff")(staff)
app.command("seeds")(seeds)
app.add_typer(bench.app, name="bench")
app.add_typer(people.app, name="user")
app.add_typer(keys.app, name="key")
out = Console()
STATIC = Path(agent_console.__file__).parent / "static"


@app.command()
def up(
    demo: Annotated[
        bool, typer.Option("--demo", help="Seed and run the demonstration company.")
    ] = False,
    site: Annotated[
        Path | None, typer.Option(help="The folder with site.yaml; default: CALLCENTER_SITE.")
    ] = None,
    switch: Annotated[
        str | None, typer.Option(help="auto, asterisk or virtual; default: auto.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="The console's port.")] = None,
) -> None:
    """Run the whole call center until Ctrl-C."""
    from callcenter.running import run

    settings = saying.settings()
    changes: dict[str, object] = {}
    if demo:
        changes["demo"] = True
    if site is not None:
        changes["site"] = site
    if switch is not None:
        changes["switch"] = switch
    if port is not None:
        changes["port"] = port
    if changes:
        settings = saying.settings(**{**settings.model_dump(), **changes})
    try:
        raise SystemExit(run(settings))
    except ConfigErrors as errors:
        saying.show_mistakes(errors)
        raise SystemExit(2) from None


@app.command("check-config")
def check_config(
    site: Annotated[
        Path | None, typer.Argument(help="The folder with site.yaml; default: the site in use.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Check a site's configuration: every mistake with its file, line and fix."""
    folder = site or saying.settings().site_folder
    try:
        found = load_site(folder)
    except ConfigErrors as errors:
        if as_json:
            print(json.dumps({"ok": False, "mistakes": [_plain(m) for m in errors.mistakes]}))
        else:
            saying.show_mistakes(errors)
        raise SystemExit(1) from None
    if as_json:
        print(json.dumps({"ok": True, "warnings": [_plain(m) for m in found.warnings]}))
        return
    for warning in found.warnings:
        out.print(f"[yellow]{warning}[/]", highlight=False, soft_wrap=True)
    counts = (("queue", found.queues), ("agent", found.agents), ("flow", found.flows))
    told = (f"{len(many)} {what}{'s' if len(many) != 1 else ''}" for what, many in counts)
    out.print(f"[green]{folder}: sound.[/] {', '.join(told)}.", highlight=False, soft_wrap=True)


@app.command("new-site")
def new_site(
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet.")],
) -> None:
    """Begin a site of your own: a copy of the demonstration company to change."""
    if folder.exists():
        raise typer.BadParameter(f"{folder} is there already")
    shutil.copytree(DEMO_SITE, folder)
    out.print(f"{folder} is yours. Check it at any time: callcenter check-config {folder}")


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
) -> None:
    """Say what is missing on this machine, and how to get it."""
    from callcenter.doctor import examine

    settings = saying.settings()
    findings = examine(settings.var, STATIC, settings.host, settings.port)
    if as_json:
        print(
            json.dumps(
                [{"what": f.what, "ok": f.ok, "says": f.says, "fix": f.fix} for f in findings]
            )
        )
    else:
        table = Table("", "what", "found", "what to do", box=None, padding=(0, 1))
        for f in findings:
            mark = {True: "[green]✓[/]", None: "[yellow]•[/]", False: "[red]✗[/]"}[f.ok]
            table.add_row(mark, f.what, f.says, f.fix)
        out.print(table)
    raise SystemExit(1 if any(f.ok is False for f in findings) else 0)


def _plain(mistake: object) -> dict[str, object]:
    return {name: getattr(mistake, name) for name in ("file", "line", "message", "fix")}


def main() -> None:
    """Entry point of the console script."""
    if sys.platform != "win32":
        try:
            import uvloop

            asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
        except ImportError:
            pass
    app()
