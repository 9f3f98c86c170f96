"""The screen: plain lines for whatever is no person, colour and a spinner for one."""

import os
import pty
import re
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress

import pytest

from pgproof.tasks.screen import PlainScreen, Screen, open_screen

SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[[0-9;]*(?<![0-9])(3|9)[0-7][0-9;]*m")
LONG = "0012_add_notifications_seen_at_to_users_and_to_whoever_else_reads"

Shown = Callable[..., str]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """Give a function that returns what `tell(screen)` writes on a terminal of 80 columns."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    return _show


def _show(tell: Callable[[Screen], None], *, ci: bool = False) -> str:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stdout, redirect_stdout(stdout), suppress(Stop), open_screen(ci=ci) as screen:
        tell(screen)
    text = b"".join(_read(ours)).decode()
    os.close(ours)
    return text.replace("\r\n", "\n")


def _read(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # its other side is closed
        while True:
            yield os.read(terminal, 1 << 16)


class Stop(Exception):
    """What a task may end with."""


def tell(screen: Screen) -> None:
    screen.busy("0001_create_users")
    screen.say("applied     0001_create_users", "applied")
    screen.table(["migration", "condition"], [["0001_create_users", "applied"], ["0002", "edited"]])


PLAIN = """\
applied     0001_create_users
migration          condition
0001_create_users  applied
0002               edited
"""


def test_a_pipe_gets_aligned_lines_without_a_space_at_their_ends(capsys: pytest.CaptureFixture[str]):
    with open_screen(ci=False) as screen:
        tell(screen)
        screen.table(["a", "note"], [["long enough", ""]])

    assert capsys.readouterr().out == PLAIN + "a            note\nlong enough\n"


def test_a_table_without_rows_is_its_columns(capsys: pytest.CaptureFixture[str]):
    with open_screen(ci=False) as screen:
        screen.table(["pid", "role"], [])

    assert capsys.readouterr().out == "pid  role\n"


def test_a_line_reaches_a_pipe_at_once():
    ours, theirs = os.pipe()
    os.set_blocking(ours, False)
    with os.fdopen(theirs, "w") as stdout, redirect_stdout(stdout), open_screen(ci=False) as screen:
        screen.say("waiting: for another runner")
        assert os.read(ours, 100) == b"waiting: for another runner\n"
    os.close(ours)


def test_a_terminal_in_ci_is_no_person(terminal: Shown):
    assert terminal(tell, ci=True) == PLAIN


def test_a_terminal_gets_the_look_of_each_word(terminal: Shown):
    text = terminal(tell)

    assert "\x1b[32mapplied     0001_create_users\x1b[0m" in text
    assert re.search(r"\x1b\[32mapplied *\x1b\[0m", text)
    assert re.search(r"\x1b\[1;31medited *\x1b\[0m", text)


def test_without_colour_nothing_is_coloured(terminal: Shown, monkeypatch: pytest.MonkeyPatch):
    assert COLOUR.search(terminal(tell))
    monkeypatch.setenv("NO_COLOR", "1")

    text = terminal(tell)

    assert not COLOUR.search(text)
    assert "0001_create_users  applied" in SEQUENCE.sub("", text)


def test_the_spinner_is_there_while_something_is_done_and_gives_the_cursor_back(terminal: Shown):
    text = terminal(tell)

    assert "0001_create_users" in text.partition("\x1b[?25l")[2]
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_who_only_says_something_leaves_the_terminal_as_it_was(terminal: Shown):
    assert terminal(lambda screen: screen.say("postgresql://postgres@/shop")) == "postgresql://postgres@/shop\n"


def test_an_error_gives_the_cursor_back(terminal: Shown):
    def fail(screen: Screen) -> None:
        screen.busy("0001_create_users")
        raise Stop

    assert "\x1b[?25h" in terminal(fail).rpartition("\x1b[?25l")[2]


@pytest.mark.parametrize("text", ["[red]not ours[/red]", "a" * 100, "  indented :smile:"])
def test_what_is_said_is_shown_as_it_is(terminal: Shown, text: str):
    assert terminal(lambda screen: screen.say(text, "edited")) == f"\x1b[1;31m{text}\x1b[0m\n"


def test_a_name_in_a_table_is_never_cut(terminal: Shown):
    text = terminal(lambda screen: screen.table(["migration", "condition", "note"], [[LONG, "pending", "x" * 40]]))

    first_column = [line[: line.index(" ")] for line in SEQUENCE.sub("", text).splitlines()[1:]]
    assert "".join(first_column) == LONG


def test_a_log_has_a_line_of_progress_every_ten_seconds(capsys: pytest.CaptureFixture[str]):
    seconds = iter([0.0, 4.0, 10.0, 10.0, 19.0, 20.0, 20.0])
    screen = PlainScreen(lambda: next(seconds))
    for done in (1000, 2000, 3000, 4000, 5000):
        screen.progress("messages", done, 7000)

    assert capsys.readouterr().out == (
        "messages: 3,000 of about 7,000, 200 a second, 0:20 left\n"
        "messages: 5,000 of about 7,000, 200 a second, 0:10 left\n"
    )


def test_progress_of_something_else_begins_anew(capsys: pytest.CaptureFixture[str]):
    seconds = iter([0.0, 10.0, 20.0, 20.0])
    screen = PlainScreen(lambda: next(seconds))
    screen.progress("messages", 0, 0)
    screen.progress("groups", 10, 0)
    screen.progress("groups", 30, 0)

    assert capsys.readouterr().out == "groups: 30, 2 a second\n"


@pytest.mark.parametrize(
    ("done", "total", "words"),
    [(0, 50, "0 of about 50"), (60, 50, "60, 6 a second"), (40_000, 40_000_000, "2:46:30 left")],
    ids=["nothing yet", "more than was thought", "for hours"],
)
def test_only_what_is_known_of_progress_is_told(capsys: pytest.CaptureFixture[str], done: int, total: int, words: str):
    seconds = iter([0.0, 10.0, 10.0])
    screen = PlainScreen(lambda: next(seconds))
    screen.progress("messages", 0, total)
    screen.progress("messages", done, total)

    assert words in capsys.readouterr().out


def test_a_person_sees_a_bar_which_is_gone_in_the_end(terminal: Shown):
    def work(screen: Screen) -> None:
        screen.busy("asking AWS")
        screen.progress("[messages]", 10, 40)
        screen.progress("[messages]", 30, 40)
        screen.say("in between")
        screen.busy("throttled")
        screen.progress("[messages]", 40, 40)

    text = terminal(work)
    shown = SEQUENCE.sub("", text)

    assert "[messages]: 10 of about 40" in shown
    assert "━" in shown
    assert "in between\n" in shown
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert text.rindex("\x1b[2K") > text.rindex("[messages]")


def test_an_error_takes_the_bar_away(terminal: Shown):
    def work(screen: Screen) -> None:
        screen.progress("messages", 10, 40)
        raise Stop

    assert "\x1b[?25h" in terminal(work).rpartition("\x1b[?25l")[2]
