"""query.* tasks about one call: what it gives, by which plan, and a case written from it."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING

from pgproof.errors import QueryFailed, SettingsError
from pgproof.tasks.task import place_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.contracts.answer import Answer, Refusal
    from pgproof.contracts.planning.plantree import Plan
    from pgproof.queries import Query
    from pgproof.tasks.screen import Screen
    from pgproof.tasks.task import Place

PARAMETERS = {
    "param": "name=value; may be repeated",
    "null": "name of a parameter that is NULL; may be repeated",
}


@place_task(
    help={
        **PARAMETERS,
        "case": "take the parameters of this case; what is given here has the last word",
        "explain": "its plan, with the blocks that it looked at, instead of its rows",
        "json": "rows as objects, for a script",
    },
    iterable=["param", "null"],
)
def run(  # noqa: PLR0913, PLR0917  (an option each)
    place: Place,
    name: str,
    param: Sequence[str],
    null: Sequence[str],
    case: str = "",
    explain: bool = False,  # noqa: FBT001, FBT002
    json: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """Run a query on the project's database, and roll back what it did; on production it may not write."""
    from pgproof.contracts.planning.plans import fetch_plan
    from pgproof.contracts.session import Session

    query = place.queries[name]
    params = {**(_case_params(place, query, case) if case else {}), **read_params(param, null)}
    before = ["SET TRANSACTION READ ONLY"] if place.settings.target == "prod" else []
    with place.connect() as connection:
        session = Session(connection, alone=False)
        call = session.call(query, params)
        if explain:
            _show_plan(place.screen, query, fetch_plan(session, call, analyze=True, before=before))
        else:
            (answer,) = session.ask([call], before=before)
            _show_answer(place.screen, query, answer, json=json)


@place_task(help={**PARAMETERS, "case": "its name: small letters, digits and _"}, iterable=["param", "null"])
def case(place: Place, name: str, case: str, param: Sequence[str], null: Sequence[str]) -> None:
    """Run a query on a seeded clone, and write that as a case of its contract."""
    from pgproof.contracts.writing import append_case, draft_case
    from pgproof.tasks.bench import open_bench

    if place.settings.ci:
        raise SettingsError("cases are not written in CI", hint="write them at a desk, and commit them")
    query = place.queries[name]
    with open_bench(place.settings) as bench:
        draft = draft_case(bench.session, query, case, read_params(param, null))
    path = append_case(place.settings.contracts, draft)
    if draft.answer.refusal:
        place.screen.say(str(_refused(query, draft.answer.refusal)), "edited")
    else:
        _show_answer(place.screen, query, draft.answer)
    for each in draft.unsteady:
        place.screen.say(str(each), "edited")
    masked = f", with {', '.join(draft.masks)} masked" if draft.masks else ""
    hint = f"`inv query.accept --name {query.name}` writes its golden"
    place.screen.say(f"case {case} is in {path}{masked}; {hint}", "applied")


def read_params(given: Sequence[str], nulls: Sequence[str]) -> dict[str, str | None]:
    """Return the parameters that the command line gives; values stay text, and Postgres reads them.

    Raises:
        SettingsError: a word is no parameter, or is contradicted by another.
    """
    if odd := [word for word in given if not word.partition("=")[1]]:
        raise SettingsError(f"--param {odd[0]} has no value", hint="--param handle=andrew, or --null before_uuid")
    values = {name: value for name, _, value in (word.partition("=") for word in given)}
    if twice := sorted(values.keys() & set(nulls)):
        raise SettingsError(f"{', '.join(twice)} has a value and is NULL")
    return {**values, **dict.fromkeys(nulls)}


def _case_params(place: Place, query: Query, name: str) -> dict[str, object]:
    from pgproof.contracts.cases import contract_path, read_contract

    folder = place.settings.contracts
    path = contract_path(folder, query.name)
    for case in read_contract(folder, path).cases if path.exists() else ():
        if case.name == name:
            return dict(case.params)
    raise SettingsError(f"{query.name} has no case {name}", hint=f"its cases are in {path}")


def _show_answer(screen: Screen, query: Query, answer: Answer, *, json: bool = False) -> None:
    """Say rows as a table, or as objects whose values are as in a golden."""
    if answer.refusal:
        raise _refused(query, answer.refusal)
    if json:
        screen.say("\n".join(_json_lines(query, answer)))
        return
    if answer.names:
        screen.table(answer.names, [[_as_cell(value) for value in row] for row in answer.rows])
    screen.say(f"{answer.affected} row{'s' if answer.affected != 1 else ''}; rolled back")


def _as_cell(value: bytes | None) -> str:
    from pgproof.contracts.display import escape

    return "NULL" if value is None else escape(value.decode(errors="replace"))


def _json_lines(query: Query, answer: Answer) -> list[str]:
    """Return rows as objects, a line each: whatever their number, they are a list."""
    from pgproof.contracts.encoding import encode, encode_row
    from pgproof.queries.call import check_columns

    if query.returns == "affected":
        return [dumps({"affected": answer.affected})]
    check_columns(query, answer.names)  # an object could not tell two of one name apart
    names = [encode(name) for name in answer.names]
    rows = [zip(names, encode_row(answer.oids, row), strict=True) for row in answer.rows]
    objects = [", ".join(f"{name}: {value}" for name, value in row) for row in rows]
    return ["[", ",\n".join(f"  {{{each}}}" for each in objects), "]"] if objects else ["[]"]


def _show_plan(screen: Screen, query: Query, plan: Plan | Refusal) -> None:
    from pgproof.contracts.planning.plantree import Plan, render_plan

    if not isinstance(plan, Plan):
        raise _refused(query, plan)
    for line in render_plan(plan):
        screen.say(line)


def _refused(query: Query, refusal: Refusal) -> QueryFailed:
    what = f"{refusal.message} ({refusal.sqlstate})"
    return QueryFailed(what, at=query.command.locate(refusal.position), hint=refusal.detail, sqlstate=refusal.sqlstate)
