"""The shapes of a customer record as plain dicts: what people see and outside sources give.

They are those of the console's protocol, field by field; a test holds them together.
Moments are UTC epoch seconds.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict

Status = Literal["looking", "found", "several", "none", "failed"]
TIERS = ("standard", "silver", "gold")


class Contact(TypedDict):
    """One earlier contact, on any channel."""

    at: float
    channel: str
    summary: str
    agent: str
    disposition: str


class OrderRow(TypedDict):
    """One order; `total` as shown to people, currency included."""

    number: str
    at: float
    status: str
    total: str


class NoteRow(TypedDict):
    """What somebody wrote about a customer."""

    at: float
    author: str
    text: str


class Customer(TypedDict):
    """A whole customer record; lists are newest first.

    `owner` is the agent (by id) who looks after the account, "" or left out for nobody.
    """

    customer_id: str
    name: str
    company: str
    tier: str
    email: str
    language: str
    phones: list[str]
    account_number: str
    owner: NotRequired[str]
    contacts: list[Contact]
    orders: list[OrderRow]
    notes: list[NoteRow]


class Match(TypedDict):
    """One of several customers to choose from."""

    customer_id: str
    name: str
    company: str
    account_number: str


class Record(TypedDict):
    """The screen pop of a call."""

    call_id: str
    status: Status
    number: str
    customer: Customer | None
    matches: list[Match]
    message: str
    url: str  # into another program, "" for none
