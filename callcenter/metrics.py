"""What Prometheus can ask for. One registry per running system, so that tests don't share."""

from __future__ import annotations

from collections.abc import Container, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class QueueGauges:
    """Figures of queues. What has not changed costs nothing; what is gone is told no longer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._longest_wait = Gauge(
            "callcenter_longest_wait_seconds", "Longest wait now", ["queue"], registry=registry
        )
        self._books = Gauge(
            "callcenter_books_out",
            "Calls by which the engine's books and the records' differ",
            ["queue"],
            registry=registry,
        )
        self._figure = Gauge(
            "callcenter_queue_figure",
            "Figures of the last 30 minutes by id (docs/figures.md)",
            ["queue", "figure"],
            registry=registry,
        )
        self._told: dict[str, dict[str, float]] = {}

    def tell(
        self, queue: str, longest_wait_s: float, books: int, values: Mapping[str, float | None]
    ) -> None:
        """The figures of a queue now; those that are None are told no longer."""
        told = self._told.setdefault(queue, {})
        self._longest_wait.labels(queue).set(longest_wait_s)
        self._books.labels(queue).set(books)
        for name, value in values.items():
            if value is None:
                if told.pop(name, None) is not None:
                    self._figure.remove(queue, name)
            elif told.get(name) != value:
                told[name] = value
                self._figure.labels(queue, name).set(value)

    def keep(self, queues: Container[str]) -> None:
        """Other queues are gone."""
        for queue in [queue for queue in self._told if queue not in queues]:
            self._longest_wait.remove(queue)
            self._books.remove(queue)
            for name in self._told.pop(queue):
                self._figure.remove(queue, name)


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
        self.figures = QueueGauges(r)
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

    def text(self) -> bytes:
        """The exposition format, UTF-8."""
        return generate_latest(self.registry)
