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
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_SHOW_IN_MS = 10.0  # seconds


@dataclass(frozen=True)
class Cost:
    """What one run took, in seconds: by the clock, and of the client's processors."""

    clock: float
    cpu: float


Costs = dict[int, Cost]
"""By round; a slow tool may sit out some."""


def measure_call(call: Callable[[], object]) -> Cost:
    """Run something in this process, in its main thread and others."""
    gc.collect()  # what the tool before left behind is not this one's to clean up
    clock, cpu = time.perf_counter(), time.process_time()
    call()
    return Cost(time.perf_counter() - clock, time.process_time() - cpu)


def measure_process(command: Sequence[str], folder: Path, environ: Mapping[str, str]) -> Cost:
    """Run a program to its end.

    Raises:
        RuntimeError: it failed; a time without the work is none.
    """
    clock, cpu = time.perf_counter(), _cpu_of_children()
    done = subprocess.run(
        command, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    cost = Cost(time.perf_counter() - clock, _cpu_of_children() - cpu)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stderr.decode()}")
    return cost


def compare(costs: Costs, base: Costs) -> list[float]:
    """Return how many times the base's clock each round took that both ran."""
    return [costs[each].clock / base[each].clock for each in costs if each in base]


def show_cost(costs: Costs, base: Costs) -> str:
    """Return a cell: the ratio, then time and processor time as context."""
    clock, cpu = (median(getattr(each, name) for each in costs.values()) for name in ("clock", "cpu"))
    return f"**{median(compare(costs, base)):.2f}** · {_duration(clock)} · {_duration(cpu)}"


def show_spread(ratios: Sequence[float]) -> str:
    """Return the median with the middle half of all rounds, which says how far to trust it."""
    if len(ratios) == 1:
        return f"{ratios[0]:.2f}"
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def show_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join(f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows))


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < _SHOW_IN_MS else f"{seconds:.1f} s"


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
