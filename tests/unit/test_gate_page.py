"""The page as text: what the drawings show, and that nothing of a database is markup in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pgproof.errors import Location
from pgproof.gate.formats.page.diagram import draw_tables
from pgproof.gate.formats.page.document import to_html
from pgproof.gate.formats.page.layout import place_boxes
from pgproof.gate.formats.page.tables import Drawing, read_drawing
from pgproof.gate.formats.page.timeline import draw_traffic
from pgproof.gate.formats.rooted import seen_from
from pgproof.gate.measuring.traffic import Held, Ran, Traffic, Wait
from pgproof.gate.proof import SchemaChange
from pgproof.markup import Markup, element, join
from pgproof.pg.catalog import Catalog
from tests.gate_reports import EMPTY, HELD, REPORT, REWRITE, ROOT, SCHEMA, TRAFFIC, proof

SEEN = seen_from(ROOT, REPORT)
VOID = {"meta", "link", "br"}


class Tree(HTMLParser):
    """Checks that every element is closed where it was opened, and counts them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawing(before: dict[str, str], after: dict[str, str]) -> Drawing:
    return read_drawing(SchemaChange(Catalog(before), Catalog(after)))


def table(name: str, *columns: str) -> dict[str, str]:
    facts = {f"table {name}: order": ", ".join(columns)}
    return facts | {f"column {name}.{column}: type": "integer" for column in columns}


def key(source: str, column: str, target: str) -> dict[str, str]:
    return {f"constraint fkey on {source}: definition": f"FOREIGN KEY ({column}) REFERENCES {target}(id)"}


def test_every_element_is_closed_and_none_asks_for_anything():
    tree = Tree(to_html(SEEN))

    assert not {"script", "img", "iframe", "object", "form", "a", "base"} & set(tree.names)
    assert not [name for name, _ in tree.attributes if name.startswith("on") or name in ("src", "style", "srcset")]
    assert [value for name, value in tree.attributes if name == "href"] == ["data:,"]
    assert "http://" not in to_html(SEEN)
    assert "https://" not in to_html(SEEN)


@pytest.mark.parametrize("report", [HELD, EMPTY, replace(HELD, proofs=())])
def test_a_report_without_anything_is_a_page(report: object):
    assert "This change may merge" in to_html(report)  # type: ignore[arg-type]


def test_whatever_a_name_is_it_is_text():
    bad = "</pre></code><script>alert(1)</script><svg onload=x>\"'&"
    name = bad.replace('"', '""')
    facts = {f'table public."{name}": order': bad, f'column public."{name}".a: type': bad}
    finding = REWRITE.find(
        Location(Path(bad), 1), bad, instead=bad, details=(bad, f"[{bad}] ~ expected {bad} actual {bad}")
    )
    schema = proof("schema", bad, note=bad, evidence=SchemaChange(Catalog({}), Catalog(facts)))
    findings = (finding, replace(finding, allowed=bad), replace(finding, kind=replace(REWRITE, id="PG202")))
    live = proof("live", bad, *findings, evidence=replace(SEEN.proofs[4].evidence, traffic=_traffic(bad)))  # type: ignore[type-var]
    tree = Tree(to_html(replace(SEEN, base=bad, head=bad, new=(bad,), proofs=(schema, live))))

    assert not {"script", "iframe"} & set(tree.names)
    assert tree.names.count("svg") == 2
    assert not [name for name, _ in tree.attributes if name.startswith("on")]


def _traffic(name: str) -> Traffic:
    at = Location(Path(name), 1)
    return Traffic(
        (Ran(at, name, 0, 1),), (Held(name, name, 0, 1),), (Wait(name, name, name, 0, 1, at),), {name: 1.0}, 1
    )


def test_text_is_escaped_and_markup_is_not():
    assert element("b", "<i>", element("i", "a&b"), title='"') == '<b title="&quot;">&lt;i&gt;<i>a&amp;b</i></b>'
    assert join(None, "\u202e", Markup("<br>")) == "\\u202e<br>"


def test_findings_stand_under_their_file_errors_and_warnings_only():
    text = to_html(SEEN)
    findings = text[text.index('id="findings"') : text.index('id="schema"')]

    assert re.findall(r"<h3><code>(.*?)</code>", findings) == [
        "migrations/0013_widen_likes.sql",
        "migrations/0014_rename_display_name.sql",
    ]
    assert re.findall(r'class="id">(PG\d+)', findings) == ["PG401", "PG501", "PG202", "PG203", "PG304"]
    assert re.findall(r'class="id">(PG\d+)', text[text.index('id="notes"') :]) == ["PG208", "PG401", "PG802"]


