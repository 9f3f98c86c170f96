"""The report made by hand in, the picture of its page in docs/ out: `python -m tests.portrait`, then look at it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from pgproof.gate.formats.page.document import to_html
from pgproof.gate.formats.rooted import seen_from
from tests.browser import open_browser
from tests.gate_reports import REPORT, ROOT

if TYPE_CHECKING:
    from pgproof.gate.proof import Report

PICTURE = Path(__file__).parents[1] / "docs" / "gate-report.png"

_SHOWN = ("PG202", "PG401")  # as many findings as one looks at in a picture


def main() -> None:
    with TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        page.write_text(to_html(seen_from(ROOT, _shorten(REPORT))), encoding="utf-8")
        with open_browser(Path(folder) / "profile") as browser:
            browser.open(page, width=1100)
            below = browser.ask("[...document.querySelectorAll('h3')].at(-1).getBoundingClientRect().top")
            PICTURE.write_bytes(browser.screenshot(height=below, scale=0.8))


def _shorten(report: Report) -> Report:
    shown = {name: next(each for each in report.findings if each.kind.id == name) for name in _SHOWN}
    proofs = (
        replace(proof, findings=tuple(each for each in proof.findings if each in shown.values()))
        for proof in report.proofs
    )
    return replace(report, proofs=tuple(proofs))


if __name__ == "__main__":
    main()
