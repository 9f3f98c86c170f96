"""An instance that RDS works on in, the same out when it is there: looked at now and then, through whatever passes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.aws import is_transient
from pgproof.errors import CloudError
from pgproof.rds.instance import find_instance
from pgproof.rds.statuses import FAILURES, STAYS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pgproof.rds.cloud import Cloud
    from pgproof.rds.instance import Instance

_EVERY = 10.0  # seconds between two looks
_GRACE = 120.0  # seconds that RDS may take to show that it works on what it was asked


@dataclass(frozen=True, kw_only=True)
class Wait:
    """How to wait.

    Attributes:
        again: the command that goes on waiting.
        timeout: seconds until it is given up; RDS goes on.
        notify: is told at each look, in a line, what is waited for.
        clock: seconds that never go back.
        sleep: lets seconds pass.
    """

    again: str
    timeout: float = 3600.0
    notify: Callable[[str], None] = field(default=lambda _: None)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def until(self, what: str, look: Callable[[float], str]) -> None:
        """Look again and again, until there is nothing more to wait for.

        Args:
            what: is waited for.
            look: seconds since the first look in, what goes on out; empty: it is over.

        Raises:
            CloudError: it took too long; or what `look` raises, unless it passes.
        """
        try:
            self._until(what, look, self.clock())
        except KeyboardInterrupt:
            self.notify(f"interrupted; {self._resume}")
            raise

    def _until(self, what: str, look: Callable[[float], str], began: float) -> None:
        while going_on := self._look(look, waited := self.clock() - began):
            if waited >= self.timeout:
                minutes, seconds = divmod(round(waited), 60)
                raise CloudError(f"{what}: still {going_on} after {minutes}:{seconds:02}", hint=self._resume)
            self.notify(f"{what}: {going_on}")
            self.sleep(_EVERY)

    @property
    def _resume(self) -> str:
        return f"RDS goes on by itself, and `{self.again}` goes on waiting"

    def _look(self, look: Callable[[float], str], waited: float) -> str:
        try:
            return look(waited)
        except CloudError as error:
            if error.__cause__ is None:  # it is not AWS that refused
                raise
            if is_transient(error.__cause__):
                return f"not known, {error.what}"
            hint = "; ".join(filter(None, (error.hint, self._resume)))
            raise CloudError(error.what, hint=hint, code=error.code) from error


@dataclass
class _Watch:
    """What was seen of an instance on its way.

    Attributes:
        before: its status when RDS was asked, which it may go on having for a moment.
    """

    cloud: Cloud
    identifier: str
    goals: Collection[str]
    failures: Mapping[str, str]
    before: str
    taken: Callable[[Instance], bool]
    found: Instance | None = None
    moved: bool = False
    there_since: float | None = None

    def look(self, waited: float) -> str:
        """Return its status, or that it is nowhere yet; empty: it is there."""
        found = find_instance(self.cloud, self.identifier)
        return self.see(found, waited) if found else self._miss(waited)

    def see(self, instance: Instance, waited: float) -> str:
        """Return its status; empty: it is there."""
        self.found, status = instance, instance.status
        self.moved |= status != self.before or waited >= _GRACE
        if status in self.goals:
            return self._arrive(instance, waited)
        self.there_since = None
        if self.moved and status in self.failures:
            raise CloudError(f"{self.identifier} is {status}", hint=self.failures[status])
        return _progress(instance)

    def _miss(self, waited: float) -> str:
        if waited < _GRACE:
            return "not there yet"
        raise CloudError(f"{self.identifier} is gone", hint="somebody deleted it; is the region right?")

    def _arrive(self, instance: Instance, waited: float) -> str:
        """What RDS was asked for is seen late, or never: it stays where it is then."""
        self.there_since = waited if self.there_since is None else self.there_since
        if self.taken(instance) or waited - self.there_since >= _GRACE:
            return ""
        return f"{instance.status}, and what is to change is not seen yet"


def await_status(
    cloud: Cloud,
    identifier: str,
    goals: Collection[str],
    wait: Wait,
    *,
    before: str = "",
    taken: Callable[[Instance], bool] = lambda _: True,
) -> Instance:
    """Wait until an instance has one of the statuses.

    Args:
        cloud: to ask.
        identifier: of the instance.
        goals: statuses.
        wait: how.
        before: its status when RDS was asked for something: no failure for a moment.
        taken: whether what was asked for is seen.

    Raises:
        CloudError: it failed, is gone, or took too long; or AWS refused.
    """
    failures = {status: hint for status, hint in FAILURES.items() if status not in goals}
    watch = _Watch(cloud, identifier, goals, failures, before, taken)
    wait.until(identifier, watch.look)
    if watch.found is None:
        raise AssertionError  # it has a status
    return watch.found


def await_gone(cloud: Cloud, identifier: str, wait: Wait, *, before: str) -> None:
    """Wait until there is no such instance.

    Args:
        cloud: to ask.
        identifier: of the instance.
        wait: how.
        before: its status when RDS was asked to delete it.

    Raises:
        CloudError: it stays, or took too long; or AWS refused.
    """
    watch = _Watch(cloud, identifier, (), STAYS, before, lambda _: True)

    def look(waited: float) -> str:
        found = find_instance(cloud, identifier)
        return watch.see(found, waited) if found else ""

    wait.until(identifier, look)


def _progress(instance: Instance) -> str:
    percent = instance.said.get("PercentProgress", "")
    return f"{instance.status}, {percent} %" if percent else instance.status
