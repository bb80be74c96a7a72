"""What a key may be allowed. Whatever a route asks for and a key does not have is refused."""

from __future__ import annotations

SCOPES: dict[str, str] = {
    "calls:read": "Live and past calls, their timelines and customer records on screen.",
    "calls:control": "Every order about a call: dial, hold, transfer, conference, record, hang up…",
    "agents:read": "Agents and their states.",
    "agents:control": "Sign agents in and out, set their states, queues and skills.",
    "items:read": "Work items (chats, tasks) that are open.",
    "items:control": "Bring work items, accept, decline, finish and withdraw them.",
    "queues:read": "Queues with their live figures.",
    "queues:control": "Close and open queues, whatever their hours.",
    "figures:read": "Figures with their definitions, live and past; alerts.",
    "alerts:control": "Acknowledge alerts.",
    "customers:read": "Look up customers.",
    "events:read": "The stream of events.",
    "recordings:read": "Hear recordings; every hearing is written down under the key's name.",
    "webhooks:manage": "Make, change and delete webhooks; read and resend dead letters.",
}
