"""rds.plan, rds.template: an instance as it would be, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from json import dumps
from typing import TYPE_CHECKING, Any

from invoke import Exit

from pgproof.errors import CloudError, SettingsError
from pgproof.figures import many
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pgproof.rds.difference import Difference
    from pgproof.rds.finding import Finding
    from pgproof.rds.instance import Instance
    from pgproof.rds.plan import Plan
    from pgproof.rds.prices import Estimate
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place

_FORMATS = ("cloudformation", "terraform")
_LATER = "asked for: in the maintenance window, or `inv rds.ensure --now`"
_KEPT = "kept: the plan does not say the word"
_ATTEMPTS = 3  # who only looks does not wait for a minute


@dataclass(frozen=True)
class _View:
    """All there is to say of a plan.

    Attributes:
        planned: its words, as text.
        there: what the instance has of them; empty where RDS does not tell, or there is none.
        unasked: why AWS does not say what there is; empty where it does.
        unchanged: words that the instance has another value of, and why that stays for now.
    """

    plan: Plan
    planned: Mapping[str, str]
    instance: Instance | None
    there: Mapping[str, str]
    differences: Mapping[str, Difference]
    cost: Estimate
    findings: Sequence[Finding]
    unasked: str
    unchanged: Mapping[str, str]


@place_task(help={"json": "for a script"})
def plan(place: Place, json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Show the planned instance beside what there is, its cost, and what is against it; changes nothing.

    Without access to AWS the plan is judged all the same. Ends with 1 if AWS would refuse it.

    --json: {"identifier", "unasked", "exists", "fields": [{"name", "planned", "there", "change"}, …], "cost":
    {"month", "currency", "parts", "unknown"}, "findings": [{"severity", "rule", "path", "line", "what", "hint"}, …]};
    change is null where nothing changes, there where it is not known; unasked says why AWS does not tell what there is.
    """
    from pgproof.rds.plan import read_plan

    view = _look(place, read_plan(place.settings))
    if json:
        place.screen.say(dumps(_as_json(view), indent=2, ensure_ascii=False))
    else:
        _show(place.screen, view)
    if errors := sum(each.severity == "error" for each in view.findings):
        raise Exit(f"error: {many(errors, 'word')} of the plan that AWS would refuse", code=1)


@place_task(help={"format": f"{' or '.join(_FORMATS)} (default: {_FORMATS[0]})"})
def template(place: Place, format: str = _FORMATS[0]) -> None:  # noqa: A002  (the option's name)
    """Write the planned instance as CloudFormation or Terraform; AWS is not asked.

    inv rds.template > rds.yaml
    """
    from pgproof.rds import rendering
    from pgproof.rds.plan import read_plan

    if format not in _FORMATS:
        raise SettingsError(f"unknown format {format!r}", hint=" or ".join(_FORMATS))
    render = rendering.render_terraform if format == "terraform" else rendering.render_cloudformation
    place.screen.say(render(read_plan(place.settings)).rstrip("\n"))


def _look(place: Place, plan: Plan) -> _View:
    from pgproof.rds.cloud import open_cloud
    from pgproof.rds.difference import as_text, compare, is_left, read_planned
    from pgproof.rds.instance import find_instance
    from pgproof.rds.judging import judge
    from pgproof.rds.prices import Estimate, estimate
    from pgproof.rds.standing import read_standing

    cloud = replace(open_cloud(place.settings, plan), attempts=_ATTEMPTS)
    instance, unasked = None, ""
    runs, there, left = plan, dict[str, Any](), dict[str, Any]()
    place.screen.busy("AWS")
    try:
        if instance := find_instance(cloud, plan.identifier):
            standing = read_standing(instance, pending=False)
            there = {name: value for name, value in standing.items() if value is not None}
            left = {name: value for name, value in there.items() if is_left(plan, name, value)}
            runs = replace(plan, **{name: value for name, value in left.items() if name != "master_password"})
        cost = estimate(cloud, runs)
    except (CloudError, SettingsError) as error:
        unasked = error.what
        cost = Estimate(unknown="AWS was not asked")
    differences = {each.name: each for each in ([] if unasked else compare(plan, instance))}
    later = [each.name for each in compare(plan, instance, pending=False)] if instance else []
    return _View(
        plan=plan,
        planned={name: as_text(value) for name, value in read_planned(plan).items()},
        instance=instance,
        there={name: as_text(value) for name, value in there.items()},
        differences=differences,
        cost=cost,
        findings=[_soften(each, differences) if instance else each for each in judge(runs)],
        unasked=unasked,
        unchanged={**dict.fromkeys(later, _LATER), **dict.fromkeys(left, _KEPT)},
    )


def _soften(finding: Finding, differences: Mapping[str, Difference]) -> Finding:
    """Make it a warning where it is about what the instance has already: AWS is not asked for that again."""
    return finding if finding.field in differences else replace(finding, severity="warning")


def _show(screen: Screen, view: _View) -> None:
    if view.unasked:
        screen.table(["", "planned"], [[name, planned] for name, planned in view.planned.items()])
        screen.say(f"AWS does not say what there is: {view.unasked}", "notice")
    elif view.instance is None:
        screen.table(["", "planned", ""], [[name, planned, "new"] for name, planned in view.planned.items()])
        screen.say(f"there is no {view.plan.identifier}: `inv rds.ensure` makes it", "pending")
    else:
        _show_beside(screen, view)
    screen.say(str(view.cost), "" if view.cost.parts else "notice")
    for each in view.findings:
        screen.say(str(each), each.severity)


def _show_beside(screen: Screen, view: _View) -> None:
    rows = [[name, planned, view.there.get(name, "?"), _fate(view, name)] for name, planned in view.planned.items()]
    screen.table(["", "planned", "there", "changes"], rows)
    if view.differences:
        screen.say(f"{len(view.differences)} of the plan's words differ: `inv rds.ensure` changes them", "changed")
    else:
        screen.say(
            f"{view.plan.identifier} is as planned{', or will be' if _LATER in view.unchanged.values() else ''}",
            "applied",
        )


def _fate(view: _View, name: str) -> str:
    if (difference := view.differences.get(name)) is None:
        return view.unchanged.get(name, "")
    return f"{difference.change}: {difference.why}" if difference.why else difference.change


def _as_json(view: _View) -> dict[str, Any]:
    return {
        "identifier": view.plan.identifier,
        "unasked": view.unasked,
        "exists": view.instance is not None,
        "fields": [_field(view, name) for name in view.planned],
        "cost": _cost(view.cost),
        "findings": [_finding(each) for each in view.findings],
    }


def _field(view: _View, name: str) -> dict[str, str | None]:
    change = view.differences[name].change if name in view.differences else None
    return {"name": name, "planned": view.planned[name], "there": view.there.get(name), "change": change}


def _cost(cost: Estimate) -> dict[str, Any]:
    month = None if cost.unknown else f"{cost.month:.2f}"
    parts = {name: f"{money:.2f}" for name, money in cost.parts.items()}
    return {"month": month, "currency": cost.currency, "parts": parts, "unknown": cost.unknown}


def _finding(finding: Finding) -> dict[str, Any]:
    at = {"path": str(finding.at.path), "line": finding.at.line}
    return {"severity": finding.severity, "rule": finding.rule, **at, "what": finding.what, "hint": finding.hint}
