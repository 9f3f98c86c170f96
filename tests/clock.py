"""Time that only a test moves."""


class Clock:
    """Seconds, which pass when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
