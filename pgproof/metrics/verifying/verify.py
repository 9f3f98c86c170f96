"""Tables in, whether the metrics that come of them are right out: each step from DynamoDB to a number is compared."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgproof.metrics.mirror.source import fetch_source, need_live
from pgproof.metrics.verifying.comparison import Comparer
from pgproof.metrics.verifying.recount import check_counted, check_facts, check_metrics, count_days

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from pgproof.metrics.feed import Feed
    from pgproof.metrics.mappings.mapping import Mapping
    from pgproof.metrics.verifying.difference import Difference

_ASIDE = """
SELECT
    (SELECT count(*) FROM pgproof_metrics.item WHERE source = %(source)s AND problem IS NOT NULL),
    (SELECT count(*) FROM pgproof_metrics.dead_letter WHERE source = %(source)s)
"""


@dataclass(frozen=True)
class Verdict:
    """What came of comparing.

    Attributes:
        table: in DynamoDB; None for all that is counted in this Postgres.
        items: how many DynamoDB has.
        mirrored: how many the mirror has.
        numbers: how many numbers its metrics are.
        busy: items of which nobody can say, for they were written all the time.
        problems: items that should be counted and could not.
        letters: records that could not be kept.
    """

    table: str | None
    items: int
    mirrored: int
    numbers: int
    differences: Sequence[Difference]
    busy: int = 0
    problems: int = 0
    letters: int = 0


def verify_table(
    feed: Feed,
    connection: Connection[Any],
    catch_up: Callable[[], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Verdict:
    """Compare a DynamoDB table with its mirror, and its mirror with its metrics.

    Args:
        feed: of the table.
        connection: in autocommit.
        catch_up: reads the stream on.
        sleep: waits before an item that differs is looked at again.

    Raises:
        CloudError: AWS refused, or the table was never read.
    """
    need_live(fetch_source(connection, feed.table.name))
    catch_up()
    source = fetch_source(connection, feed.table.name)
    compared = Comparer(feed, connection, source, catch_up, sleep).compare()
    facts = list(check_facts(connection, source, feed))
    metrics = list(check_metrics(connection, feed.mappings))
    problems, letters = connection.execute(_ASIDE, {"source": source.id}).fetchone() or (0, 0)
    return Verdict(
        table=feed.table.name,
        items=compared.items,
        mirrored=compared.mirrored,
        numbers=count_days(connection, feed.mappings),
        differences=[*compared.differences, *facts, *metrics],
        busy=compared.busy,
        problems=problems,
        letters=letters,
    )


def verify_counted(connection: Connection[Any], mappings: Sequence[Mapping]) -> Verdict:
    """Compare metrics of tables of this database with what counting them gives.

    Raises:
        SettingsError: Postgres refuses to count one.
    """
    ours = [each for each in mappings if each.store == "postgres"]
    differences = list(check_counted(connection, ours))
    return Verdict(None, 0, 0, count_days(connection, ours), differences)
