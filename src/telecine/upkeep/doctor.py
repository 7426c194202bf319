"""`telecine doctor`: what the figures mean, how bad it is, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telecine.nouns.money import amount_of
from telecine.upkeep.channels import of_bills, of_channels, of_lines
from telecine.upkeep.figures import Figures
from telecine.upkeep.finding import Finding, Level, span

_LATE: Final = 60.0
_VERY_LATE: Final = 600.0
_UNKNOWN_AGE: Final = 3600.0
_DELIVERY_AGE: Final = 3600.0
_ARRIVING: Final = 3600.0
_SKEW: Final = 2.0
_GIB: Final = 1 << 30
_SHOWN: Final = 20


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
        *of_channels(figures),
        *of_lines(figures),
        _pending(figures),
        _lost(figures),
        *_libraries(figures),
        _disk(figures),
        *_skew(figures),
        *_slip(figures),
        *of_bills(figures),
        *_accounts(figures),
        *(Finding(one.about, one.level, one.what, one.do) for one in figures.advice),
    ]


def _steps(figures: Figures) -> Finding:
    level: Level = "bad" if figures.late > _VERY_LATE else "warning" if figures.late > _LATE else "ok"
    what = f"The most overdue step is {span(figures.late)} late."
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
                f"The loop '{one.name}' last went well {span(one.age)} ago{why}.",
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
        f"{number} submission(s) have an unknown outcome, the oldest for {span(age)}: a job may run and be billed.",
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
        f"the oldest for {span(figures.parked.age)}.",
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
    what = f"{number} webhook(s) wait to be delivered" + (f", the oldest for {span(age)}." if number else ".")
    if age <= _DELIVERY_AGE:
        return Finding("deliveries", "ok", what)
    return Finding("deliveries", "warning", what, "See whether the receivers answer: the delivery log has the reasons.")


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


def _libraries(figures: Figures) -> Iterator[Finding]:
    held = figures.libraries
    what = f"{held.files} file(s) of {held.bytes / _GIB:.1f} GiB are kept in libraries"
    what += f", and {held.leaving / _GIB:.1f} GiB that were deleted." if held.leaving else "."
    if held.late <= _ARRIVING:
        yield Finding("libraries", "ok", what)
        return
    yield Finding(
        "libraries",
        "warning",
        f"{held.arriving} file(s) for libraries are still to be fetched, the oldest for {span(held.late)}.",
        "See that the server reaches the web, and that the storage takes files; the log has the reasons.",
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
            f"The machine's clock was set back while the server ran: its time is {span(ahead)} ahead.",
            "Restart the server: what is due too late by that is brought back then.",
        )
    elif abs(jumped) > _SKEW:
        what = f"The machine's clock jumped by {jumped:+.0f} s while the server ran."
        yield Finding("clock", "warning", what, "See that it is right now (NTP), and restart the server.")
    if figures.records_ahead > max(_SKEW, ahead):
        yield Finding(
            "clock",
            "bad",
            f"The newest task is from {span(figures.records_ahead)} ahead: the clock was wrong then, or is now.",
            "Where it is right now, restart the server once: what is due too late is brought back by that.",
        )


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
