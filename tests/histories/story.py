"""Seeds in, the first one of them that shows something wrong out: as the shortest story that does, for a person."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from tests.histories.cells import Cells
from tests.histories.history import Mode
from tests.histories.places import Place
from tests.histories.runs import OURS, Protocol
from tests.histories.script import Begin, Event, Job, Verb, make_script, shorten
from tests.histories.simulation import Simulation

CALLS = 40  # in one script
_AS_OFTEN = 2  # as a protocol whose own dice fall otherwise each time may need, to show it again


class Player:
    """Plays scripts, each from nothing.

    Attributes:
        calls: how many began so far.
        events: what they were answered with, as caches count it.
    """

    def __init__(self, cells: Cells, place: Callable[[], Place], mode: Mode, protocol: Protocol = OURS) -> None:
        self.calls = 0
        self.events = Counter[str]()
        self._cells = cells
        self._place = place
        self._mode = mode
        self._protocol = protocol

    def play(self, script: Sequence[Event], tell: Callable[[str], None] = lambda _: None) -> list[str]:
        """Return what is wrong."""
        simulation = Simulation(self._cells, self._place(), self._mode, self._protocol, tell)
        wrong = simulation.play(script)
        self.calls += sum(isinstance(event, Begin) for event in script)
        self.events += simulation.events
        return wrong

    def find(self, seeds: Iterable[int], needs: Sequence[Job | Verb] | None = None) -> int | None:
        """Return the first seed whose script shows something wrong."""
        return next((seed for seed in seeds if self.play(make_script(seed, CALLS, needs))), None)

    def tell(self, seed: int, needs: Sequence[Job | Verb] | None = None) -> str:
        """Return the shortest story that shows what a seed does."""
        said: list[str] = []
        script = shorten(make_script(seed, CALLS, needs), self._shows)
        wrong = self.play(script, said.append)
        return "\n".join([f"seed {seed}, {self._mode}, in {len(script)} events:", *said, *wrong])

    def _shows(self, script: Sequence[Event]) -> bool:
        return any(self.play(script) for _ in range(_AS_OFTEN))
