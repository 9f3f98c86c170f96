"""rds.allow, rds.deny, rds.rules: who may reach the instance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from json import dumps
from typing import TYPE_CHECKING

from pgproof.errors import CloudError, SettingsError
from pgproof.tasks.task import place_task, term

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.rds.cloud import Cloud
    from pgproof.rds.firewall.firewall import Firewall, Opened
    from pgproof.rds.firewall.rule import Rule
    from pgproof.rds.instance import Instance
    from pgproof.rds.plan import Plan
    from pgproof.tasks.task import Place

_LONGEST = timedelta(days=7)
_NAME = "whose rule it is (default: who the AWS credentials say you are)"


@place_task(
    help={
        "ip": "one address of the internet; auto: the one that AWS sees you come from",
        "ttl": "how long, such as 30min, 8h or 2d; 7d at most",
        "group": "let a security group in instead of you, such as the application's; it stays",
        "name": _NAME,
    }
)
def allow(place: Place, ip: str = "auto", ttl: str = "8h", group: str | None = None, name: str | None = None) -> None:
    """Let your address reach the instance, for a while: one rule a person, moved along when the address changes.

    Nothing at AWS removes a rule by itself: rds.allow and rds.deny remove all of ours that have expired.
    """
    if group is None:
        _allow_person(place, ip, ttl, name)
    elif (ip, ttl, name) == ("auto", "8h", None):
        _allow_group(place, _check_group(group))
    else:
        raise SettingsError("a security group has no address, name or end", hint="either --group or the others")


@place_task(
    help={
        "name": _NAME,
        "all": "everybody's; the rule of the application's group stays",
        "group": "no longer let this security group in",
    }
)
def deny(
    place: Place,
    name: str | None = None,
    all: bool = False,  # noqa: A002, FBT001, FBT002  (a flag of the command line)
    group: str | None = None,
) -> None:
    """Take your rule away, and those of ours that have expired; rules that rds.allow did not make stay."""
    from pgproof.rds.instance import fetch_instance

    if sum((name is not None, all, group is not None)) > 1:
        raise SettingsError("one of --name, --all and --group at a time")
    whose = _check_name(name) if group is None else _check_group(group)
    plan, cloud = place.open_planned()
    whose = whose or ("" if all else _ask_name(cloud))
    instance = fetch_instance(cloud, plan.identifier)
    firewall = _find_firewall(cloud, plan, instance)
    removed = firewall.close_to_group(group) if group else firewall.close_to(whose, now=datetime.now(UTC))
    _tell_removed(place, removed)
    if not removed:
        place.screen.say(f"there was no rule of {whose or 'ours'}")


@place_task(help={"json": "for a script"})
def rules(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show who may reach the instance, by every rule of its security groups.

    --json: [{"state", "who", "from", "protocol", "ports", "until", "rule", "group"}, …]; state is ours; expired, of
    ours; foreign, which rds.allow did not make; or wide open, to the whole internet.
    """
    from pgproof.rds.firewall.rule import fetch_rules
    from pgproof.rds.instance import fetch_instance

    plan, cloud = place.open_planned()
    groups, now = fetch_instance(cloud, plan.identifier).groups, datetime.now(UTC)
    rows = [_row(each, now) for group in groups for each in fetch_rules(cloud, group)]
    if json:
        place.screen.say(dumps(rows, indent=2))
    elif rows:
        place.screen.table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        place.screen.say("no rule: nobody reaches it")
    if not json and any(row["state"] == "expired" for row in rows):
        place.screen.say("what has expired stays open until `inv rds.allow` or `inv rds.deny` removes it", "warning")


def _allow_person(place: Place, ip: str, ttl: str, name: str | None) -> None:
    from pgproof.rds.firewall.address import discover_address, read_address
    from pgproof.rds.firewall.label import find_end
    from pgproof.rds.instance import fetch_instance

    now = datetime.now(UTC)
    until, person = find_end(term("--ttl", ttl, longest=_LONGEST), now), _check_name(name)
    address = None if ip == "auto" else read_address(ip)
    plan, cloud = place.open_planned()
    instance = fetch_instance(cloud, plan.identifier)
    _refuse_private(plan, instance)
    firewall = _find_firewall(cloud, plan, instance, to_open=True)
    person, address = person or _ask_name(cloud), address or discover_address()
    opened = firewall.open_to(person, address, until=until, now=now)
    _tell_opened(place, opened, f"{address.cidr} may reach port {firewall.port}", f"until {_moment(until)}, {person}")
    _tell_removed(place, opened.removed)
    if address.kind == "CidrIpv6" and instance.said.get("NetworkType", "IPV4") == "IPV4":
        place.screen.say(f"{instance.identifier} has an IPv4 address only: from there nobody reaches it", "warning")


