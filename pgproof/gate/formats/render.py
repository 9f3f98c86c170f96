"""A report and the name of a format in, text out; a file's ending names a format, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pgproof.gate.formats.data import to_json
from pgproof.gate.formats.junit import to_junit
from pgproof.gate.formats.markdown import to_markdown
from pgproof.gate.formats.page.document import to_html
from pgproof.gate.formats.sarif import to_sarif

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pgproof.gate.proof import Report

Format = Literal["json", "junit", "sarif", "markdown", "html"]

ENDINGS: Mapping[str, Format] = {
    ".json": "json",
    ".xml": "junit",
    ".sarif": "sarif",
    ".md": "markdown",
    ".html": "html",
}


def render(report: Report, name: Format) -> str:
    """Return the report as another program, a comment or a browser takes it; it ends in no line break."""
    if name == "json":
        return to_json(report)
    if name == "junit":
        return to_junit(report)
    if name == "sarif":
        from pgproof.gate.proofs import KINDS

        return to_sarif(report, KINDS)
    return to_markdown(report) if name == "markdown" else to_html(report)
