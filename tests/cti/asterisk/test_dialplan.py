"""The dialplan: what it says, and that a real Asterisk takes every line of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cti.asterisk.dialplan import ADOPTED_VARIABLES, EVENTS_USED, MANAGER_WRITE, Dialplan

TEXT = Dialplan("main", 4573, trunk="out", fallback="PJSIP/desk-reception").text()


def test_nothing_from_outside_stands_in_an_expression():
    """A quote in a caller's name would change what an expression means."""
    expressions = "\n".join(re.findall(r"\$\[.*?\]\?", TEXT))
    assert "CALLERID" not in expressions
    assert "CC_DNIS" not in expressions
    assert "EXTEN}" not in expressions
    assert "SHELL" not in TEXT
    assert "System(" not in TEXT
    assert "EVAL" not in TEXT


def test_numbers_are_filtered_wherever_they_are_dialled():
    """A number is digits, also when a variable was set by somebody else."""
    for dial in re.findall(r"Dial\(PJSIP/[^@\n]*@", TEXT):
        assert "FILTER(0-9+," in dial or "${CC_NUMBER}" in dial
    assert "Set(CC_NUMBER=${FILTER(0-9+,${EXTEN})})" in TEXT


def test_agents_phones_lead_nowhere():
    """Whoever steals an agent's phone can call nobody with it."""
    agents = TEXT.split("[cc-agent]")[1].split("\n[")[0]
    assert "Dial" not in agents
    assert "Goto" not in agents


@pytest.mark.parametrize(
    "values",
    [
        {"link": "a]b"},
        {"link": ""},
        {"trunk": "x\n[evil]"},
        {"fallback": "PJSIP/x)\nexten => "},
        {"fallback": "Local/1@evil"},
        {"sorry": "a,b"},
        {"music": "a)b"},
        {"agi_host": "x/y"},
    ],
)
def test_values_that_would_become_dialplan_are_refused(values):
    """A setting must not be able to write dialplan."""
    with pytest.raises(ValueError, match="cannot stand in a dialplan"):
        Dialplan(**{"link": "main", "agi_port": 4573, **values})


def test_the_rights_are_few():
    """A stolen manager password must not run programs."""
    assert not {"system", "command", "config", "agi", "all"} & set(MANAGER_WRITE)
    assert "Newchannel" not in EVENTS_USED, "it carries the caller's name before it is cleaned"


def test_what_is_adopted_is_set():
    """A variable that nothing sets would never come back."""
    folder = Path(__file__).parents[3] / "cti/asterisk"
    link = "".join(
        (folder / f"{name}.py").read_text()
        for name in ("orders", "actions", "sessions", "legs", "recording", "supervision", "rounds")
    )
    for name in ADOPTED_VARIABLES:
        set_by_us = f'("{name}", ' in link or f'"{name}": ' in link or f"({name})" in link
        assert set_by_us or f"Set({name}=" in TEXT, name


@pytest.mark.asterisk
async def test_a_real_asterisk_takes_every_line(asterisk_factory):
    """A line that Asterisk drops with a warning would be missed only in the middle of a call."""
    server = await asterisk_factory(dialplan=TEXT)
    shown = await server.console("dialplan show")
    contexts = set(re.findall(r"^\[([\w-]+)\]$", TEXT, re.M)) - {"general"}
    assert len(contexts) > 10
    for context in contexts:
        assert f"Context '{context}'" in shown
    log = server.layout.message_log.read_text()
    assert "pbx" not in log, log
    for name in set(re.findall(r",([A-Z]\w+)\(", TEXT)) | {"WaitExten"}:
        if name.isupper() or name in ("NoOp",):
            continue
        told = await server.console(f"core show application {name}")
        assert "(is) (are) not registered" not in told, name
