"""Draws the agent states from their table, as Mermaid text for the documentation."""

from __future__ import annotations

from acd.states import OFFLINE, TABLE


def mermaid() -> str:
    """The state diagram of `acd.states.TABLE`; ends with a line feed."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{state}" as {_id(state)}' for state in TABLE]
    lines.append(f"    [*] --> {_id(OFFLINE)}")
    for state, row in TABLE.items():
        events: dict[str, list[str]] = {}
        for event, target in row.items():
            events.setdefault(target, []).append(event)
        lines += [
            f"    {_id(state)} --> {_id(target)}: {', '.join(names)}"
            for target, names in events.items()
        ]
    return "\n".join(lines) + "\n"


def _id(state: str) -> str:
    return state.replace(" ", "_").replace("-", "_")


if __name__ == "__main__":
    print(f"```mermaid\n{mermaid()}```")
