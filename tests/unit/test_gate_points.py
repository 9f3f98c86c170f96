"""Where a run of new migrations can be killed, and how a script is made to end its own session there."""

from pathlib import Path

from pgproof.gate.killing.points import list_points
from pgproof.gate.killing.run import cut_after
from pgproof.migrations import Migration

TWO = "-- why\nCREATE TABLE a (id int);\n-- and 'that', too;\nINSERT INTO a VALUES (1); -- done"


def write(folder: Path, name: str, text: str) -> Migration:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return Migration(path, path.stem, (int(name[:4]),))


def test_by_default_a_run_is_killed_at_the_boundaries_of_each_migration(tmp_path):
    migrations = [
        write(tmp_path, "0001_two.sql", TWO),
        write(tmp_path, "0002_index.sql", "-- transactional: false\nCREATE INDEX CONCURRENTLY i ON a (id);\n"),
        write(tmp_path, "0003_label.sql", "-- transactional: false\nALTER TYPE t ADD VALUE IF NOT EXISTS 'x';\n"),
        write(tmp_path, "0004_python.py", "from yoyo import step\n"),
    ]

    assert list(map(str, list_points(migrations))) == [
        "before 0001_two.sql",
        "before the COMMIT of 0001_two.sql",
        "after the COMMIT of 0001_two.sql",
        "in the midst of 0002_index.sql:2",
        "after 0002_index.sql:2 and before it was recorded",
        "after the COMMIT of 0002_index.sql",
        "after 0003_label.sql:2 and before it was recorded",
        "after the COMMIT of 0003_label.sql",
        "after the COMMIT of 0004_python.py",
    ]


def test_thoroughly_is_behind_each_statement_too(tmp_path):
    points = list_points([write(tmp_path, "0001_two.sql", TWO)], thorough=True)

    assert list(map(str, points)) == [
        "before 0001_two.sql",
        "after 0001_two.sql:2",
        "before the COMMIT of 0001_two.sql",
        "after the COMMIT of 0001_two.sql",
    ]
    assert [each.at.line for each in points] == [1, 2, 4, 1]


def test_a_script_is_cut_behind_a_statement_and_keeps_its_lines(tmp_path):
    _, first, second, _ = list_points([write(tmp_path, "0001_two.sql", TWO)], thorough=True)
    lines = TWO.split("\n")

    assert cut_after(TWO, first).split("\n")[:3] == lines[:3]
    assert cut_after(TWO, first).split("\n")[3].endswith(f"pg_backend_pid()); {lines[3]}")
    assert cut_after(TWO, second).startswith(f"{TWO}\n;RESET SESSION AUTHORIZATION; RESET ROLE; SELECT ")


def test_a_script_of_many_statements_is_cut_behind_the_one_that_is_meant(tmp_path):
    text = "SELECT 1;\nSELECT 2;\nSELECT 3;\n"
    _, first, second, _, _ = list_points([write(tmp_path, "0001_three.sql", text)], thorough=True)

    assert cut_after(text, first).split("\n")[1].endswith("; SELECT 2;")
    assert cut_after(text, second).split("\n")[:2] == ["SELECT 1;", "SELECT 2;"]


def test_a_script_with_letters_of_two_bytes_is_cut_at_the_right_place(tmp_path):
    text = "INSERT INTO a VALUES ('ÄÖÜ€🎈');\nSELECT 1;\n"
    _, first, _, _ = list_points([write(tmp_path, "0001_two.sql", text)], thorough=True)

    assert cut_after(text, first).split("\n")[1].endswith("; SELECT 1;")
