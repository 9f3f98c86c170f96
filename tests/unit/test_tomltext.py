"""In which line of a TOML file a word stands, however it is written."""

import tomllib
from pathlib import Path

import pytest

from pgproof.tomltext import Part

TEXT = """\
time = "sk"
of-old = 1
[metric.posts]
of = "price"
[ "metric" . 'of' ]
measure = "sum"
by = [
  "country",
]
[metric]
views.measure = "sum"
likes = { measure = "count" }
"""


@pytest.fixture
def part() -> Part:
    return Part(Path("a.toml"), 1, TEXT.split("\n"), {})


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), 1),
        (("nowhere",), 1),
        (("time",), 1),
        (("of-old",), 2),
        (("metric",), 3),
        (("metric", "posts"), 3),
        (("of",), 4),
        (("metric", "of"), 5),
        (("views", "measure"), 11),
        (("likes",), 12),
    ],
)
def test_a_word_is_found_where_it_stands(part: Part, words: tuple[str, ...], line: int):
    assert part.at(*words).line == line


@pytest.mark.parametrize(
    ("name", "word", "line"), [("posts", "of", 4), ("of", "by", 7), ("of", "of", 5), ("posts", "by", 3)]
)
def test_a_word_of_a_table_is_not_found_in_another_one(name: str, word: str, line: int):
    text = TEXT.partition("[metric]\n")[0]
    whole = Part(Path("a.toml"), 1, text.split("\n"), tomllib.loads(text))

    inside = whole.within("metric", name)

    assert inside.at(word).line == line
    assert inside.words == whole.words["metric"][name]
