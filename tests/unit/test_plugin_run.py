import subprocess
import sys
from collections.abc import Iterator

import pytest

from pgproof.errors import PgproofError, ServerUnavailable
from pgproof.isolation.loan import Lender, Loan, borrow
from pgproof.isolation.names import make_kept_name, make_name
from pgproof.isolation.once import Once
from pgproof.isolation.tally import Tally

LOAN = Loan("host=/tmp dbname=postgres password=secret", "in memory", stays=False)


class Making:
    """Counts how often something is made."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.times = 0

    def __call__(self) -> Loan:
        self.times += 1
        if self.error:
            raise self.error
        return LOAN


def test_a_thing_is_made_once_and_only_when_asked_for():
    making = Making()
    once = Once(making)

    assert (once.if_made, making.times) == (None, 0)
    assert (once.get(), once.get(), once.if_made, making.times) == (LOAN, LOAN, LOAN, 1)


def test_what_could_not_be_made_is_not_tried_again():
    making = Making(PgproofError("no room"))
    once = Once(making)

    for _ in range(2):
        with pytest.raises(PgproofError, match="no room"):
            once.get()
    assert (once.if_made, making.times) == (None, 1)


@pytest.fixture
def making() -> Making:
    return Making()


@pytest.fixture
def lender(making: Making) -> Iterator[Lender]:
    lender = Lender(Once(making).get)
    yield lender
    lender.close()


def test_processes_borrow_one_server_that_is_started_when_the_first_asks(lender: Lender, making: Making):
    assert making.times == 0
    ask = "import sys; from pgproof.isolation.loan import borrow; print(borrow(sys.argv[1]).conninfo)"
    command = [sys.executable, "-c", ask, lender.address]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]

    assert [each.communicate()[0].strip() for each in workers] == [LOAN.conninfo] * 2
    assert borrow(lender.address) == LOAN
    assert making.times == 1


def test_a_server_that_cannot_be_lent_is_explained_to_the_worker(lender: Lender, making: Making):
    making.error = ServerUnavailable("no room", hint="buy a disk")

    for _ in range(2):
        with pytest.raises(ServerUnavailable, match="no room\n  hint: buy a disk"):
            borrow(lender.address)
    assert making.times == 1


def test_a_worker_does_not_wait_for_ever_when_lending_breaks(lender: Lender, making: Making):
    making.error = KeyError("a mistake of ours")

    with pytest.raises(ServerUnavailable, match="the server could not be started: KeyError"):
        borrow(lender.address)


def test_a_worker_whose_controller_has_ended_is_told(making: Making):
    lender = Lender(making)
    lender.close()

    with pytest.raises(ServerUnavailable, match="controller does not answer"):
        borrow(lender.address)


def test_the_password_of_a_loan_is_not_shown():
    assert "secret" not in repr(LOAN)


def test_names_say_whose_they_are_and_fit():
    assert make_name("0123abcd").startswith("pgproof_test_0123abcd_")
    name = make_kept_name("test_Größe[a-very-long-parameter-that-nobody-will-ever-read-to-its-very-end]")
    assert name.startswith("pgproof_kept_test_gr_e_a_very_long_parameter")
    assert len(name) <= 63
    assert make_kept_name("test_it") != make_kept_name("test_it")


def test_a_tally_adds_up_what_the_workers_made():
    total = Tally()
    total.add(Tally("PostgreSQL 18.6, embedded, in memory", made=2, reused=3))
    total.add(Tally("PostgreSQL 18.6, embedded, in memory", made=1, kept=1, trouble="the disk is full"))

    assert str(total) == ("PostgreSQL 18.6, embedded, in memory; clones: 3 made, 3 reused, 1 kept; the disk is full")
