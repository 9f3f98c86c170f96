"""Work that several tools can do in, what it costs each of them out: run by turns, compared run by run.

Absolute times say more about the machine and its other users than about a tool. So whatever is compared runs within
the same minute, and a ratio is the median of the ratios of single rounds, not the ratio of two medians.
"""

from __future__ import annotations

import gc
import resource
import subprocess
import time
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_SHOW_IN_MS = 10.0  # seconds
_SHOW_TENTHS = 10.0  # milliseconds


@dataclass(frozen=True)
class Cost:
    """What one run took, in seconds: by the clock, and of the client's processors."""

    clock: float
    cpu: float


Item = TypeVar("Item")
Costs = dict[int, Cost]
"""By round; a slow tool may sit out some."""


def measure_call(call: Callable[[], object]) -> Cost:
    """Run something in this process, in its main thread and others."""
    gc.collect()  # what the tool before left behind is not this one's to clean up
    clock, cpu = time.perf_counter(), time.process_time()
    call()
    return Cost(time.perf_counter() - clock, time.process_time() - cpu)


def measure_process(command: Sequence[str], folder: Path, environ: Mapping[str, str], **options: Any) -> Cost:  # noqa: ANN401 - whatever subprocess takes
    """Run a program to its end.

    Raises:
        RuntimeError: it failed; a time without the work is none.
    """
    clock, cpu = time.perf_counter(), _cpu_of_children()
    done = subprocess.run(
        command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options
    )
    cost = Cost(time.perf_counter() - clock, _cpu_of_children() - cpu)
    if done.returncode != 0:
        end = b"\n".join(done.stdout.splitlines()[-40:]).decode()
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{end}")
    return cost


def compare(costs: Costs, base: Costs) -> list[float]:
    """Return how many times the base's clock each round took that both ran."""
    return [costs[each].clock / base[each].clock for each in costs if each in base]


def show_cost(costs: Costs, base: Costs) -> str:
    """Return a cell: the ratio, then time and processor time as context."""
    clock, cpu = (median(getattr(each, name) for each in costs.values()) for name in ("clock", "cpu"))
    return f"**{median(compare(costs, base)):.2f}** · {duration(clock)} · {duration(cpu)}"


def show_spread(ratios: Sequence[float]) -> str:
    """Return the median with the middle half of all rounds, which says how far to trust it."""
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def judge(ratios: Sequence[float], most: float) -> list[str]:
    """Return the last two cells of a goal: what came out, and whether that is at most what was asked for."""
    return [show_spread(ratios), "met" if median(ratios) <= most else "**missed**"]


def rotate(items: Sequence[Item], by: int) -> Sequence[Item]:
    """Return all of them, beginning with another one: whoever is first or last in a round may be so for a reason."""
    first = by % len(items)
    return [*items[first:], *items[:first]]


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows))


def write_section(readme: Path, name: str, report: str) -> None:
    """Put a report where README.md has the last one by that name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    head, found, rest = readme.read_text().partition(begin)
    if not found:
        raise RuntimeError(f"{readme} has no line {begin.strip()}")
    readme.write_text(f"{head}{begin}{report}{end}{rest.partition(end)[2]}")


def duration(seconds: float) -> str:
    """Return a time for a person: three digits at most tell it from another one here."""
    milliseconds = seconds * 1000
    if milliseconds < _SHOW_TENTHS:
        return f"{milliseconds:.1f} ms"
    return f"{milliseconds:,.0f} ms" if seconds < _SHOW_IN_MS else f"{seconds:.1f} s"


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
