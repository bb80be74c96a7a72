"""`callcenter user …`: accounts for people who are in the site."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from callcenter.people import app
from config.settings import Settings
from storage.database import opened, upgrade
from storage.users import User, Users

PASSWORD = "a long one for tests"


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs `callcenter user …` on an empty database and the demonstration's site."""
    monkeypatch.setenv("CALLCENTER_VAR", str(tmp_path))
    asyncio.run(upgrade(Settings().database))
    return lambda *words: CliRunner().invoke(app, [*words], input=f"{PASSWORD}\n")


def _users() -> list[User]:
    async def read() -> list[User]:
        async with opened(Settings().database) as engine:
            return await Users(engine).list_users()

    return asyncio.run(read())


def test_an_agent_of_the_site_gets_a_log_in(command: Any) -> None:
    """The log-in and the agent may have different names."""
    assert command("add", "anna").exit_code == 0
    assert command("add", "ben.okafor", "--agent", "ben").exit_code == 0
    assert [(user.user_id, user.agent_id) for user in _users()] == [
        ("anna", "anna"),
        ("ben.okafor", "ben"),
    ]


def test_an_agent_that_nobody_knows_is_refused(command: Any) -> None:
    """Whoever logs in as nobody would wait for calls that never come."""
    result = command("add", "carol", "--agent", "nobody")
    assert result.exit_code == 1
    assert "There is no agent 'nobody'" in result.output
    assert "anna" in result.output
    assert _users() == []


def test_a_slip_in_the_name_is_corrected(command: Any) -> None:
    """The nearest name is nearly always what was meant."""
    assert "did you mean 'emeka'" in command("add", "e", "--agent", "emeca").output


def test_a_log_in_without_an_agent_is_a_warning(command: Any) -> None:
    """The site may be written afterwards."""
    result = command("add", "maria")
    assert result.exit_code == 0
    assert "has no agent 'maria'" in result.output
    assert [user.user_id for user in _users()] == ["maria"]