def _allow_group(place: Place, group: str) -> None:
    from pgproof.rds.instance import fetch_instance

    plan, cloud = place.open_planned()
    instance = fetch_instance(cloud, plan.identifier)
    firewall = _find_firewall(cloud, plan, instance, to_open=True)
    made = firewall.open_to_group(group)
    place.screen.say(f"{group} may reach port {firewall.port}{'' if made else ', as it was'}", "applied")


def _find_firewall(cloud: Cloud, plan: Plan, instance: Instance, *, to_open: bool = False) -> Firewall:
    from pgproof.rds.firewall.firewall import Firewall
    from pgproof.rds.firewall.group import choose_group

    # One that is being made has no endpoint yet.
    return Firewall(cloud, choose_group(cloud, plan, instance, to_open=to_open), instance.port or plan.port)


def _check_name(name: str | None) -> str:
    """Return it; empty where none is said. A variable of the shell that is empty is not that."""
    from pgproof.rds.firewall.label import check_name

    return "" if name is None else check_name(name)


def _check_group(group: str) -> str:
    from pgproof.rds.words import GROUP_HINT, is_group

    if not is_group(group):
        raise SettingsError(f"{group!r} is no id of a security group", hint=GROUP_HINT)
    return group


def _ask_name(cloud: Cloud) -> str:
    from pgproof.rds.firewall.person import ask_name

    return ask_name(cloud)


def _refuse_private(plan: Plan, instance: Instance) -> None:
    if instance.said["PubliclyAccessible"]:
        return
    tunnel = "through a machine of its network: PGPROOF_TUNNEL=127.0.0.1:15432; --group lets that machine's group in"
    raise CloudError(
        f"{instance.identifier} is private: no rule lets an address of the internet reach it",
        at=plan.at("publicly_accessible"),
        hint="`inv rds.ensure` makes it public, as planned" if plan.publicly_accessible else f"a tunnel does, {tunnel}",
    )


def _tell_opened(place: Place, opened: Opened, what: str, whose: str) -> None:
    if other := opened.instead:
        until = f" until {_moment(other.label.until)}" if other.label and other.label.until else ""
        place.screen.say(f"{what} already: {other.id} of {_who(other)} lets it in{until}", "applied")
        place.screen.say("AWS keeps one rule for an address: yours is not made, and it goes with theirs", "warning")
    else:
        before = opened.before.source if opened.before else ""
        moved = f"; before: {before}" if before and not what.startswith(f"{before} ") else ""
        place.screen.say(f"{what} {whose}{moved}", "applied")


def _tell_removed(place: Place, removed: Sequence[Rule]) -> None:
    for each in removed:
        until = f", until {_moment(each.label.until)}" if each.label and each.label.until else ""
        place.screen.say(f"removed: {each.source}, {_who(each)}{until}", "gone")


def _row(rule: Rule, now: datetime) -> dict[str, str]:
    first, last = rule.ports
    until = rule.label.until if rule.label else None
    return {
        "state": _state(rule, now),
        "who": _who(rule),
        "from": rule.source,
        "protocol": "all" if rule.protocol == "-1" else rule.protocol,
        "ports": "all" if first == -1 else str(first) if first == last else f"{first}-{last}",
        "until": _moment(until) if until else "",
        "rule": rule.id,
        "group": rule.group,
    }


def _state(rule: Rule, now: datetime) -> str:
    if rule.is_wide:
        return "wide open"
    if rule.is_expired(now):
        return "expired"
    return "ours" if rule.label else "foreign"


def _who(rule: Rule) -> str:
    return rule.label.who if rule.label else rule.description or "(no description)"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
