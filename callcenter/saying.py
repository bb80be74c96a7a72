"""What the command line says when settings or a site are wrong, and its end then."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console

from config.check import ConfigErrors, load_site
from config.settings import Settings
from config.site import Site
from ivr.mistakes import closest

INTERNAL = frozenset({"CALLCENTER_SKIP_FRONT_END", "CALLCENTER_KILLS"})  # for builds and tests


def settings(**given: object) -> Settings:
    """The settings, or a clear word about each that is wrong, and the end."""
    known = {f"CALLCENTER_{name.upper()}" for name in Settings.model_fields}
    known |= {"CALLCENTER_SETTINGS", "CALLCENTER_SECRETS_DIR", "CALLCENTER_ASTERISK"}
    err = Console(stderr=True)
    try:
        found = Settings(**given)  # type: ignore[arg-type]
    except ValidationError as wrong:
        for one in wrong.errors(include_input=False, include_url=False):
            name = "_".join(str(part) for part in one["loc"]).upper()
            err.print(f"[red]CALLCENTER_{name}:[/] {one['msg']}", highlight=False, soft_wrap=True)
        raise SystemExit(2) from None
    except FileNotFoundError as error:
        err.print(f"[red]{error}[/]", highlight=False, soft_wrap=True)
        raise SystemExit(2) from None
    for name in sorted(t for t in os.environ if t.startswith("CALLCENTER_")):
        # A site may name variables of its own for passwords: only what looks like a slip.
        near = "" if name in known | INTERNAL else closest(name, known)
        if near:
            what = f"[yellow]{name} is no setting.[/] Did you mean {near}?"
            err.print(what, highlight=False, soft_wrap=True)
    return found


def site(folder: Path) -> Site:
    """The site of this folder, or every mistake in it, and the end."""
    try:
        return load_site(folder)
    except ConfigErrors as errors:
        show_mistakes(errors)
        raise SystemExit(2) from None


def show_mistakes(errors: ConfigErrors) -> None:
    """Every mistake of a site, with file, line and fix."""
    err = Console(stderr=True)
    for mistake in errors.mistakes:
        err.print(str(mistake), style="red", highlight=False, markup=False, soft_wrap=True)
    count = len(errors.mistakes)
    err.print(f"{count} mistake{'s' if count != 1 else ''}; nothing was changed.", highlight=False)


def refuse(message: str) -> SystemExit:
    """Says what is wrong; raise what this returns."""
    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    return SystemExit(2)
