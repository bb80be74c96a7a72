"""The one port to the outside: the console, and beside it what has rules of its own.

A switch's webhooks are asked by machines that have no session and no origin and prove
themselves by signature, so they never come near the console's checks.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send


class Front:
    """Passes requests below a path of `beside` to the application there, all else to `app`.

    `beside` may grow while the server runs. The longest path that fits wins.
    """

    def __init__(self, app: ASGIApp, beside: Mapping[str, ASGIApp]) -> None:
        self._app = app
        self._beside = beside

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = str(scope["path"])
            for mount in sorted(self._beside, key=len, reverse=True):
                if path.startswith(f"{mount}/"):
                    below = {**scope, "root_path": f"{scope.get('root_path', '')}{mount}"}
                    await self._beside[mount](below, receive, send)
                    return
        await self._app(scope, receive, send)
