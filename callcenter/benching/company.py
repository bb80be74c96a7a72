"""The company that is measured: one queue, agents at desk phones, callers whom it knows.

The same Asterisk serves it three times: through `app_queue`, by a bare `Dial`, and through us.
Trunk, endpoints, codecs and music are the same each time; only the dialplan differs.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import argon2
import yaml

from callcenter.asteriskfloor import asterisk_config, desk_secrets
from config.check import load_site
from config.settings import Settings
from config.site import Site
from crm_link.customers import CustomerStore
from crm_link.demo import seed_demo
from cti.asterisk.configuration import render
from cti.asterisk.install import AsteriskInstall
from cti.asterisk.layout import Identity, Layout
from storage.database import open_engine, upgrade
from storage.users import Users

NUMBER = "100"
MUSIC_NUMBER = "101"  # music, and no queue
QUEUE = "bench"
RING_S = 15

_FLOW = f"""title: Straight to the queue
kind: entry
languages: [en]
start: queue
fallback: {{queue: {QUEUE}}}
steps:
  queue:
    do: queue
    queue: {QUEUE}
"""

# "I" as in ours: a caller's line is not told anew (re-INVITE) who is at the other end.
# Callers come in by the same trunk as ours do, so by the same context.
_DIALPLAN = f"""[general]
static=yes
writeprotect=yes

[cc-entry]
exten => {NUMBER},1,Answer()
 same => n,Queue({QUEUE},I,,,120)
 same => n,Hangup()
exten => {MUSIC_NUMBER},1,Answer()
 same => n,MusicOnHold()
 same => n,Hangup()
exten => _9XXX,1,Answer()
 same => n,Dial(PJSIP/desk-a${{EXTEN:1}},{RING_S},I)
 same => n,Hangup()

[cc-agent]
"""


def agent_ids(count: int) -> list[str]:
    """a001, a002, …"""
    return [f"a{number:03d}" for number in range(1, count + 1)]


def floor_number(place: int, agents: int) -> str:
    """What the `place`th caller dials to reach an agent with nothing but `Dial`."""
    return f"9{place % agents + 1:03d}"


def write_site(folder: Path, agents: int) -> Site:
    """Write the site's files; the site as the product reads it."""
    document = {
        "company": "Benchmark",
        "time_zone": "UTC",
        "region": "US",
        "languages": ["en"],
        "default_flow": "straight",
        "numbers": {NUMBER: {"flow": "straight"}},
        "trunks": {"bench": {"addresses": ["127.0.0.1"], "codecs": ["ulaw"]}},
        "queues": {
            QUEUE: {
                "ring_s": RING_S,
                "wrap_up_s": 0,
                "wait": {"first_s": 600, "every_s": 600},
            }
        },
        "agents": {
            agent: {"name": f"Agent {agent}", "queues": [QUEUE], "phones": ["desk"]}
            for agent in agent_ids(agents)
        },
    }
    (folder / "flows").mkdir(parents=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    (folder / "flows" / "straight.yaml").write_text(_FLOW)
    return load_site(folder)


def contender_files(
    settings: Settings, site: Site, layout: Layout, install: AsteriskInstall, identity: Identity
) -> dict[str, str]:
    """Asterisk's configuration for `app_queue` and `Dial`: ours, but for dialplan and queue."""
    secrets = desk_secrets(settings.var, site)
    config = dataclasses.replace(asterisk_config(settings, site, secrets), queue_app=True)
    files = render(config, layout, install, identity, _DIALPLAN)
    files["queues.conf"] = _queues(site)
    # The same filter as ours lets the event through that app_queue has and we have not.
    more = "eventfilter(action(include),name(QueueCallerJoin))=\n"
    manager = files["manager.conf"].replace("read=call,", "read=agent,call,")
    files["manager.conf"] = manager.rstrip("\n") + "\n" + more
    return files


def _queues(site: Site) -> str:
    members = "".join(f"member => PJSIP/desk-{agent}\n" for agent in site.agents)
    return (
        "[general]\npersistentmembers=no\nautofill=yes\n\n"
        f"[{QUEUE}]\nstrategy=leastrecent\nringinuse=no\ntimeout={RING_S}\nretry=1\n"
        f"wrapuptime=0\nmusicclass=default\njoinempty=yes\n{members}"
    )


async def seed(settings: Settings, site: Site) -> tuple[dict[str, str], list[str]]:
    """Accounts, 200 customers: each agent's session token, and the customers' numbers."""
    await upgrade(settings.database)
    database = open_engine(settings.database)
    try:
        # Nobody guesses at these passwords: the accounts live for minutes in a private folder.
        quick = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        users = Users(database, hasher=quick)
        tokens = {}
        for agent in site.agents:
            await users.create(agent, f"Agent {agent}", "agent", f"{agent}-bench", agent_id=agent)
            tokens[agent] = await users.new_session(agent)
        customers = CustomerStore(database, region=site.region)
        await seed_demo(customers)
        page = await customers.page("", 200)
        # Whoever shares a number has no single record to show.
        numbers = [number for _, fields in page for number in fields.phones]
        return tokens, [number for number in numbers if numbers.count(number) == 1]
    finally:
        await database.dispose()


def remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
