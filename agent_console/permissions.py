"""Who may do what: one table for every route and one for every verb. What is not here is refused.

"signed-out" is anyone at all; "visitor" is a caller with a ticket for the web phone.
"""

from __future__ import annotations

SIGNED_OUT = "signed-out"
VISITOR = "visitor"
AGENT = "agent"
SUPERVISOR = "supervisor"
ADMIN = "admin"

ROLES = (AGENT, SUPERVISOR, ADMIN)
EVERYBODY = (SIGNED_OUT, VISITOR, *ROLES)

_anyone = frozenset(EVERYBODY)
_people = frozenset(ROLES)
_leads = frozenset((SUPERVISOR, ADMIN))

# (method, path as declared); "WS" is a websocket.
ROUTES: dict[tuple[str, str], frozenset[str]] = {
    ("GET", "/api/welcome"): _anyone,
    ("POST", "/api/login"): _anyone,
    ("POST", "/api/logout"): _anyone,
    ("GET", "/api/me"): _people,
    ("POST", "/api/phone"): _people,
    ("POST", "/api/webphone"): _anyone,
    ("GET", "/api/calls"): _leads,
    ("GET", "/api/calls/{call_id}"): _leads,
    # Agents: their own, if the site lets them; everything else does not exist for them.
    ("GET", "/api/recordings/{recording_id}"): _people,
    ("GET", "/api/customers"): _people,
    ("GET", "/api/customers/{customer_id}"): _people,
    ("POST", "/api/customers/{customer_id}/notes"): _people,
    ("POST", "/api/customers.csv"): _leads,
    ("GET", "/api/customers.csv"): _leads,
    ("GET", "/api/reports/intervals"): _leads,
    ("GET", "/api/reports/intervals.csv"): _leads,
    ("GET", "/healthz"): _anyone,
    ("GET", "/readyz"): _anyone,
    ("GET", "/metrics"): _anyone,  # its own guard: this machine, or the token
    ("GET", "/{path:path}"): _anyone,  # the pages and their assets; unknown ones are 404
    ("WS", "/live"): _people,
    ("WS", "/sip"): _people | {VISITOR},
}

# The verbs of the live websocket: methods of `agent_console.ports.Floor`.
# That a call must be one's own is the floor's affair.
VERBS: dict[str, frozenset[str]] = {
    "sign_in": _people,
    "sign_out": _people,
    "ready": _people,
    "not_ready": _people,
    "decline": _people,
    "hang_up": _people,
    "hold": _people,
    "retrieve": _people,
    "mute": _people,
    "send_digits": _people,
    "dial": _people,
    "transfer": _people,
    "consult": _people,
    "swap": _people,
    "complete": _people,
    "conference": _people,
    "end_leg": _people,
    "park": _people,
    "pick": _people,
    "record": _people,
    "wrap_up": _people,
    "extend_wrap_up": _people,
    "choose_customer": _people,
    "create_customer": _people,
    "set_agent_state": _leads,
    "acknowledge_alert": _leads,
    "voicemail_done": _leads,
    "cancel_callback": _leads,
    "move_callback": _leads,
    "call_back_now": _leads,
    "close_queue": _leads,
    "open_queue": _leads,
    "queue_by_hours": _leads,
    "assign": _leads,
    "supervise": _leads,
    "take_over": _leads,
    "staff": _leads,
    "reset_staffing": _leads,
    "end_wrap_up": _leads,
    "add_item": _leads,
    "withdraw_item": _leads,
    "accept_item": _people,
    "decline_item": _people,
    "finish_item": _people,
}

_nobody: frozenset[str] = frozenset()


def may_use(role: str, method: str, path: str) -> bool:
    """Whether this role may use the route declared as `path`."""
    return role in ROUTES.get((method, path), _nobody)


def may_do(role: str, verb: str) -> bool:
    """Whether this role may do the verb; also False when there is no such verb."""
    return role in VERBS.get(verb, _nobody)
