"""What a person writes after an option: numbers and lengths of time, and what is none of them."""

from datetime import timedelta

import pytest

from pgproof.errors import SettingsError
from pgproof.tasks.task import term

WEEK = timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("90m", 5400), ("5min", 300), ("1 h", 3600), ("2h", 7200), ("7d", 604800)],
)
def test_a_length_of_time_has_a_unit(text: str, seconds: int):
    assert term("--ttl", text, longest=WEEK).total_seconds() == seconds


@pytest.mark.parametrize(
    "text",
    ["", "8", "m", "0h", "-1h", "1.5h", "8d", "169h", "1w", "8h ", "8h\n", "8H", "٨h", "99999999h", "1e3h", "1d 2h"],
)
def test_what_is_none_or_too_long_is_refused(text: str):
    with pytest.raises(SettingsError, match=r"^--ttl .* is no length of time\n"):
        term("--ttl", text, longest=WEEK)
