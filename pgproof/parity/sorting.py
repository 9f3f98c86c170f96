"""How two databases sort texts in, what differs out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgproof.parity.mismatch import Mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgproof.pg.environment import Sorting

_CODE_POINTS = ("c", "posix", "c.utf8")  # by whichever provider: texts sort by their bytes
_ONLY_ASCII = ("c", "posix")
_ORDER = "ORDER BY, < and unique indexes of texts"
_MADE = "a database is made with it: CREATE DATABASE ... TEMPLATE template0 LOCALE ..."


def compare_sorting(home: Sorting, production: Sorting) -> Iterator[Mismatch]:
    """Yield what differs."""
    if home.encoding != production.encoding:
        what = "which characters a text may have"
        yield Mismatch("breaking", "sorting", "encoding", home.encoding, production.encoding, f"{what}; {_MADE}")
    yield from _compare_order(home, production)
    letters = {canonical(each.ctype) for each in (home, production)}
    if len(letters) > 1:
        severe = len({each in _ONLY_ASCII for each in letters}) > 1
        why = "upper(), lower(), ILIKE and \\w beyond ASCII"
        yield Mismatch("breaking" if severe else "note", "sorting", "letters", home.ctype, production.ctype, why)
    if home.rules != production.rules:
        yield Mismatch("breaking", "sorting", "ICU rules", home.rules, production.rules, _ORDER)
    yield from _compare_versions(home, production)


def canonical(locale: str) -> str:
    """Return the one name of a locale: en_US.UTF-8 is en_US.utf8."""
    return locale.lower().replace("utf-8", "utf8")


def _compare_order(home: Sorting, production: Sorting) -> Iterator[Mismatch]:
    here, there = (f"{each.collate} ({each.provider})" for each in (home, production))
    if _order(home) != _order(production):
        yield Mismatch("breaking", "sorting", "collation", here, there, f"{_ORDER}; {_MADE}")
    elif home.provider != production.provider:
        yield Mismatch("note", "sorting", "collation", here, there, "texts sort alike, by another provider")


def _order(sorting: Sorting) -> tuple[str, str]:
    name = canonical(sorting.collate)
    return ("", "by code point") if name in _CODE_POINTS else (sorting.provider, name)


def _compare_versions(home: Sorting, production: Sorting) -> Iterator[Mismatch]:
    if _order(home) == _order(production) and home.provider == production.provider and home.actual != production.actual:
        why = "the order of some texts may differ"
        yield Mismatch("note", "sorting", "collation version", home.actual, production.actual, why)
    if any(each.recorded not in ("", each.actual) for each in (home, production)):
        here, there = (f"made by {each.recorded or 'none'}, now {each.actual}" for each in (home, production))
        why = "indexes of texts may miss rows: REINDEX, then ALTER DATABASE ... REFRESH COLLATION VERSION"
        yield Mismatch("breaking", "sorting", "collation", here, there, why)
