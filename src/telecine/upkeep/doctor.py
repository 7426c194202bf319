"""`telecine doctor`: what the figures mean, how bad it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from telecine.nouns.money import MICROS, amount_of
from telecine.upkeep.figures import Figures
from telecine.upkeep.spend import Spend

Level = Literal["ok", "info", "warning", "bad"]

_LATE: Final = 60.0
_VERY_LATE: Final = 600.0
_UNKNOWN_AGE: Final = 3600.0
_DELIVERY_AGE: Final = 3600.0
_LINE_AGE: Final = 3600.0
_REPORT_AGE: Final = 6 * 3600.0
_SKEW: Final = 2.0
_GIB: Final = 1 << 30
_SHOWN: Final = 20


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `do` is empty where there is nothing to do."""

    name: str
    level: Level
    what: str
    do: str = ""

    @property
    def wrong(self) -> bool:
        return self.level in ("warning", "bad")


def findings(figures: Figures) -> list[Finding]:
    """Everything that was looked at, in a fixed order."""
    return [
        _steps(figures),
        *_loops(figures),
        _unknown(figures),
        *_given_up(figures),
        _parked(figures),
        _overdrawn(figures),
        _deliveries(figures),
        *_channels(figures),
        *_lines(figures),
        _pending(figures),
        _lost(figures),
        _disk(figures),
        *_skew(figures),
        *_slip(figures),
        *_bills(figures),
        *_accounts(figures),
        *(Finding(one.about, one.level, one.what, one.do) for one in figures.advice),
    ]


def _steps(figures: Figures) -> Finding:
    level: Level = "bad" if figures.late > _VERY_LATE else "warning" if figures.late > _LATE else "ok"
    what = f"The most overdue step is {_span(figures.late)} late."
    if level == "ok":
        return Finding("steps", level, what)
    return Finding(
        "steps", level, what, "See that `telecine serve` runs, has processor time, and reaches its database."
    )


def _loops(figures: Figures) -> Iterator[Finding]:
    for one in figures.loops:
        if one.failing or one.stalled:
            why = f" ({one.error}, {one.failing} time(s) in a row)" if one.error else ""
            yield Finding(
                "loops",
                "bad" if one.stalled else "warning",
                f"The loop '{one.name}' last went well {_span(one.age)} ago{why}.",
                "See that the database answers and has room; the log has the reason (`loop_failed`). "
                "Where neither helps, restart the server.",
            )
    if figures.loops and not any(one.failing or one.stalled for one in figures.loops):
        yield Finding("loops", "ok", "Every loop of the process goes well.")


def _unknown(figures: Figures) -> Finding:
    number, age = figures.unknown.number, figures.unknown.age
    if not number:
        return Finding("unknown_attempts", "ok", "No submission has an unknown outcome.")
    return Finding(
        "unknown_attempts",
        "bad" if age > _UNKNOWN_AGE else "warning",
        f"{number} submission(s) have an unknown outcome, the oldest for {_span(age)}: a job may run and be billed.",
        "See that the channel's upstream answers (`telecine channels test`), and look for the jobs in its console.",
    )


def _given_up(figures: Figures) -> Iterator[Finding]:
    for one in figures.given_up:
        yield Finding(
            "given_up_attempts",
            "warning" if one.day else "info",
            f"{one.week} submission(s) to '{one.channel}' were given up in the last 7 days ({one.day} in the last day) "
            "with an unknown outcome: jobs may have run, and be billed, that no charge covers.",
            "Look for them in the upstream's console; the failed tasks of that time name their models.",
        )
    if not figures.given_up:
        yield Finding(
            "given_up_attempts", "ok", "No submission was given up with an unknown outcome in the last 7 days."
        )


def _parked(figures: Figures) -> Finding:
    if not figures.parked.number:
        return Finding("parked_holds", "ok", "No hold waits for an upstream's word for more than a day.")
    return Finding(
        "parked_holds",
        "warning",
        f"{figures.parked.number} hold(s), {figures.parked_micros / 1e6:.6f} in all, wait for an upstream's word, "
        f"the oldest for {_span(figures.parked.age)}.",
        "Find the jobs in the upstream's console; they are settled when it answers or no longer keeps them.",
    )


def _overdrawn(figures: Figures) -> Finding:
    if not figures.overdrawn:
        return Finding("overdrafts", "ok", "No account owes more than it has.")
    return Finding(
        "overdrafts",
        "warning",
        f"{figures.overdrawn} account(s) owe {amount_of(figures.overdraft_micros)} more than they have in all: jobs "
        "cost more than was held for them, or money was taken away.",
        "See `telecine accounts balances`; give the price lines a larger `hold`, or a smaller `most`.",
    )


