"""What the console is told when it is built. Times in seconds, sizes in bytes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleSettings:
    """`origins` are the exact addresses that people type, such as "https://calls.example.com".

    A request that changes something, and every websocket, must name one of them as its Origin.
    """

    origins: tuple[str, ...]
    # Other pages that may show /embed inside: exact addresses, as `origins`.
    embed_origins: tuple[str, ...] = ()
    company: str = ""
    demo: bool = False
    # Shown on the log-in page of a demonstration: {"name", "password", "role"} each.
    demo_users: Sequence[Mapping[str, str]] = ()
    web_phone: bool = True
    # As whom a demonstration's web phone calls, such as "Grace Chen"; shown to whoever tries it.
    web_phone_caller: str = ""
    static: Path = Path(__file__).parent / "static"
    # Signs the phones' tickets. Keep it over restarts, so that browser phones find their way back.
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    # Without a token, /metrics answers only to this machine.
    metrics_token: str = field(default="", repr=False)
    # Addresses of reverse proxies whose X-Forwarded-For is believed.
    trusted_proxies: tuple[str, ...] = ()

    session_s: float = 16 * 3600.0
    ticket_s: float = 16 * 3600.0
    body_limit: int = 64 * 1024
    import_limit: int = 8 * 1024 * 1024
    body_within_s: float = 30.0

    logins_per_minute_account: int = 10
    logins_per_minute_address: int = 30
    web_phones_per_minute_address: int = 20

    frame_limit: int = 16 * 1024
    sip_frame_limit: int = 64 * 1024
    messages_per_s: float = 20.0
    messages_burst: int = 40
    sip_messages_per_s: float = 100.0
    sip_messages_burst: int = 200
    sockets_per_user: int = 20
    sockets_in_all: int = 6000
    visitor_sockets: int = 200
    hello_within_s: float = 10.0
    slow_after_s: float = 15.0
    gather_s: float = 0.02
    check_session_every_s: float = 15.0

    def __post_init__(self) -> None:
        for origin in (*self.origins, *self.embed_origins):
            scheme, _, host = origin.partition("://")
            if (
                scheme not in ("http", "https")
                or not host
                or "/" in host
                or origin.lower() != origin
            ):
                raise ValueError(
                    f"origin {origin!r}: write it like https://calls.example.com, "
                    "in small letters and without a path"
                )
        if not self.origins:
            raise ValueError("at least one origin is needed: the address that people type")
        if len(self.secret) < 16:
            raise ValueError("the secret must have at least 16 bytes")
