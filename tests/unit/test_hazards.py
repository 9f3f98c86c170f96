"""docs/hazards.md is current, and the corpus has a case of all that it is to have."""

from pgproof.gate.proofs import KINDS
from tests.corpus import BASES, FOLDER, read_corpus
from tests.hazards import LEFT_OUT, PAGE, SQUAWK_RULES, WITHOUT_CASE, ask_squawk, render

CORPUS = read_corpus()


def test_the_page_is_current():
    assert render(ask_squawk(CORPUS), KINDS) == PAGE.read_text(encoding="utf-8"), "python -m tests.hazards writes it"


def test_there_are_enough_changes_and_enough_of_them_only_look_dangerous():
    assert len(CORPUS) >= 60
    assert len([each for each in CORPUS if not each.dangerous]) >= 20


def test_every_dangerous_change_says_what_is_to_be_found_and_no_safe_one_does():
    assert [each.name for each in CORPUS if each.dangerous != bool(each.expected)] == []


def test_every_kind_of_finding_has_a_case_or_a_word_why_not():
    cased = {id for case in CORPUS for id in case.expected | case.notes}

    assert {each.id for each in KINDS} - cased == WITHOUT_CASE.keys()


def test_every_rule_that_squawk_has_by_default_has_a_case():
    named = {each.removeprefix("squawk: ") for case in CORPUS for each in case.sources if each.startswith("squawk: ")}

    assert named - SQUAWK_RULES == set()
    assert SQUAWK_RULES - named - LEFT_OUT == set()


def test_every_file_of_the_corpus_belongs_to_a_case():
    assert set(FOLDER.iterdir()) == {each.folder for each in CORPUS}
    assert {each.name for each in BASES.iterdir()} <= {each.base for each in CORPUS}