def _deliveries(figures: Figures) -> Finding:
    number, age = figures.deliveries.number, figures.deliveries.age
    what = f"{number} webhook(s) wait to be delivered" + (f", the oldest for {_span(age)}." if number else ".")
    if age <= _DELIVERY_AGE:
        return Finding("deliveries", "ok", what)
    return Finding("deliveries", "warning", what, "See whether the receivers answer: the delivery log has the reasons.")


def _channels(figures: Figures) -> Iterator[Finding]:
    for one in figures.troubled:
        if one.state == "half_open":
            what = f"The channel '{one.name}' was in trouble; the next job there shows whether it is well again."
            yield Finding("channel", "info", what)
            continue
        yield Finding(
            "channel",
            "warning",
            f"The channel '{one.name}' is in trouble and left alone for another {_span(one.seconds)}.",
            f"Try it: `telecine channels test {one.name}`.",
        )
    abroad = figures.abroad
    for name, number in sorted(abroad.stranded.items()):
        yield Finding(
            "channel",
            "bad",
            f"{number} job(s) run at the channel '{name}', which is no longer configured, or elsewhere: nobody asks "
            "about them. They will end as expired, their holds released, though the upstream may finish and bill them.",
            "Put the channel back as it was, with its base_url and `draining = true`, and reload.",
        )
    for name, number in sorted(abroad.leaving.items()):
        yield Finding(
            "channel",
            "warning",
            f"The channel '{name}' is no longer configured, or elsewhere, and {number} job(s) still run where it was.",
            "They are collected unless the server is restarted. Put it back with `draining = true` to be safe.",
        )
    for name, number in sorted(abroad.draining.items()):
        what = f"The channel '{name}' is draining: {number} job(s) still run there."
        yield Finding("channel", "info", what, "" if number else "It can be taken out of the file.")
    if not figures.troubled and not abroad.stranded and not abroad.leaving:
        yield Finding("channel", "ok", "No channel is in trouble.")


def _lines(figures: Figures) -> Iterator[Finding]:
    for pool in figures.shut:
        line = figures.lines.get(pool)
        if line is None:
            yield Finding("line", "info", f"The pool '{pool}' is shut: it has no slots. No task waits for it.")
            continue
        yield Finding(
            "line",
            "warning",
            f"The pool '{pool}' is shut: it has no slots. {line.number} task(s) wait for it, the first for "
            f"{_span(line.age)}, and will until it is opened.",
            "Set its `max_in_flight` or `slots` above 0, or cancel the tasks.",
        )
    for pool, line in sorted(figures.lines.items()):
        if pool in figures.shut:
            continue
        late = line.age > _LINE_AGE
        yield Finding(
            "line",
            "warning" if late else "info",
            f"{line.number} task(s) wait for a slot of '{pool}', the first for {_span(line.age)}.",
            "Give the pool more slots, or the models another channel." if late else "",
        )
    for channel, line in sorted(figures.quotas.items()):
        late = line.age > _LINE_AGE
        yield Finding(
            "line",
            "warning" if late else "info",
            f"{line.number} task(s) wait for the rate_limit or daily_cap of '{channel}', the first for "
            f"{_span(line.age)}.",
            "Raise it where the upstream allows more, or give the models another channel." if late else "",
        )


def _pending(figures: Figures) -> Finding:
    if not figures.outputs_pending:
        return Finding("outputs_pending", "ok", "Every file of a task that has succeeded is stored.")
    return Finding(
        "outputs_pending",
        "warning",
        f"{figures.outputs_pending} file(s) of tasks that have succeeded are not stored yet; upstream links expire.",
        "See that the storage takes files and that the upstream's file host can be reached.",
    )


def _lost(figures: Figures) -> Finding:
    if not figures.outputs_lost:
        return Finding("outputs_lost", "ok", "No file was lost in the last day.")
    return Finding(
        "outputs_lost",
        "bad",
        f"{figures.outputs_lost} file(s) of the last day's tasks are lost: their upstream links expired.",
        "Download them by hand from the upstream's console, if it still has them.",
    )


