"""The gate's report as scripts, CI systems, code scanning and pull requests read it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pgproof.errors import Location
from pgproof.figures import duration, lock_mode, many, one_line, size
from pgproof.gate.formats.junit import to_junit
from pgproof.gate.formats.markdown import LIMIT, MARK, to_markdown
from pgproof.gate.formats.render import ENDINGS, render
from pgproof.gate.formats.rooted import seen_from
from pgproof.gate.formats.sarif import to_sarif
from pgproof.gate.formats.statements import make_rows
from pgproof.gate.formats.verdict import give_verdict
from pgproof.gate.proof import Report
from pgproof.tasks.judgement import show_judgement
from pgproof.tasks.screen import PlainScreen
from tests.gate_reports import EMPTY, HELD, KINDS, LIVE, REHEARSAL, REPORT, REWRITE, ROOT, STATEMENTS, WIDEN, proof

if TYPE_CHECKING:
    from pgproof.gate.finding import Finding
    from pgproof.gate.formats.render import Format
    from pgproof.gate.proof import Proof

SEEN = seen_from(ROOT, REPORT)
PROSE = {"h3", "p", "br", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "ul", "li", "strong"}
HOSTILE = "<script>alert(1)</script> | `a` ``b`` *c* [d](e) @team #12 <!-- & \\ \x00\x1b[31m\u202e\udcff"


def with_findings(*findings: Finding) -> Report:
    return replace(HELD, proofs=(proof("live", "a live server goes on", *findings),))


def hostile(times: int = 1) -> Report:
    one = REWRITE.find(Location(Path(HOSTILE), 1), HOSTILE, instead=f"{HOSTILE};\n```\n", details=(HOSTILE, "```"))
    allowed = replace(one, allowed=HOSTILE)
    statement = replace(STATEMENTS[0], at=Location(Path(HOSTILE), 1), text=HOSTILE)
    live = replace(LIVE, rehearsal=replace(REHEARSAL, statements=(statement,)))
    odd = replace(
        SEEN.proofs[4], evidence=live, title=HOSTILE, note=HOSTILE, findings=(one,) * times + (allowed,) * times
    )
    return Report(HOSTILE, HOSTILE, (HOSTILE,), (odd,))


def test_paths_are_those_of_the_projects_root_wherever_they_stand():
    said = REWRITE.find(Location(WIDEN, 4), f"see {WIDEN}:4", details=(f"{WIDEN}:5: no",))
    report = seen_from(ROOT, replace(with_findings(said), proofs=(*with_findings(said).proofs, *REPORT.proofs)))

    assert report.findings[0].what == "see migrations/0013_widen_likes.sql:4"
    assert report.findings[0].details == ("migrations/0013_widen_likes.sql:5: no",)
    assert not [each for each in ENDINGS.values() if str(ROOT) in render(report, each)]


def test_a_path_elsewhere_stays_as_it_is():
    at = Location(Path("queries/x.sql at main (1a2b3c4)"), 1)

    assert seen_from(ROOT, with_findings(REWRITE.find(at, "it"))).findings[0].at == at


def test_json_says_what_was_judged_and_what_came_of_it():
    told = json.loads(render(SEEN, "json"))

    assert list(told) == ["version", "base", "head", "new", "server", "broken", "proofs", "findings", "schema", "live"]
    assert (told["version"], told["base"], told["broken"]) == (1, "origin/main (1a2b3c4)", True)
    assert told["new"] == ["0013_widen_likes", "0014_rename_display_name"]
    assert told["proofs"][6] == {
        "name": "order",
        "title": "either merge order gives the same",
        "condition": "not applicable",
        "seconds": 0.25,
        "note": "",
        "not_applicable": "origin/main has not gone on",
    }


def test_json_has_all_that_a_finding_says():
    told = json.loads(render(SEEN, "json"))["findings"]

    assert [each["id"] for each in told] == [each.kind.id for each in SEEN.findings]
    assert told[5] == {
        "id": "PG401",
        "name": "table-rewrite",
        "proof": "live",
        "severity": "note",
        "path": "migrations/0013_widen_likes.sql",
        "line": 6,
        "what": "public.replies is rewritten under ACCESS EXCLUSIVE",
        "happens": REWRITE.happens,
        "instead": REWRITE.instead,
        "details": [],
        "allowed": "the table is empty in production",
    }


def test_json_has_what_was_measured_and_what_became_of_the_schema():
    told = json.loads(render(SEEN, "json"))
    statement = told["live"]["statements"][0]

    assert {name: statement[name] for name in ("path", "line", "wal", "scanned", "lock_timeout")} == {
        "path": "migrations/0013_widen_likes.sql",
        "line": 4,
        "wal": 11_700_000,
        "scanned": {"public.likes": 200_000},
        "lock_timeout": 5000,
    }
    assert (statement["locks"][0]["mode"], statement["locks"][0]["blocks"]) == (
        "AccessExclusiveLock",
        "reads and writes",
    )
    assert told["live"]["estimates"] == {"migrations/0013_widen_likes.sql:4": 84.0}
    assert told["live"]["traffic"]["waits"][0]["client"] == "activities.home[andrew]"
    changed = {each["key"]: (each["before"], each["after"]) for each in told["schema"] if each["kind"] == "changed"}
    assert changed["column public.likes.weight: type"] == ("integer", "bigint")


def test_what_was_not_measured_is_null():
    told = json.loads(render(HELD, "json"))

    assert (told["schema"], told["live"], told["findings"]) == (None, None, [])


def test_junit_has_a_case_for_each_proof():
    suite = ET.fromstring(to_junit(SEEN))[0]  # noqa: S314 - ours
    cases = {case.get("name", "").partition(":")[0]: [each.tag for each in case] for case in suite}

    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("9", "3", "1")
    assert cases["history"] == ["system-out"]
    assert cases["release"] == ["failure", "failure", "system-out"]
    assert cases["order"] == ["skipped"]


def test_junit_fails_by_errors_only():
    [_, failure, *_] = ET.fromstring(to_junit(SEEN))[0].iter("failure")  # noqa: S314 - ours
    quiet = to_junit(with_findings(SEEN.findings[3], SEEN.findings[5]))

    assert failure.get("type") == "PG202"
    assert failure.get("message", "").startswith("migrations/0014_rename_display_name.sql:3: PG202 activities.home")
    assert 'expected "Hi <there>"  actual "Hello | you"' in (failure.text or "")
    assert "<failure" not in quiet
    assert "PG304" in quiet
    assert "allowed because the table is empty" in quiet


def test_sarif_knows_every_kind_and_results_point_at_theirs():
    [run] = json.loads(to_sarif(SEEN, KINDS))["runs"]
    rules = run["tool"]["driver"]["rules"]

    assert [each["id"] for each in rules] == [each.id for each in KINDS]
    assert rules[0]["fullDescription"] == {"text": REWRITE.happens}
    assert rules[0]["defaultConfiguration"] == {"level": "error"}
    assert len(run["results"]) == len(SEEN.findings)
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])


def test_sarif_has_level_place_and_safer_way_and_suppresses_what_is_allowed():
    results = json.loads(to_sarif(SEEN, ()))["runs"][0]["results"]
    place = results[4]["locations"][0]["physicalLocation"]

    assert [each["level"] for each in results] == [
        "error",
        "error",
        "note",
        "warning",
        "error",
        "error",
        "error",
        "note",
    ]
    assert place == {"artifactLocation": {"uri": "migrations/0013_widen_likes.sql"}, "region": {"startLine": 4}}
    assert "ADD COLUMN weight_wide" in results[4]["message"]["text"]
    assert results[5]["suppressions"] == [{"kind": "inSource", "justification": "the table is empty in production"}]
    assert [each.get("suppressions") for each in results if each is not results[5]] == [None] * 7


def test_the_comment_begins_with_its_mark_and_the_verdict():
    lines = to_markdown(SEEN).splitlines()

    assert lines[:2] == [MARK, "### ✗ This change may not merge: 3 proofs broken, 4 errors, 1 warning"]
    assert to_markdown(HELD).splitlines()[1] == "### ✓ This change may merge: 1 proof held"


def test_the_comment_has_errors_in_full_warnings_after_them_and_notes_folded_last():
    text = to_markdown(SEEN)
    order = [
        text.index(word)
        for word in ("**PG401", "**PG501", "**PG202", "**PG304", "3 statements did", "3 notes", "PG802")
    ]

    assert order == sorted(order)
    assert "```sql\n-- 0013_add_likes_count_wide.sql\n" in text
    assert "```diff\nqueries/activities/home.sql\n[andrew] ~ expected 3 rows, actual 2 rows\n" in text
    assert "Instead: expand first" in text
    assert "(allowed because the table is empty in production)" in text


def test_many_long_findings_share_the_room_so_that_all_are_told():
    details = ("~ a line of some length\n" * 500,)
    findings = [REWRITE.find(Location(Path("x.sql"), line), f"number {line}", details=details) for line in range(1, 41)]
    text = to_markdown(replace(SEEN, proofs=(*with_findings(*findings).proofs, *SEEN.proofs[4:])))

    assert "too long for a comment" not in text
    assert text.count("… all of it is on the page") == 40
    assert "**PG401 number 40**" in text
    assert "3 statements did" in text


def test_code_in_a_sentence_is_code_and_a_lone_backtick_is_itself():
    said = REWRITE.find(Location(Path("x.sql"), 1), "`a_b|c` of *d*", instead="`inv db.dump`, and one ` too many")
    report = with_findings(said)

    assert "**PG401 `a_b|c` of \\*d\\***" in to_markdown(report)
    assert "Instead: \\`inv db.dump\\`, and one \\` too many" in to_markdown(report)
    assert "<code>a_b|c</code> of *d*" in render(report, "html")


def test_a_table_of_the_comment_has_as_many_cells_in_each_row_whatever_stands_in_them():
    tables = re.findall(r"(?:^\|.*\|$\n?)+", to_markdown(hostile()), flags=re.MULTILINE)

    assert [len({len(re.split(r"(?<!\\)\|", row)) for row in each.splitlines()}) for each in tables] == [1, 1]


def test_nothing_in_a_comment_is_markup_and_nobody_is_called():
    text = to_markdown(hostile())
    html = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(text)
    prose = re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL)

    assert "<script" not in html
    assert set(re.findall(r"<(\w+)", prose)) <= PROSE
    assert not re.search(r"[@#]\w", prose)
    assert html.count("<details>") == html.count("</details>") == 3


@pytest.mark.parametrize("times", [1, 300, 3000])
def test_a_comment_is_never_longer_than_a_comment_may_be_and_says_what_it_leaves_out(times: int):
    text = to_markdown(hostile(times))

    assert len(text) <= LIMIT
    assert ("too long for a comment" in text) == (times > 1)
    assert text.count("<details>") == text.count("</details>")


@given(st.text(max_size=300))
def test_whatever_a_name_is_every_format_holds_it(text: str):
    finding = REWRITE.find(Location(Path(text or "x"), 1), text, instead=text, details=(text,))
    report = Report(text, text, (text,), (*with_findings(finding).proofs,))

    ET.fromstring(to_junit(report))  # noqa: S314 - ours
    assert json.loads(render(report, "json"))["findings"][0]["what"] == text
    json.loads(to_sarif(report, KINDS))
    assert to_markdown(report).startswith(MARK)


@pytest.mark.parametrize("name", ["junit", "sarif", "markdown", "html"])
def test_nothing_that_is_not_seen_reaches_a_reader(name: Format):
    assert not re.search("[\x00\x1b\u202e\udcff]", render(hostile(), name))


def test_a_statement_is_told_by_its_strongest_locks_on_what_others_may_want():
    rewrite, _, rename = make_rows(LIVE)

    assert rewrite.locks == "ACCESS EXCLUSIVE on public.likes"
    assert rewrite.held == "469 ms"
    assert rewrite.work == (
        "rewrites public.likes, public.likes_pkey · builds indexes · reads 200,000 rows of public.likes"
        " · 2.5 MB of temporary files"
    )
    assert (rewrite.wal, rewrite.took, rewrite.production) == ("11.7 MB", "412 ms", "about 84 s")
    assert (rename.locks, rename.work) == ("ACCESS EXCLUSIVE on public.users", "writes 12 rows of public.users")


def test_the_verdict_says_what_is_new_or_that_nothing_is():
    lost = replace(EMPTY, proofs=(proof("history", "nothing has changed", SEEN.findings[0]),))

    assert give_verdict(HELD).news == "new: 0013_widen_likes"
    assert give_verdict(EMPTY).news == "no new migration, no repeatable that changed"
    assert give_verdict(lost).news == "what is new cannot be told before its history is in order"
    assert give_verdict(replace(HELD, new=tuple("abcdefgh"))).news == "new: a, b, c, d, e, f, 2 more"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (duration(0.0004), "< 1 ms"),
        (duration(0.0126), "13 ms"),
        (duration(2.04), "2.0 s"),
        (duration(84), "84 s"),
        (duration(600), "10 min"),
        (duration(9000), "2 h"),
        (size(512), "512 B"),
        (size(1500), "1.5 kB"),
        (size(11_700_000), "11.7 MB"),
        (size(999_999), "1.0 MB"),
        (size(250_000_000_000), "250 GB"),
        (many(1, "row"), "1 row"),
        (many(200_000, "row"), "200,000 rows"),
        (lock_mode("ShareUpdateExclusiveLock"), "SHARE UPDATE EXCLUSIVE"),
        (one_line("a\n  b"), "a b"),
        (one_line("abcdef", 4), "abc…"),
    ],
)
def test_a_figure_is_as_long_as_it_says_something(shown: str, expected: str):
    assert shown == expected


def shown(report: Report, capsys: pytest.CaptureFixture[str]) -> list[str]:
    show_judgement(PlainScreen(), report)
    return capsys.readouterr().out.splitlines()


def test_a_terminal_is_told_what_is_judged_then_proofs_then_findings_then_figures_then_notes(
    capsys: pytest.CaptureFixture[str],
):
    lines = shown(SEEN, capsys)
    starts = [
        "origin/main (1a2b3c4) → the working tree",
        "new: 0013",
        "PostgreSQL 18.6",
        "proof",
        "the running release",
    ]
    starts += ["migrations/0013_widen_likes.sql:4: PG401 ", "migrations/0014_rename_display_name.sql:7: PG304 "]
    starts += ["statement", "note: queries/activities/home.sql:1: PG208 "]
    places = [next(number for number, line in enumerate(lines) if line.startswith(start)) for start in starts]

    assert places == sorted(places)
    assert len([line for line in lines if line.startswith("note: ")]) == 3


def test_a_terminal_is_told_a_finding_whole_with_what_can_be_pasted_unbroken(capsys: pytest.CaptureFixture[str]):
    lines = shown(SEEN, capsys)
    begin = next(number for number, line in enumerate(lines) if ": PG401 " in line)

    assert lines[begin + 1].startswith("    error, table-rewrite: Nobody can read or write")
    assert lines[begin + 5 : begin + 8] == [
        "    instead:",
        "        -- 0013_add_likes_count_wide.sql",
        "        ALTER TABLE public.likes ADD COLUMN weight_wide bigint;",
    ]
    assert "This change may" not in "\n".join(lines)  # the error at the end says it


def test_a_terminal_is_told_the_beginning_of_what_is_long_and_where_the_rest_is(capsys: pytest.CaptureFixture[str]):
    said = REWRITE.find(Location(Path("x.sql"), 1), "it", details=("\n".join(map(str, range(100))),))
    lines = shown(with_findings(said), capsys)

    assert "    23" in lines
    assert "    24" not in lines
    assert "    … 76 more lines: `--html` has them all" in lines
    assert "<summary>100 lines of what was seen</summary>" in render(with_findings(said), "html")


def test_a_change_that_may_merge_ends_with_that(capsys: pytest.CaptureFixture[str]):
    assert shown(HELD, capsys)[-1] == "This change may merge: 1 proof held"


def test_no_proof_is_left_out_of_any_format():
    titles = [each.title for each in SEEN.proofs]

    for name in ("json", "junit", "markdown", "html"):
        text = render(SEEN, name)
        assert [each for each in titles if each not in text] == []


def test_a_proof_that_is_broken_is_so_in_every_format():
    broken: Proof = proof("order", "either order", SEEN.findings[0], not_applicable="nothing to stand on: PG001")
    report = replace(HELD, proofs=(broken,))

    assert "<failure" in to_junit(report)
    assert json.loads(render(report, "json"))["proofs"][0]["condition"] == "broken"
    assert "| ✗ |" in to_markdown(report)
