"""What the file of a mapping may say, what is said of one that is wrong, and which items it means."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgproof.errors import SettingsError, SqlFileError
from pgproof.metrics.mappings.mapping import Mapping, fingerprint, read_mapping, read_mappings
from pgproof.metrics.mappings.moment import Calendar
from pgproof.tomltext import Part
from tests.metrics import MESSAGES, write_mapping

DYNAMODB = 'dynamodb = "messages"\ntime = "sk"\n'
POSTGRES = 'postgres = "users"\ntime = "created_at"\n'
METRIC = "[metric.posts]\n"


def read(root: Path, text: str, name: str = "posts") -> Mapping:
    return read_mapping(write_mapping(root, name, text))


def faults(root: Path, text: str, name: str = "posts") -> list[str]:
    """Return what is wrong: line: what | hint."""
    with pytest.raises(SqlFileError) as caught:
        read(root, text, name)
    return [f"{each.at.line}: {each.what} | {each.hint}" for each in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('time = "a"\n' + METRIC, "1: either dynamodb or postgres names the table"),
        ('dynamodb = "abc"\npostgres = "users"\ntime = "a"\n' + METRIC, "2: either dynamodb or postgres names the"),
        ('dynamodb = "abc"\n' + METRIC, '1: no time: which attribute, or column, has it? | time = "created_at"'),
        (DYNAMODB, "1: no metric | [metric.messages]"),
        (DYNAMODB + "[metric]\n", "1: no metric | [metric.messages]"),
        (DYNAMODB + 'itmes = { pk = "a" }\n' + METRIC, "3: unknown word itmes | did you mean items?"),
        (DYNAMODB + "xyz = 1\n" + METRIC, "3: unknown word xyz | it takes dynamodb, items, unit, "),
        (DYNAMODB + 'where = "true"\n' + METRIC, "3: unknown word where | it is for postgres only"),
        (POSTGRES + 'items = { pk = "a" }\n' + METRIC, "3: unknown word items | it is for dynamodb only"),
        ('dynamodb = 5\ntime = "a"\n' + METRIC, "1: dynamodb is not a text"),
        ('dynamodb = ""\ntime = "a"\n' + METRIC, "1: dynamodb says nothing"),
        ('dynamodb = "a b"\ntime = "a"\n' + METRIC, "1: 'a b' is no name of a DynamoDB table | 3 to 255 letters"),
        ('postgres = "a.b.c"\ntime = "a"\n' + METRIC, "1: 'a.b.c' is no table | users, or schema.users"),
        ('postgres = "a\\u0000"\ntime = "a"\n' + METRIC, "1: U+0000 in postgres"),
        (DYNAMODB + 'items = "MSG#*"\n' + METRIC, "3: items is not a table"),
        (DYNAMODB + "items = { pk = 5 }\n" + METRIC, "3: a pattern is a text | items = { pk ="),
        (DYNAMODB + 'items = { address.city = "T" }\n' + METRIC, "3: a pattern is a text | items = { pk ="),
        (DYNAMODB + 'zone = "Amercia/Toronto"\n' + METRIC, "3: unknown zone 'Amercia/Toronto' | did you mean America/"),
        (DYNAMODB + 'days = "../etc"\n' + METRIC, "3: unknown zone '../etc' | such as UTC"),
        (DYNAMODB + 'days = "localtime"\n' + METRIC, "3: unknown zone 'localtime'"),
        (DYNAMODB + 'days = "right/UTC"\n' + METRIC, "3: unknown zone 'right/UTC'"),
        (DYNAMODB + 'unit = "us"\n' + METRIC, "3: unknown unit 'us' | did you mean s?"),
        (DYNAMODB + 'expired = "kept"\n' + METRIC, "3: unknown expired 'kept' | it is one of gone, counted"),
        (POSTGRES + 'where = "kind = \'a"\n' + METRIC, "3: where is not one condition: unterminated quoted string"),
        (POSTGRES + 'where = "true; DROP TABLE users"\n' + METRIC, "3: where is not one condition: it has a semicolon"),
        (POSTGRES + 'where = "true;"\n' + METRIC, "3: where is not one condition: it has a semicolon"),
        (POSTGRES + 'where = "true -- and"\n' + METRIC, "3: where is not one condition: it has a comment"),
        (POSTGRES + 'where = "a = 1) OR (true"\n' + METRIC, "3: where is not one condition: syntax error"),
        (POSTGRES + 'where = "true GROUP BY a"\n' + METRIC, "3: where is not one condition: more comes after it"),
        (POSTGRES + 'where = "true UNION SELECT 1"\n' + METRIC, "3: where is not one condition: more comes after it"),
        (POSTGRES + 'where = "true LIMIT 1"\n' + METRIC, "3: where is not one condition: more comes after it"),
        (POSTGRES + 'where = "true FOR UPDATE"\n' + METRIC, "3: where is not one condition: more comes after it"),
        (POSTGRES + 'where = "id = $1"\n' + METRIC, "3: where is not one condition: it has a parameter"),
        (DYNAMODB + "metric = 5\n", "3: metric is not a table"),
        (DYNAMODB + "[metric]\nposts = 5\n", "4: metric.posts is not a table | [metric.posts]"),
        (DYNAMODB + '[metric."a b"]\n', "3: 'a b' makes no name for a metric | small letters"),
        (DYNAMODB + METRIC + "measure = 5\n", "4: measure is not a text"),
        (DYNAMODB + METRIC + 'mesure = "sum"\n', "4: unknown word mesure | did you mean measure?"),
        (DYNAMODB + METRIC + 'measure = "distnct"\n', "4: unknown measure 'distnct' | did you mean distinct?"),
        (DYNAMODB + METRIC + 'of = "a"\n', "4: posts counts, and has an `of` | leave it out, or say measure"),
        (DYNAMODB + METRIC + 'measure = "sum"\n', '4: posts: sum of what? | of = "user_uuid"'),
        (DYNAMODB + METRIC + 'by = "a"\n', "4: by is not a list of names"),
        (DYNAMODB + METRIC + 'by = ["a", 1]\n', "4: by is not a list of names"),
        (DYNAMODB + METRIC + 'by = ["a", "a"]\n', "4: posts has a dimension twice"),
        (DYNAMODB + METRIC + 'by = ["a", "b", "c", "d"]\n', "4: posts has 4 dimensions, and 3 is the most"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(tmp_path: Path, text: str, said: str):
    (fault,) = faults(tmp_path, text)

    assert fault.startswith(said)


def test_a_word_that_two_metrics_have_is_found_in_the_one_that_is_wrong(tmp_path: Path):
    text = DYNAMODB + '[metric.posts]\nmeasure = "count"\n[metric.users]\nmeasure = "counts"\n'

    assert faults(tmp_path, text) == ["6: unknown measure 'counts' | did you mean count?"]


def test_all_that_is_wrong_in_all_files_is_said_at_once(tmp_path: Path):
    write_mapping(tmp_path, "a", 'dynamodb = "abc"\ntime = 5\nzone = "Mars"\n[metric.x]\nmeasure = "sum"\nby = 1\n')
    write_mapping(tmp_path, "b", "dynamodb\n")
    write_mapping(tmp_path, "C", POSTGRES + METRIC)
    write_mapping(tmp_path, "d", POSTGRES + METRIC)
    write_mapping(tmp_path, "e", DYNAMODB + METRIC)

    with pytest.raises(SqlFileError) as caught:
        read_mappings(tmp_path / "metrics")

    found = [f"{each.at.path.name}:{each.at.line}" for each in caught.value.problems]
    assert found == ["C.toml:1", "a.toml:2", "a.toml:3", "a.toml:5", "a.toml:6", "b.toml:1", "e.toml:3"]
    assert "a second metric is named posts" in str(caught.value)


def test_a_project_without_mappings_is_told_what_one_is(tmp_path: Path):
    (tmp_path / "metrics/folder.toml").mkdir(parents=True)

    with pytest.raises(SettingsError, match="no mapping in"):
        read_mappings(tmp_path / "metrics")


@pytest.mark.parametrize(
    "where", ["true", "kind = ';' -1", "body LIKE '%--%'", "a\nOR b", "EXISTS (SELECT FROM b WHERE b.id = id)"]
)
def test_a_condition_may_be_any_one_expression(tmp_path: Path, where: str):
    assert read(tmp_path, f'{POSTGRES}where = """{where}"""\n{METRIC}').where == where


def test_a_metric_knows_its_line_however_it_is_written(tmp_path: Path):
    text = DYNAMODB + '[metric]\na.measure = "count"\nb = { measure = "sum", of = "x" }\n[metric.time]\n'
    mapping = read(tmp_path, text)

    assert [(each.name, each.at.line) for each in mapping.metrics] == [("a", 4), ("b", 5), ("time", 6)]


@given(st.text("ab*?[]!.\n"), st.text("ab?[]!.\n"))
def test_a_star_is_any_text_and_nothing_else_is_a_pattern(pattern: str, text: str):
    mapping = Mapping(
        name="posts",
        store="dynamodb",
        table="messages",
        items=(("pk", pattern),),
        where="",
        time="sk",
        calendar=Calendar(),
        metrics=(),
        counts_expired=False,
        part=Part(Path("posts.toml"), 1, (), {}),
    )

    assert mapping.takes({"pk": {"S": text}}) == fits(text, pattern)


def fits(text: str, pattern: str) -> bool:
    """The same by trying all."""
    first, star, rest = pattern.partition("*")
    if not star:
        return text == pattern
    return text.startswith(first) and any(fits(text[at:], rest) for at in range(len(first), len(text) + 1))


@pytest.mark.parametrize("value", [None, {"NULL": True}, {"M": {"a": {"S": "a"}}}, {"SS": ["a"]}, {"BOOL": True}])
def test_what_is_no_text_and_no_number_fits_no_pattern(tmp_path: Path, value: dict[str, object] | None):
    mapping = read(tmp_path, DYNAMODB + 'items = { pk = "*" }\n' + METRIC)

    assert not mapping.takes({"pk": value} if value else {})


def test_two_machines_agree_on_what_is_counted(tmp_path: Path):
    here = read(tmp_path / "here", "\n# moved\n" + MESSAGES.format(table="messages"))
    there = read(tmp_path / "there", MESSAGES.format(table="messages"))

    assert fingerprint([here]) == fingerprint([there])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('pk = "MSG#*"', 'pk = "GRP#*"'),
        ('time = "sk"', 'time = "at"'),
        ('time = "sk"', 'time = "sk"\nzone = "America/Toronto"'),
        ('time = "sk"', 'time = "sk"\ndays = "America/Toronto"'),
        ('time = "sk"', 'time = "sk"\nunit = "ms"'),
        ('time = "sk"', 'time = "sk"\nprefix = "MSG#"'),
        ('time = "sk"', 'time = "sk"\nexpired = "counted"'),
        ('of = "user_uuid"', 'of = "handle"'),
        ('"distinct"', '"sum"'),
        ("[metric.messages]", '[metric.messages]\nby = ["country"]'),
    ],
)
def test_what_changes_what_is_counted_is_noticed(tmp_path: Path, old: str, new: str):
    text = MESSAGES.format(table="messages")
    was, now = read(tmp_path, text), read(tmp_path, text.replace(old, new))

    assert fingerprint([was]) != fingerprint([now])