def test_the_safer_way_is_there_to_paste():
    assert '<pre tabindex="0"><code>-- 0013_add_likes_count_wide.sql\nALTER TABLE' in to_html(SEEN)


def test_rows_stand_side_by_side():
    text = to_html(SEEN)
    sides = re.findall(
        r'<th scope="row">(.*?)</th><td(?: class="absent")?>(.*?)</td><td(?: class="absent")?>(.*?)</td>', text
    )
    plain = [tuple(re.sub("<.*?>", "", cell) for cell in row) for row in sides]

    assert plain == [
        ("rows", "3 rows", "2 rows"),
        ("row uuid=1a2b: message", "&quot;Hi &lt;there&gt;&quot;", "&quot;Hello | you&quot;"),
        ("handle", "&quot;andrew&quot;", "&quot;bayko&quot;"),
        ("created_at", "null", "1"),
        ("row uuid=5e6f", "[&quot;5e6f&quot;, &quot;gone&quot;]", "nothing"),
        ("row uuid=7a8b", "nothing", "[&quot;7a8b&quot;, &quot;come&quot;]"),
        ("column likes", "integer", "bigint"),
    ]
    assert "case andrew" in text
    assert "… and 2 more" in text


def test_a_plan_keeps_its_lines_and_its_signs():
    text = to_html(SEEN)

    assert '<span class="gone">- Index Scan on likes using likes_pkey  rows=3 buffers=4\n</span>' in text
    assert '<span class="new">+     filter: (activity_uuid = $1)\n</span>' in text
    assert "<span>  Index Scan on users  rows=1 buffers=3\n</span>" in text


def test_a_drawing_has_the_tables_that_change_and_their_neighbours():
    drawn = read_drawing(SCHEMA)

    assert {each.name: each.state for each in drawn.tables} == {
        'public."Notes & <more>"': "added",
        "public.activities": "same",
        "public.likes": "changed",
        "public.old": "removed",
        "public.users": "changed",
    }
    assert {(each.source, each.target, each.state) for each in drawn.links} == {
        ("public.activities", "public.users", "same"),
        ("public.likes", "public.activities", "same"),
        ('public."Notes & <more>"', "public.activities", "added"),
    }


def test_a_column_says_what_became_of_it_and_of_which_keys_it_is():
    tables = {each.name: each for each in read_drawing(SCHEMA).tables}
    users, likes = tables["public.users"], tables["public.likes"]

    assert [(each.name, each.state) for each in users.columns] == [
        ("uuid", "same"),
        ("handle", "same"),
        ("display_name", "removed"),
        ("bio", "same"),
        ("shown_name", "added"),
    ]
    assert [(each.type, each.state, each.keys) for each in likes.columns] == [
        ("uuid", "same", ["PK", "FK"]),
        ("uuid", "same", ["PK"]),
        ("integer → bigint", "changed", []),
    ]
    assert users.columns[1].keys == ["U"]
    assert likes.others == [("removed", "index likes_user_idx")]


def test_of_a_column_that_changed_only_the_difference_is_told():
    was = {"type": "text", "not null": "yes", "default": "'x'", "storage": "main"}

    def told(**after: str) -> str:
        before, now = table("public.a", "id"), table("public.a", "id")
        before |= {f"column public.a.id: {name}": value for name, value in was.items()}
        now |= {f"column public.a.id: {name.replace('_', ' ')}": value for name, value in after.items()}
        return drawing(before, now).tables[0].columns[0].type

    assert told(type="varchar(3)", not_null="yes", default="'x'", storage="main") == "text → varchar(3)"
    assert told(type="text", default="'y'", storage="main") == "text not null default 'x' → text default 'y'"
    assert told(type="text", not_null="yes", default="'x'") == "text storage main → text"


def test_lines_of_a_unified_difference_look_as_they_are_meant():
    said = REWRITE.find(Location(Path("schema.sql")), "stale", details=("--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new",))
    text = to_html(replace(HELD, proofs=(proof("schema", "one schema", said),)))

    assert "<span>--- a\n</span><span>+++ b\n</span>" in text
    assert '<span class="gone">-old\n</span><span class="new">+new\n</span>' in text


def test_what_is_of_no_table_is_a_list():
    assert [each.key for each in read_drawing(SCHEMA).rest] == [
        "function public.shout(text): definition",
        "view public.handles: definition",
    ]


