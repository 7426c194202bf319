"""What `telecine doctor` says of channels: their health, who stands in line for them, and what they bill."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from telecine.nouns.money import MICROS
from telecine.upkeep.figures import Figures
from telecine.upkeep.finding import Finding, span
from telecine.upkeep.spend import Spend

_LINE_AGE: Final = 3600.0
_REPORT_AGE: Final = 6 * 3600.0


def of_channels(figures: Figures) -> Iterator[Finding]:
    """Those in trouble, and those that are leaving."""
    for one in figures.troubled:
        if one.state == "half_open":
            what = f"The channel '{one.name}' was in trouble; the next job there shows whether it is well again."
            yield Finding("channel", "info", what)
            continue
        yield Finding(
            "channel",
            "warning",
            f"The channel '{one.name}' is in trouble and left alone for another {span(one.seconds)}.",
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


def of_lines(figures: Figures) -> Iterator[Finding]:
    """Who waits for slots and for quotas."""
    for pool in figures.shut:
        line = figures.lines.get(pool)
        if line is None:
            yield Finding("line", "info", f"The pool '{pool}' is shut: it has no slots. No task waits for it.")
            continue
        yield Finding(
            "line",
            "warning",
            f"The pool '{pool}' is shut: it has no slots. {line.number} task(s) wait for it, the first for "
            f"{span(line.age)}, and will until it is opened.",
            "Set its `max_in_flight` or `slots` above 0, or cancel the tasks.",
        )
    for pool, line in sorted(figures.lines.items()):
        if pool in figures.shut:
            continue
        late = line.age > _LINE_AGE
        yield Finding(
            "line",
            "warning" if late else "info",
            f"{line.number} task(s) wait for a slot of '{pool}', the first for {span(line.age)}.",
            "Give the pool more slots, or the models another channel." if late else "",
        )
    for channel, line in sorted(figures.quotas.items()):
        late = line.age > _LINE_AGE
        yield Finding(
            "line",
            "warning" if late else "info",
            f"{line.number} task(s) wait for the rate_limit or daily_cap of '{channel}', the first for "
            f"{span(line.age)}.",
            "Raise it where the upstream allows more, or give the models another channel." if late else "",
        )


def of_bills(figures: Figures) -> Iterator[Finding]:
    """What upstreams say that they have deducted, against what our jobs took."""
    silent = ", ".join(f"'{one.channel}'" for one in figures.spend if not one.tells)
    if silent:
        yield Finding("upstream_bills", "info", f"Not compared, for their upstreams do not tell: {silent}.")
    yield from (_bill(one) for one in figures.spend if one.tells)
    if not figures.spend:
        yield Finding("upstream_bills", "info", "There is no channel to compare.")


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
            f"{what}; it last said so {span(spend.age)} ago.",
            "The log has the reason (`report_unreadable`).",
        )
    return Finding("upstream_bills", "ok", f"{what}.")


def _units(micros: int) -> str:
    return f"{micros / MICROS:.2f}".rstrip("0").rstrip(".")


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
