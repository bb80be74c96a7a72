"""The demonstration company: log-ins, customers, and who calls on the virtual switch."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path

from config.site import Site
from crm_link.customers import CustomerStore
from crm_link.demo import DEMO_KNOWN_NUMBER, seed_demo
from storage.users import UserExists, Users

DEMO_PASSWORD = "demo-2468"  # noqa: S105 - shown on the log-in page, in the demonstration only
# Whoever tries the web phone calls as this customer, so that the agent sees a record.
DEMO_WEB_CALLER = (DEMO_KNOWN_NUMBER, "Grace Chen")
SHOWN_AGENTS = 3
LEADS = {"sam": ("Sam Rivera", "supervisor"), "admin": ("Admin", "admin")}


def demo_users(site: Site) -> tuple[dict[str, str], ...]:
    """Log-ins for the page: a few of the site's agents, a supervisor, an administrator."""
    agents = [(agent, "agent") for agent in site.agents if agent not in LEADS][:SHOWN_AGENTS]
    people = [*agents, *((lead, role) for lead, (_, role) in LEADS.items())]
    return tuple({"name": name, "password": DEMO_PASSWORD, "role": role} for name, role in people)


async def seed_demo_company(
    users: Users, customers: CustomerStore, site: Site, now: float, note: Path
) -> None:
    """Make what is not there yet; what people changed since stays.

    `note` is where the log-ins with the well-known password are remembered.
    """
    known = {user.user_id for user in await users.list_users()}
    people = [
        (agent.id, agent.name, "agent", agent.id, agent.language)
        for agent in site.agents.values()
        if agent.id not in LEADS
    ]
    # A lead whom the site gives a phone may listen in.
    people += [
        (lead, name, role, lead if lead in site.agents else "", "")
        for lead, (name, role) in LEADS.items()
    ]
    for user_id, name, role, agent_id, language in people:
        if user_id not in known:
            with contextlib.suppress(UserExists):
                await users.create(
                    user_id,
                    name,
                    role,
                    DEMO_PASSWORD,
                    agent_id=agent_id,
                    language=language or site.languages[0],
                )
    _write(note, [user_id for user_id, *_ in people])
    await seed_demo(customers, now=now)


def _write(note: Path, user_ids: list[str]) -> None:
    note.write_text("\n".join(user_ids) + "\n")


def _read(note: Path) -> list[str]:
    return note.read_text().split() if note.exists() else []


async def lock_demo_accounts(users: Users, note: Path) -> list[str]:
    """Outside the demonstration nobody logs in with a password that everybody knows.

    Those who still have it get one that nobody knows; returns them.
    """
    locked = []
    for user_id in _read(note):
        if await users.verify(user_id, DEMO_PASSWORD) is not None:
            await users.set_password(user_id, secrets.token_urlsafe(24))
            locked.append(user_id)
    note.unlink(missing_ok=True)  # noqa: ASYNC240 - at the start, before anybody waits
    return locked


async def demo_callers(customers: CustomerStore) -> tuple[tuple[str, str], ...]:
    """(number, name) of customers with a number."""
    page = await customers.page("", 200)
    return tuple((fields.phones[0], fields.name) for _, fields in page if fields.phones)