def test_a_name_may_hold_every_sign_that_a_fact_is_made_of():
    name = 'public."a.b: c ""d"" (e), f"'
    drawn = drawing({}, table(name, '"x, y: z.""w"""') | key(name, '"x, y: z.""w"""', name))

    [only] = drawn.tables
    assert only.name == name
    assert [each.name for each in only.columns] == ['"x, y: z.""w"""']
    assert [(each.source, each.target) for each in drawn.links] == [(name, name)]


def test_no_two_boxes_overlap_and_a_key_leads_to_the_left():
    names = [f"public.t{number}" for number in range(12)]
    facts = {key: value for name in names for key, value in table(name, "id", "other").items()}
    for number in range(1, 8):
        facts |= key(names[number], "other", names[number // 2])
    boxes = place_boxes(drawing({}, facts))
    placed = {each.table.name: each for each in boxes}

    for one in boxes:
        for other in boxes:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert one is other or apart or one.y + one.height <= other.y or other.y + other.height <= one.y
    assert all(placed[names[number // 2]].x < placed[names[number]].x for number in range(1, 8))


def test_keys_in_a_circle_are_drawn():
    facts = table("public.a", "id", "b") | table("public.b", "id", "a")
    drawn = drawing({}, facts | key("public.a", "b", "public.b") | key("public.b", "a", "public.a"))

    assert draw_tables(drawn).count('class="link added"') == 2


def test_a_key_to_a_table_that_is_not_ours_is_not_drawn():
    drawn = drawing({}, table("public.a", "id", "b") | key("public.a", "b", "elsewhere.b"))

    assert drawn.links == ()
    assert "public.a added" in draw_tables(drawn)


def test_a_key_over_time_is_one():
    facts = table("public.a", "id", "during")
    facts |= {"constraint pk on public.a: definition": "PRIMARY KEY (id, during WITHOUT OVERLAPS)"}
    facts |= {
        "constraint fk on public.a: definition": (
            "FOREIGN KEY (id, PERIOD during) REFERENCES public.a(id, PERIOD during)"
        )
    }
    drawn = drawing({}, facts)

    assert [each.keys for each in drawn.tables[0].columns] == [["PK", "FK"], ["PK", "FK"]]
    assert [(each.source_column, each.target_column) for each in drawn.links] == [("id", "id")]


def test_the_diagram_says_in_words_what_it_shows_by_colour():
    svg = draw_tables(read_drawing(SCHEMA))

    assert 'role="img" aria-labelledby="tables-title" aria-describedby="tables-desc"' in svg
    assert "public.users changed" in svg[svg.index("<desc") : svg.index("</desc>")]
    assert re.search(r'<text [^>]*class="sign">\+</text><text [^>]*>shown_name</text>', svg)
    assert re.search(r'<text [^>]*class="gone">display_name</text>', svg)
    assert re.search(r'<text [^>]*class="name gone">public.old</text>', svg)


def test_the_time_line_has_a_lane_for_each_relation_and_each_client_that_waited():
    svg = draw_traffic(TRAFFIC)

    assert re.findall(r'<g class="lane"><title>(.*?)</title>', svg) == [
        "statements",
        "public.likes",
        "public.users",
        "activities.home[andrew]",
        "likes.like[again]",
    ]
    assert "3 statements ran while clients made 1,832 calls; 3 waits, the longest 415 ms." in svg
    assert "likes.like[again] waits for public.likes behind 1, from 25 to 440 ms" in svg


def test_bars_stand_on_the_scale_in_milliseconds():
    svg = draw_traffic(Traffic(ran=(Ran(Location(Path("x"), 1), "SELECT 1", 0.0, 0.1),), calls=1))
    lines = dict(re.findall(r'<text x="([\d.]+)" y="16"[^>]*>([\d.]+ ms)<', svg))
    [(x, width)] = re.findall(r'<rect x="([\d.]+)" y="38" width="([\d.]+)"', svg)

    assert list(lines.values()) == [f"{number} ms" for number in range(0, 101, 10)]
    assert lines[x] == "0 ms"
    assert lines[f"{float(x) + float(width):g}"] == "100 ms"
    assert "nobody waited" in svg


def test_the_time_line_is_as_wide_as_what_happened():
    bars = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', draw_traffic(TRAFFIC))
    ends = [float(x) + float(width) for x, width in bars]

    assert 900 < max(ends) <= 960
    assert min(float(x) for x, _ in bars) >= 250


def test_a_bar_that_lasts_next_to_nothing_is_still_seen():
    svg = draw_traffic(TRAFFIC)

    assert min(map(float, re.findall(r'<rect [^>]*width="([\d.]+)"', svg))) >= 3
