"""The built web front end: one page for every address, and its assets."""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse, Response

from agent_console.problems import problem

# The first part of the addresses that are pages of the front end.
PAGES = frozenset(("login", "desk", "supervisor", "wall", "reports", "admin", "call", "embed"))

NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Call center</title></head>
<body><h1>The web pages are not built yet</h1>
<p>Run <code>make front-end</code> in the project's folder, then load this page again.</p>
<p>The server itself is running.</p></body></html>
"""


# Where nobody who types an address looks for a page.
_NO_PAGES = frozenset(("api", "assets"))


def page_or_asset(folder: Path, path: str, *, for_reader: bool = False) -> Response:
    """What is at this address; with 404 a problem, or the page that says so `for_reader`."""
    first = path.split("/", 1)[0]
    if not path or first in PAGES:
        return _page(folder, 200)
    asset = _inside(folder, path)
    if asset is None:
        if for_reader and first not in _NO_PAGES and (folder / "index.html").is_file():
            return _page(folder, 404)
        return problem(404, "not-found", "There is nothing at this address.")
    # Names below assets/ carry a hash of the content: a new content has a new name.
    hashed = path.startswith("assets/")
    keep = "public, max-age=31536000, immutable" if hashed else "no-cache"
    return FileResponse(asset, headers={"Cache-Control": keep})


def _page(folder: Path, status: int) -> Response:
    page = folder / "index.html"
    if not page.is_file():
        return HTMLResponse(NOT_BUILT, 503, {"Cache-Control": "no-store"})
    return FileResponse(page, status, headers={"Cache-Control": "no-cache"})


def _inside(folder: Path, path: str) -> Path | None:
    if "\0" in path or "\\" in path or len(path) > 500:
        return None
    root = folder.resolve()
    try:
        asset = (root / path).resolve()
        return asset if asset.is_relative_to(root) and asset.is_file() else None
    except OSError:
        return None
