"""What Prometheus can ask for. One registry per running system, so that tests don't share."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Counters and gauges of the router; names follow Prometheus' conventions."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.facts = Counter(
            "callcenter_facts", "Facts from switches by kind", ["link", "kind"], registry=r
        )
        self.calls = Counter("callcenter_calls", "Calls that arrived", ["link"], registry=r)
        self.visits = Counter(
            "callcenter_queue_visits",
            "Finished queue visits by outcome",
            ["queue", "outcome"],
            registry=r,
        )
        self.offers = Counter("callcenter_offers", "Finished offers", ["outcome"], registry=r)
        self.waiting = Gauge("callcenter_waiting", "Callers waiting now", ["queue"], registry=r)
        self.agents = Gauge("callcenter_agents", "Agents by state", ["state"], registry=r)
        self.live_calls = Gauge("callcenter_live_calls", "Calls on all switches", registry=r)
        self.link_up = Gauge("callcenter_link_up", "Switch reachable", ["link"], registry=r)
        self.link_calls = Gauge(
            "callcenter_link_calls", "Calls on each switch", ["link"], registry=r
        )
        self.journal_behind = Gauge(
            "callcenter_journal_uncommitted", "Journal entries not on disk yet", registry=r
        )
        self.refused = Counter(
            "callcenter_refused_facts", "Facts that did not fit", ["code"], registry=r
        )
        self.longest_wait = Gauge(
            "callcenter_longest_wait_seconds", "Longest wait now", ["queue"], registry=r
        )
        self.figure = Gauge(
            "callcenter_queue_figure",
            "Figures of the last 30 minutes by id (docs/figures.md)",
            ["queue", "figure"],
            registry=r,
        )
        self.books = Gauge(
            "callcenter_books_out",
            "Calls by which the engine's books and the records' differ",
            ["queue"],
            registry=r,
        )
        self.alerts = Gauge("callcenter_alerts", "Alerts that stand", ["rule"], registry=r)
        self.alerts_raised = Counter(
            "callcenter_alerts_raised", "Alerts that were raised", ["rule"], registry=r
        )
        self.errors = Counter(
            "callcenter_errors", "Faults in our own code, by place", ["where"], registry=r
        )
        self.decide_s = Histogram(
            "callcenter_decision_seconds",
            "From a fact entering the inbox to its orders being given",
            buckets=(0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1),
            registry=r,
        )

    def forget_figures(self) -> None:
        """Before figures are told anew: queues and figures that are gone are told no longer."""
        for gauge in (self.longest_wait, self.figure, self.books):
            gauge.clear()

    def text(self) -> bytes:
        """The exposition format, UTF-8."""
        return generate_latest(self.registry)
