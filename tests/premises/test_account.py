"""The account: what is missed, what is dark, and from when to when."""

from harness.premises.account import Account


def test_answers_alone_are_never_dark() -> None:
    account = Account()
    for now in (10, 20, 30):
        account.answered(now)

    assert (account.cycles, account.missed, account.missed_in_a_row) == (3, 0, 0)
    assert (account.dark_us(1000), account.longest_dark_us(1000), account.spans) == (0, 0, [])


def test_dark_runs_from_the_last_answer_to_the_next() -> None:
    account = Account()
    account.answered(10)
    account.failed(20)
    account.failed(30)
    account.answered(40)
    account.failed(50)
    account.answered(60)

    assert account.spans == [(10, 40), (40, 60)]
    assert (account.dark_us(99), account.longest_dark_us(99)) == (50, 30)
    assert (account.cycles, account.missed, account.missed_in_a_row) == (6, 3, 2)


def test_dark_that_lasts_counts_up_to_now() -> None:
    account = Account()
    account.answered(10)
    account.failed(20)

    assert (account.dark_us(25), account.longest_dark_us(25)) == (15, 15)
    assert (account.dark_us(70), account.spans) == (60, [])


def test_a_device_that_was_never_answered_is_dark_from_its_first_question() -> None:
    account = Account()
    account.failed(7)
    account.failed(17)
    account.answered(27)

    assert account.spans == [(7, 27)]


def test_a_late_answer_ends_the_dark_and_the_cycle_stays_missed() -> None:
    account = Account()
    account.answered(10)
    account.failed(20)
    account.late(26)
    account.failed(30)
    account.answered(40)

    assert account.spans == [(10, 26), (26, 40)]
    assert (account.missed, account.missed_in_a_row) == (2, 2)


def test_a_device_without_supply_misses_nothing() -> None:
    account = Account()
    account.answered(10)
    account.failed(20)
    account.stopped(25)
    account.failed(100)
    account.answered(110)

    assert account.spans == [(10, 25), (100, 110)]


def test_an_account_that_begins_counts_nothing_from_before() -> None:
    account = Account()
    account.answered(10)
    account.failed(20)
    account.answered(30)
    account.begin(40)
    account.failed(45)
    account.answered(60)

    assert account.spans == [(40, 60)]  # and not from 30, the last answer
    assert (account.cycles, account.missed, account.missed_in_a_row) == (2, 1, 1)


def test_what_is_dark_when_an_account_begins_stays_dark() -> None:
    account = Account()
    account.failed(20)
    account.begin(40)
    account.failed(50)

    assert (account.dark_spans(70), account.missed_in_a_row) == ([(40, 70)], 1)
