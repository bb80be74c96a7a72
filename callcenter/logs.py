"""Structured logs: one JSON object (or one coloured line at a terminal) per event."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logs(level: str = "INFO", *, human: bool | None = None) -> None:
    """Send structlog and the standard library's logging to standard error.

    `human` chooses readable lines; by default they are used at a terminal only.
    Every line written while a call is being served carries its `call_id`
    (`structlog.contextvars`).
    """
    if human is None:
        human = sys.stderr.isatty()
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.types.Processor
    # Plain tracebacks: those with local variables would show callers' numbers and digits.
    renderer = (
        structlog.dev.ConsoleRenderer(
            colors=True, exception_formatter=structlog.dev.plain_traceback
        )
        if human
        else structlog.processors.JSONRenderer()
    )
    last: list[structlog.types.Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta
    ]
    if not human:
        last.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*last, renderer])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("aiosqlite", "alembic", "uvicorn.access", "panoramisk"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
