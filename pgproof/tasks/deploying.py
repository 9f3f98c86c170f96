"""metrics.template, metrics.retry: the flow as a Lambda function, and what it set aside."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING

from pgproof.tasks.task import count, place_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgproof.metrics.mirror.letters import Retried
    from pgproof.tasks.task import Place

_FATES = {"applied": "applied", "overtaken": "applied", "covered": "applied", "kept": "waiting"}


@place_task(help={"table": "name of the DynamoDB table; may be left out where mappings are about one"})
def template(place: Place, table: str = "") -> None:
    """Write the CloudFormation of a Lambda function that follows a table's stream, and how to deploy it.

    inv metrics.template > lambda.yaml
    """
    from pgproof.metrics.function.template import choose_table, compile_template
    from pgproof.metrics.mappings.mapping import read_mappings

    chosen = choose_table(read_mappings(place.settings.metrics), table)
    place.screen.say(compile_template(chosen).rstrip("\n"))


@place_task(
    help={"id": "of one that is meant, as metrics.status shows; repeatable (default: all)", "json": "for a script"},
    iterable=["id"],
)
def retry(place: Place, id: list[str], json: bool = False) -> None:  # noqa: FBT001, FBT002
    """Try records again that were set aside: what still cannot be taken is kept, with its new reason.

    --json: [{"id", "table", "fate", "reason"}, …]; fate is applied; or overtaken or covered, where the mirror knows
    better than the record, which is dropped; or kept.
    """
    from pgproof.metrics.feed import need_metrics
    from pgproof.metrics.mappings.adopt import adopt
    from pgproof.metrics.mappings.mapping import read_mappings
    from pgproof.metrics.mirror.letters import retry as try_again

    ids, mappings = [count("--id", each) for each in id], read_mappings(place.settings.metrics)
    with closing(place.connect_if_up()) as connection:
        need_metrics(connection)
        adopt(connection, mappings)
        found = list(try_again(connection, mappings, ids))
    if json:
        place.screen.say(dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    else:
        _show(place, found)


def _show(place: Place, found: Sequence[Retried]) -> None:
    if not found:
        place.screen.say("no record is set aside", "applied")
    for each in found:
        reason = f": {each.reason}" if each.reason else ""
        place.screen.say(f"{each.fate:9}  {each.id} of {each.table}{reason}", _FATES[each.fate])
