"""Prometheus metrics. Labels are names of ours (dialect, channel, status), never what a caller chose freely."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from telecine.nouns.money import MICROS
from telecine.upkeep.figures import Figures


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
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.connections = Gauge("telecine_connections", "Connections of clients", registry=self.registry)
        self.refused = Counter(
            "telecine_connections_refused",
            "Connections beyond a limit: that of all, or that of one address",
            ("limit",),
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
        self._more = {
            name: Gauge(f"telecine_{name}", text, labels, registry=self.registry)
            for name, (text, labels) in _MORE.items()
        }

    def answered(self, dialect: str, method: str, status: int, seconds: float) -> None:
        """Count one request."""
        found = self._answered.get((dialect, method, status))
        if found is None:  # to look for a child costs more than to count; there are as many as there are series
            found = self.requests.labels(dialect, method, status), self.seconds.labels(dialect)
            self._answered[dialect, method, status] = found
        found[0].inc()
        found[1].observe(seconds)

    def tell(self, figures: Figures) -> None:
        """Set what costs money when nobody looks at it."""
        self.oldest_due.set(figures.late)
        self.deliveries.set(figures.deliveries.number)
        self.unknown.set(figures.unknown.number)
        more = self._more
        for name, value in (
            ("attempts_unknown_age_seconds", figures.unknown.age),
            ("holds_parked", figures.parked.number),
            ("holds_parked_micros", figures.parked_micros),
            ("accounts_overdrawn", figures.overdrawn),
            ("overdraft_micros", figures.overdraft_micros),
            ("deliveries_oldest_seconds", figures.deliveries.age),
            ("outputs_pending", figures.outputs_pending),
            ("outputs_lost_last_day", figures.outputs_lost),
            ("assets", figures.libraries.files),
            ("assets_bytes", figures.libraries.bytes),
            ("assets_leaving_bytes", figures.libraries.leaving),
            ("assets_arriving", figures.libraries.arriving),
            ("assets_arriving_oldest_seconds", figures.libraries.late),
            ("disk_free_bytes", figures.disk_free),
            ("clock_skew_seconds", figures.skew or 0.0),
            ("clock_jumped_seconds", figures.slip.jumped),
            ("clock_ahead_seconds", max(figures.slip.ahead, figures.records_ahead)),
        ):
            more[name].set(value)
        self._tell_channels(figures)

    def _tell_channels(self, figures: Figures) -> None:
        more = self._more
        for name, (_, labels) in _MORE.items():
            if labels:
                more[name].clear()
        for channel in figures.channels:
            more["channel_circuit"].labels(channel).set(0)
        for trouble in figures.troubled:
            more["channel_circuit"].labels(trouble.name).set(1 if trouble.state == "half_open" else 2)
            more["channel_paused_seconds"].labels(trouble.name).set(trouble.seconds)
        for pool, line in figures.lines.items():
            more["tasks_waiting"].labels(pool).set(line.number)
            more["tasks_waiting_oldest_seconds"].labels(pool).set(line.age)
        for channel, line in figures.quotas.items():
            more["tasks_waiting_quota"].labels(channel).set(line.number)
            more["tasks_waiting_quota_oldest_seconds"].labels(channel).set(line.age)
        for one in figures.given_up:
            more["attempts_given_up_last_day"].labels(one.channel).set(one.day)
            more["attempts_given_up_last_week"].labels(one.channel).set(one.week)
        for name, number in figures.abroad.stranded.items():
            more["tasks_stranded"].labels(name).set(number)
        for loop in figures.loops:
            more["loop_age_seconds"].labels(loop.name).set(loop.age)
            more["loop_stalled"].labels(loop.name).set(loop.stalled)
            more["loop_failures"].labels(loop.name).set(loop.failures)
        for spend in figures.spend:
            if spend.age is not None:
                more["channel_report_age_seconds"].labels(spend.channel).set(spend.age)
            if spend.comparable:
                more["channel_units"].labels(spend.channel, "upstream").set(spend.upstream / MICROS)
                more["channel_units"].labels(spend.channel, "ours").set(spend.ours / MICROS)


_MORE: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "attempts_unknown_age_seconds": ("How long the oldest of them has been so", ()),
    "attempts_given_up_last_day": ("Submissions of the last day that ended with an unknown outcome", ("channel",)),
    "attempts_given_up_last_week": ("The same of the last seven days", ("channel",)),
    "holds_parked": ("Holds that have waited for an upstream's word for more than a day", ()),
    "holds_parked_micros": ("What these hold, in micro-units of the currency", ()),
    "accounts_overdrawn": ("Accounts that owe more than they have", ()),
    "overdraft_micros": ("What these owe, in micro-units of the currency", ()),
    "deliveries_oldest_seconds": ("How long the oldest undelivered webhook has waited", ()),
    "outputs_pending": ("Files of tasks that have succeeded, not stored yet", ()),
    "outputs_lost_last_day": ("Files of the last day's tasks that could not be stored", ()),
    "assets": ("Files that accounts keep in their libraries", ()),
    "assets_bytes": ("What these come to", ()),
    "assets_leaving_bytes": ("Bytes of files of libraries that were deleted and still lie in storage", ()),
    "assets_arriving": ("Files for libraries that are to be fetched, or put together", ()),
    "assets_arriving_oldest_seconds": ("How long ago the oldest of them was named", ()),
    "disk_free_bytes": ("Room on the file system of the data", ()),
    "clock_skew_seconds": ("How far the database's clock is ahead of ours", ()),
    "clock_jumped_seconds": ("By how much the machine's clock was set since the start", ()),
    "clock_ahead_seconds": ("How far our time, or the newest task, is ahead of the machine's clock", ()),
    "channel_circuit": ("The channel's circuit: 0 closed, 1 half-open, 2 open", ("channel",)),
    "channel_paused_seconds": ("For how long a channel in trouble is left alone", ("channel",)),
    "channel_report_age_seconds": ("How old the upstream's word on what it has deducted is", ("channel",)),
    "channel_units": ("Units since the oldest such word that compares, by who counted them", ("channel", "source")),
    "loop_age_seconds": ("How long ago a loop of the process last went well", ("loop",)),
    "loop_stalled": ("1 where a loop has ended or has not gone well for too long", ("loop",)),
    "loop_failures": ("Turns of a loop that have failed since the start", ("loop",)),
    "tasks_stranded": ("Tasks at channels that this process cannot ask", ("channel",)),
    "tasks_waiting": ("Tasks that wait for a slot", ("pool",)),
    "tasks_waiting_oldest_seconds": ("How long ago the oldest of them was made", ("pool",)),
    "tasks_waiting_quota": ("Tasks that wait for the rate or the daily cap of a channel", ("channel",)),
    "tasks_waiting_quota_oldest_seconds": ("How long ago the oldest of them was made", ("channel",)),
}
