"""Python types in, how a generated module writes them out, with the imports that it needs for that."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pgproof.contracts.types.pythontype import PythonType, Union

_WIDTH = 79  # what fits everybody's formatter on one line


class Spelling:
    """The types of one module: a name that something in it is called too is imported under another one."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = frozenset(taken)
        self._imports: dict[str, dict[str, str]] = {}

    def union(self, types: Union, *, nullable: bool = False) -> str:
        """Return one of these types, or None too."""
        names = [self.type(each) for each in types]
        if nullable and "Any" not in names:
            names.append("None")
        return " | ".join(names)

    def type(self, each: PythonType) -> str:
        """Return a type."""
        name = self.name(each.name, each.module)
        return f"{name}[{self.union(each.of)}]" if each.of else name

    def name(self, name: str, module: str = "builtins") -> str:
        """Return what something is called in the module, and note its import."""
        spelled = f"_{name}" if name in self._taken else name
        if spelled != name or module != "builtins":
            self._imports.setdefault(module, {})[name] = spelled
        return spelled

    def imports(self, *packages: str) -> str:
        """Return the import lines: the standard library's, then those of others with these packages."""
        own = sorted(module for module in self._imports if module.partition(".")[0] in sys.stdlib_module_names)
        others = sorted(self._imports.keys() - set(own))
        first = [line for module in own for line in self._lines(module)]
        second = [f"import {each}" for each in packages] + [line for module in others for line in self._lines(module)]
        return "\n".join([*first, "", *second])

    def _lines(self, module: str) -> Iterator[str]:
        names = self._imports[module]
        plain = sorted((name for name, spelled in names.items() if name == spelled), key=_order)
        line = f"from {module} import {', '.join(plain)}"
        if len(line) > _WIDTH:
            line = "\n".join([f"from {module} import (", *(f"    {name}," for name in plain), ")"])
        if plain:
            yield line
        for name in sorted(names.keys() - set(plain)):
            yield f"from {module} import {name} as {names[name]}"


def _order(name: str) -> tuple[bool, bool, str]:
    """Constants, classes, functions."""
    return not name.isupper(), name[0].islower(), name.lower()
