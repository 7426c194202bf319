"""Prometheus metrics. Labels are names of ours (dialect, channel, status), never what a caller chose freely."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """The figures of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "telecine_requests", "HTTP requests answered", ("dialect", "method", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "telecine_request_seconds",
            "Time to answer a request",
            ("dialect",),
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=self.registry,
        )
        self.tasks = Gauge("telecine_tasks", "Tasks that have not ended, by state", ("state",), registry=self.registry)
        self.steps = Gauge("telecine_steps_running", "Steps under way in this process", registry=self.registry)
        self.lateness = Histogram(
            "telecine_step_lateness_seconds",
            "How late steps begin",
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300),
            registry=self.registry,
        )
        self.oldest_due = Gauge(
            "telecine_oldest_due_seconds", "How late the most overdue step is", registry=self.registry
        )
        self.slots = Gauge("telecine_slots_used", "Upstream slots taken", ("pool",), registry=self.registry)
        self.deliveries = Gauge("telecine_deliveries_pending", "Webhooks not yet delivered", registry=self.registry)
        self.unknown = Gauge(
            "telecine_attempts_unknown", "Attempts whose submission has an unknown outcome", registry=self.registry
        )
