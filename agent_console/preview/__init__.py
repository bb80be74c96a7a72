"""The console without a call center behind it: for working on the pages, and for tests.

    python -m agent_console.preview --port 8099

runs the real application over a small play in memory: callers arrive, wait, are offered, talk
and hang up, and the agent "anna" is offered calls whenever she is ready. Log-ins: anna/anna
(agent), ben/ben (agent), sam/sam (supervisor), admin/admin.
"""

from agent_console.preview.company import PreviewAccounts, PreviewUser
from agent_console.preview.people import Caller, Person
from agent_console.preview.play import Play
from agent_console.preview.serving import preview_app, preview_settings

__all__ = [
    "Caller",
    "Person",
    "Play",
    "PreviewAccounts",
    "PreviewUser",
    "preview_app",
    "preview_settings",
]