def _disk(figures: Figures) -> Finding:
    share = figures.disk_free / max(1, figures.disk_size)
    what = f"{figures.disk_free / _GIB:.1f} GiB ({share:.0%}) are free for the data."
    if figures.disk_free < _GIB:
        return Finding("disk", "bad", what, "Make room now: without any, nothing can be committed or stored.")
    if share < 0.05 and figures.disk_free < 20 * _GIB:
        return Finding("disk", "warning", what, "Make room, or keep outputs for a shorter time ([retention]).")
    return Finding("disk", "ok", what)


def _skew(figures: Figures) -> Iterator[Finding]:
    if figures.skew is None:
        return
    what = f"The database's clock is {figures.skew:+.1f} s off ours."
    if abs(figures.skew) <= _SKEW:
        yield Finding("clock", "ok", what)
    else:
        yield Finding("clock", "bad", what, "Set both machines' clocks (NTP): what is due when depends on them.")


def _slip(figures: Figures) -> Iterator[Finding]:
    jumped, ahead = figures.slip
    if ahead > _SKEW:
        yield Finding(
            "clock",
            "bad",
            f"The machine's clock was set back while the server ran: its time is {_span(ahead)} ahead.",
            "Restart the server: what is due too late by that is brought back then.",
        )
    elif abs(jumped) > _SKEW:
        what = f"The machine's clock jumped by {jumped:+.0f} s while the server ran."
        yield Finding("clock", "warning", what, "See that it is right now (NTP), and restart the server.")
    if figures.records_ahead > max(_SKEW, ahead):
        yield Finding(
            "clock",
            "bad",
            f"The newest task is from {_span(figures.records_ahead)} ahead: the clock was wrong then, or is now.",
            "Where it is right now, restart the server once: what is due too late is brought back by that.",
        )


def _bills(figures: Figures) -> Iterator[Finding]:
    silent = ", ".join(f"'{one.channel}'" for one in figures.spend if not one.tells)
    if silent:
        yield Finding("upstream_bills", "info", f"Not compared, for their upstreams do not tell: {silent}.")
    yield from (_bill(one) for one in figures.spend if one.tells)
    if not figures.spend:
        yield Finding("upstream_bills", "info", "There is no channel to compare.")


def _accounts(figures: Figures) -> Iterator[Finding]:
    if figures.unlimited is None:
        return
    nobody, said = ([one.name for one in figures.unlimited if one.said is wanted] for wanted in (False, True))
    if nobody:
        yield Finding(
            "accounts",
            "warning",
            f"{len(nobody)} account(s) spend without limit, and nobody has said that they should: {_some(nobody)}. "
            "They were made before there were prices.",
            "Grant what they may spend (`telecine accounts deposit`), or say it: `telecine accounts update NAME "
            "--unlimited`, or `unlimited = true` in the file.",
        )
    if said:
        yield Finding("accounts", "info", f"{len(said)} account(s) are unlimited, as was said: {_some(said)}.")
    if not figures.unlimited:
        yield Finding("accounts", "ok", "No account but the operator's own spends without limit.")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def _bill(spend: Spend) -> Finding:
    name = f"The upstream of '{spend.channel}'"
    if spend.age is None:
        return Finding(
            "upstream_bills",
            "info",
            f"{name} has not said yet what it has deducted; it is asked every hour.",
            "Where that lasts, the log has the reason (`report_unreadable`).",
        )
    if not spend.comparable:
        return Finding("upstream_bills", "info", f"{name} is compared when its packs have counted on for a day.")
    others = "".join(f" and at '{one}'" for one in spend.others)
    what = (
        f"{name} has deducted {_units(spend.upstream)} units since {_moment(spend.since)}, "
        f"our jobs there{others} {_units(spend.ours)}"
    )
    if spend.excess and spend.untold:
        return Finding(
            "upstream_bills",
            "info",
            f"{what}, and {spend.untold} of our jobs did not say what they took: no judgement is possible.",
        )
    if spend.excess:
        return Finding(
            "upstream_bills",
            "warning",
            f"{what}: somebody else uses the account, or jobs were made that we do not know.",
            "Compare the jobs in the upstream's console with ours; where they are not ours, change the credential.",
        )
    if spend.age > _REPORT_AGE:
        return Finding(
            "upstream_bills",
            "info",
            f"{what}; it last said so {_span(spend.age)} ago.",
            "The log has the reason (`report_unreadable`).",
        )
    return Finding("upstream_bills", "ok", f"{what}.")


def _units(micros: int) -> str:
    return f"{micros / MICROS:.2f}".rstrip("0").rstrip(".")


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _span(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
