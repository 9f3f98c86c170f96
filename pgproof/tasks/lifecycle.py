"""rds.ensure and what else changes an instance or tells of it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from json import dumps
from typing import TYPE_CHECKING, Any

from pgproof.tasks.task import place_task, term

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgproof.rds.difference import Difference
    from pgproof.rds.ensure import Ensured
    from pgproof.rds.waiting import Wait
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place

_MINUTE = 60.0
_LONGEST = timedelta(days=7)
_TIMEOUT = {"timeout": "how long to wait, such as 90min or 2h; RDS goes on whatever happens here"}


@place_task(
    help={
        "now": "do at once what restarts it, instead of in its maintenance window",
        "major": "upgrade to another major version, if that is planned: there is no way back",
        **_TIMEOUT,
    }
)
def ensure(place: Place, now: bool = False, major: bool = False, timeout: str = "60min") -> None:  # noqa: FBT001, FBT002
    """Make the planned instance, or change it to the plan, and wait until it is available; once is enough."""
    from pgproof.rds.ensure import Provision
    from pgproof.rds.judging.judge import judge

    plan, cloud = place.open_planned()
    wait = _wait(place, "inv rds.ensure", timeout)
    password = place.settings.master_password
    provision = Provision(cloud=cloud, plan=plan, wait=wait, judge=judge, password=password, now=now, major=major)
    _tell(place.screen, provision.ensure())


@place_task(help={"json": "for a script"})
def status(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show the instance beside its plan; changes and starts nothing.

    --json: {"identifier", "status", "host", "port", …, "pending": {…}, "differences": [{"name", "before", "after",
    "change"}, …]}; what RDS does not tell is null, and times are ISO 8601.
    """
    from pgproof.rds.difference import compare
    from pgproof.rds.facts import read_facts
    from pgproof.rds.instance import fetch_instance

    plan, cloud = place.open_planned()
    instance = fetch_instance(cloud, plan.identifier)
    facts, differences = read_facts(instance), compare(plan, instance)
    if json:
        listed = [{key: getattr(each, key) for key in ("name", "before", "after", "change")} for each in differences]
        place.screen.say(dumps({**facts, "differences": listed}, indent=2, default=_as_iso))
        return
    known = {name: value for name, value in facts.items() if name != "identifier" and value not in (None, "", [], {})}
    place.screen.table(
        ["", plan.identifier], [[name.replace("_", " "), _as_cell(value)] for name, value in known.items()]
    )
    if differences:
        place.screen.say(f"differs from the plan in {len(differences)}: `inv rds.plan` shows them", "changed")
    else:
        place.screen.say("as planned", "applied")


@place_task(help=_TIMEOUT)
def start(place: Place, timeout: str = "60min") -> None:
    """Start the instance, and wait until it is available."""
    from pgproof.rds import lifecycle

    plan, cloud = place.open_planned()
    instance = lifecycle.start(cloud, plan.identifier, _wait(place, "inv rds.start", timeout))
    place.screen.say(f"{plan.identifier} is {instance.status} at {instance.host}:{instance.port}", "applied")


@place_task(help=_TIMEOUT)
def stop(place: Place, timeout: str = "60min") -> None:
    """Stop the instance, and wait until it stands; RDS starts it again after 7 days."""
    from pgproof.rds import lifecycle

    plan, cloud = place.open_planned()
    instance = lifecycle.stop(cloud, plan.identifier, _wait(place, "inv rds.stop", timeout))
    again = instance.said.get("AutomaticRestartTime")
    place.screen.say(f"{plan.identifier} is stopped", "applied")
    place.screen.say(f"RDS starts it again by itself {f'at {_as_cell(again)}' if again else 'after 7 days'}", "notice")
    place.screen.say("its storage, backups and snapshots are paid for meanwhile", "notice")


@place_task(help={"name": "of the snapshot (default: the instance's, and the time)", **_TIMEOUT})
def snapshot(place: Place, name: str = "", timeout: str = "60min") -> None:
    """Take a snapshot of the instance, and wait until it can be restored."""
    from pgproof.rds.snapshot import name_snapshot, take_snapshot

    plan, cloud = place.open_planned()
    chosen = name or name_snapshot(plan.identifier)
    wait = _wait(place, f"inv rds.snapshot --name={chosen}", timeout)
    place.screen.say(f"took {take_snapshot(cloud, plan.identifier, chosen, wait=wait)}", "applied")


@place_task(help={"yes_destroy": "identifier of the instance, in full", **_TIMEOUT})
def delete(place: Place, yes_destroy: str | None = None, timeout: str = "60min") -> None:
    """Delete the instance, with a final snapshot, and wait until it is gone."""
    from pgproof.rds import lifecycle

    plan, cloud = place.open_planned()
    wait = _wait(place, f"inv rds.delete --yes-destroy={plan.identifier}", timeout)
    deleted = lifecycle.delete(cloud, plan.identifier, wait, allowed=yes_destroy)
    if deleted is None:
        place.screen.say(f"there was no {plan.identifier}")
        return
    place.screen.say(f"{plan.identifier} is gone", "rolled back")
    kept = f"the snapshot {deleted}" if deleted else "its final snapshot"
    place.screen.say(f"kept, and paid for: {kept} until you delete it, automated backups for their days", "notice")
    place.screen.say("kept: its security group, and what stands in the plan", "notice")


def _wait(place: Place, again: str, timeout: str) -> Wait:
    from pgproof.rds.waiting import Wait

    return Wait(
        again=again,
        timeout=term("--timeout", timeout, longest=_LONGEST).total_seconds(),
        notify=follow_status(place.screen),
    )


def follow_status(screen: Screen, clock: Callable[[], float] = time.monotonic) -> Callable[[str], None]:
    """Return a listener that tells what is waited for: what is new as a line, the rest once a minute."""
    began, said, due = clock(), "", 0.0

    def tell(text: str) -> None:
        nonlocal said, due
        now = clock()
        minutes, seconds = divmod(int(now - began), 60)
        line = f"{minutes}:{seconds:02} {text}"
        if text != said or now >= due:
            said, due = text, now + _MINUTE
            screen.say(line, "waiting")
        screen.busy(line)

    return tell


def _tell(screen: Screen, ensured: Ensured) -> None:
    instance = ensured.instance
    for each in ensured.changed:
        screen.say(f"changed {_as_line(each)}", "changed")
    for each in ensured.waiting:
        screen.say(f"waiting for the maintenance window, or for --now: {_as_line(each)}", "waiting")
    if instance.awaits_reboot:
        reboot = f"aws rds reboot-db-instance --db-instance-identifier {instance.identifier}"
        screen.say(f"waiting for a reboot, which RDS leaves to you: its parameters: `{reboot}`", "waiting")
    done = "made" if ensured.made else "changed" if ensured.changed else "as planned"
    screen.say(f"{instance.identifier} is {instance.status} at {instance.host}:{instance.port}, {done}", "applied")


def _as_line(each: Difference) -> str:
    return f"{each.name} {each.before or 'none'} → {each.after}"


def _as_cell(value: Any) -> str:  # noqa: ANN401 - whatever RDS tells
    match value:
        case datetime():
            return f"{value.astimezone():%Y-%m-%d %H:%M:%S %Z}"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{key}: {each}" for key, each in value.items())
        case list():
            return ", ".join(map(str, value))
    return str(value)


def _as_iso(value: Any) -> str:  # noqa: ANN401
    return value.isoformat() if isinstance(value, datetime) else str(value)
