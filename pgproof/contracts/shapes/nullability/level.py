"""A query as the server has understood it in, whether each of its columns can be NULL out.

The server has resolved every name in it, so nothing is guessed here: what is left is where NULL comes from. The answer
follows from the schema and the text, not from rows or plans, and is the same on PostgreSQL 15 to 18.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from pgproof.contracts.shapes.nullability.expressions import judge, meet
from pgproof.contracts.shapes.nullability.jointree import filtered, padded

if TYPE_CHECKING:
    from pgproof.contracts.golden import Nullability
    from pgproof.contracts.shapes.nullability.jointree import Place
    from pgproof.contracts.shapes.nullability.knowledge import Knowledge
    from pgproof.contracts.shapes.nullability.nodes import Node

_SELECT, _MERGE = "1", "5"  # of commandType
_UNION, _INTERSECT, _EXCEPT = "1", "2", "3"  # of a set operation's op


class _Source(StrEnum):
    """What can stand in FROM: rtekind."""

    RELATION = "0"
    SUBQUERY = "1"
    JOIN = "2"
    FUNCTION = "3"
    VALUES = "5"
    CTE = "6"
    GROUP = "9"  # since 18: expressions that are grouped by


_LISTED = {_Source.JOIN: "joinaliasvars", _Source.GROUP: "groupexprs"}


class Level:
    """A query, which knows what it selects from and which query is around it."""

    def __init__(self, node: Node, knowledge: Knowledge, parent: Level | None = None) -> None:
        self.knowledge = knowledge
        self.node = node
        self.parent = parent
        self._known: dict[Place, Nullability] = {}
        self._levels: dict[int, Level] = {}
        self._with: dict[str, list[Nullability]] = {}

    @property
    def width(self) -> int:
        """How many columns it gives."""
        return len(self._targets)

    @cached_property
    def has_sets(self) -> bool:
        """Whether it groups by several sets of columns."""
        return bool(self.node["groupingSets"])

    @cached_property
    def has_groups(self) -> bool:
        """Whether each of its rows is of a group that has a row."""
        return bool(self.node["groupClause"])

    @property
    def gives_a_row(self) -> bool:
        """Whether it cannot but give a row: an aggregate over all there is, or no table and no condition."""
        node = self.node
        fewer = ("setOperations", "limitCount", "limitOffset", "havingQual", "groupClause", "groupingSets")
        if not self._is_select or any(node[each] for each in fewer) or node.says("hasTargetSRFs"):
            return False
        source = node["jointree"]
        return node.says("hasAggs") or not (source["fromlist"] or source["quals"])

    def below(self, query: Node) -> Level:
        """Return the level of a query inside of this one."""
        return Level(query, self.knowledge, self)

    def output(self, number: int) -> Nullability:
        """Return what is known of a column that it gives, by its place from 1."""
        if operation := self.node["setOperations"]:
            return self._combined(operation, number)
        return judge(self._targets[number - 1]["expr"], self)

    def variable(self, node: Node) -> Nullability:
        """Return what is known of a VAR, which may be of a level above."""
        level = self
        for _ in range(node.number("varlevelsup")):
            if level.parent is None:
                return "unknown"
            level = level.parent
        returning = node.fields.get("varreturningtype", "0")  # 18 can return OLD and NEW, which may not be there
        if returning != "0" or node.number("varattno") <= 0:
            return "unknown"
        return level.column(node.number("varno"), node.number("varattno"))

    @property
    def _is_select(self) -> bool:
        return bool(self.node["commandType"] == _SELECT)

    @cached_property
    def _targets(self) -> list[Node]:
        listed = "targetList" if self._is_select else "returningList"
        return [each for each in self.node.each(listed) if not each.says("resjunk")]

    def _combined(self, node: Node, number: int) -> Nullability:
        if node.kind == "RANGETBLREF":
            return self._from(node.number("rtindex"), number)
        left = self._combined(node["larg"], number)
        if node["op"] == _EXCEPT:
            return left
        right = self._combined(node["rarg"], number)
        if node["op"] == _INTERSECT:
            return "not null" if "not null" in (left, right) else "unknown"
        return meet((left, right)) if node["op"] == _UNION else "unknown"

    def column(self, entry: int, number: int) -> Nullability:
        """Return what is known of a column of the FROM clause, once outer joins and conditions have had their say."""
        key = entry, number
        if key not in self._known:
            if key in self._filtered:
                self._known[key] = "not null"
            else:
                self._known[key] = "null" if entry in self._padded else self._from(entry, number)
        return self._known[key]

    def _from(self, entry: int, number: int) -> Nullability:
        """Return what is known of a column in what it is selected from."""
        source = self.node.each("rtable")[entry - 1]
        if self.node["commandType"] == _MERGE and not self._is_target(entry):
            return "unknown"  # there may be no row of it beside the target's
        match source["rtekind"]:
            case _Source.RELATION:
                found = self._from_relation(source, entry, number)
            case _Source.SUBQUERY:
                found = self._levels.setdefault(entry, self.below(source["subquery"])).output(number)
            case _Source.FUNCTION:
                found = self._from_function(source, number)
            case _Source.CTE:
                found = self._from_cte(source, number)
            case _:
                found = self._from_expressions(source, number)
        return found

    def _is_target(self, entry: int) -> bool:
        return not self._is_select and entry == self.node.number("resultRelation")

    def _from_relation(self, source: Node, entry: int, number: int) -> Nullability:
        relation = self.knowledge.relations[source.number("relid")]
        if self._is_target(entry) and (relation.ruled or relation.query):
            return "unknown"  # a rule, or a trigger of a view, may return what it likes
        if relation.query:
            return Level(relation.query, self.knowledge).output(number)
        return relation.columns.get(number, "unknown")

    def _from_expressions(self, source: Node, number: int) -> Nullability:
        if source["rtekind"] == _Source.VALUES:
            return meet(judge(row[number - 1], self) for row in source.each("values_lists"))
        listed = _LISTED.get(source["rtekind"])
        return judge(source.each(listed)[number - 1], self) if listed else "unknown"

    def _from_function(self, source: Node, number: int) -> Nullability:
        """Of several functions in ROWS FROM, the shorter ones are padded."""
        functions = source.each("functions")
        call = functions[0]["funcexpr"]
        if len(functions) > 1 or call.kind != "FUNCEXPR":
            return "unknown"
        is_ordinality = source.says("funcordinality") and number > functions[0].number("funccolcount")
        function = self.knowledge.functions[call.number("funcid")]
        is_series = function.builtin and function.name == "generate_series"
        return "not null" if is_ordinality or is_series else "unknown"

    def _from_cte(self, source: Node, number: int) -> Nullability:
        level = self
        for _ in range(source.number("ctelevelsup")):
            if level.parent is None:
                return "unknown"
            level = level.parent
        columns = level.columns_with(source["ctename"])
        return columns[number - 1] if number <= len(columns) else "unknown"  # SEARCH and CYCLE add columns

    def columns_with(self, name: str) -> list[Nullability]:
        """Return what is known of the columns of a WITH query.

        A recursive one asks for itself on the way. Of its first rows, all is known; of the others, what holds when it
        holds for the rows before them. So all is taken for proven until it is not: it only gets less.
        """
        if name not in self._with:
            query = next(each["ctequery"] for each in self.node.each("cteList") if each["ctename"] == name)
            taken: list[Nullability] = ["not null"] * self.below(query).width
            while self._with.get(name) != taken:
                self._with[name] = taken
                level = self.below(query)
                taken = [meet((each, level.output(number))) for number, each in enumerate(taken, start=1)]
        return self._with[name]

    @cached_property
    def _filtered(self) -> frozenset[Place]:
        """Columns that are not NULL in any row of a SELECT; what is written is not what the conditions were asked."""
        return filtered(self.node["jointree"], self.knowledge) if self._is_select else frozenset()

    @cached_property
    def _padded(self) -> frozenset[int]:
        """Entries that an outer join pads; one that a condition wants a value of is not, or the row would not pass."""
        return frozenset(padded(self.node["jointree"])) - {entry for entry, _ in self._filtered}
