"""Texts on stdin, what sqlfluff says of each on stdout: the process that imports it. The one door to sqlfluff."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any

from sqlfluff.core import FluffConfig, Linter, SQLFluffUserError
from sqlfluff.core.config import load_config_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlfluff.core import SQLBaseError
    from sqlfluff.core.linter import LintedFile

_DEFAULTS: dict[str, Any] = {
    "core": {"dialect": "postgres", "templater": "placeholder"},
    "templater": {"placeholder": {"param_style": "pyformat"}},
}
_PARAMETER = re.compile(r"%\((\w+)\)s")
# Groups whose fixes only change how a text looks, and those whose fixes may change what it says.
_SAYING = "aliasing,ambiguous,convention,jinja,references,structure,tsql"
_TOLD_BY_OURS = ("AM04", "AM09")  # select-star and limit-without-order, in queries
_UNPARSABLE = ("PRS", "LXR", "TMP")


def main() -> None:
    """Answer one question: a line of JSON for each of its files."""
    logging.getLogger("sqlfluff").addHandler(logging.NullHandler())
    asked = json.load(sys.stdin)
    try:
        config = _read_config(asked["root"], looks_only=asked["fix"] == "looks")
    except (SQLFluffUserError, KeyError, ValueError) as error:  # each of them is what it says of a wrong setting
        sys.stdout.write(json.dumps({"refused": f"sqlfluff does not take its settings: {error}"}))
        return
    for answer in _answer(asked, config):
        sys.stdout.write(f"{json.dumps(answer)}\n")
        sys.stdout.flush()


def _answer(asked: dict[str, Any], config: FluffConfig) -> Iterator[dict[str, Any]]:
    linter = Linter(config=config)
    for file in asked["files"]:
        own = _with_parameters(config, file["text"]) if file["is_query"] else config
        linted = linter.lint_string(file["text"], fname=file["name"], fix=asked["fix"], config=own)
        if asked["fix"]:
            yield {"fixed": linted.fix_string()[0] if linted.tree else file["text"]}
        else:
            yield _judge(linted, _TOLD_BY_OURS if file["is_query"] else ())


def _judge(linted: LintedFile, told: tuple[str, ...]) -> dict[str, Any]:
    found = [each for each in linted.get_violations() if each.rule_code() not in told]
    lost = [each.line_no for each in found if each.rule_code() in _UNPARSABLE]
    return {"unparsable": min(lost, default=None), "hits": [_hit(each) for each in found]}


def _read_config(root: str, *, looks_only: bool) -> FluffConfig:
    try:
        configs: Any = load_config_file(root, "pyproject.toml", configs=_DEFAULTS)
    except FileNotFoundError:
        configs = _DEFAULTS
    overrides: Any = {}
    if looks_only:
        excluded = configs["core"].get("exclude_rules") or []
        overrides["exclude_rules"] = ",".join(([excluded] if isinstance(excluded, str) else excluded) + [_SAYING])
    return FluffConfig(configs=configs, overrides=overrides, ignore_local_config=True)


def _with_parameters(config: FluffConfig, text: str) -> FluffConfig:
    """Let parameters be values; sqlfluff would put their names there, and take them for columns."""
    own = config.copy()
    given = own.get_section(["templater", "placeholder"]) or {}
    for name in set(_PARAMETER.findall(text)) - set(given):
        own.set_value(["templater", "placeholder", name], "$1")
    return own


def _hit(found: SQLBaseError) -> dict[str, Any]:
    what = f"{found.rule_name()}: {found.desc().rstrip('.')}"
    place = {"line": found.line_no, "column": found.line_pos}
    return {"rule": found.rule_code(), **place, "what": what, "help": "", "fixable": found.fixable}


if __name__ == "__main__":
    main()
