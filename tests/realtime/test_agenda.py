"""Promises of the agenda: each name once, at the instant it was last set to, the earliest first."""

from hypothesis import given
from hypothesis import strategies as st

from app.realtime.agenda import Agenda

NAMES = st.sampled_from("abcd")


def test_a_name_that_was_moved_is_due_at_its_new_instant_only() -> None:
    agenda = Agenda()
    agenda.set("a", 5)
    agenda.set("b", 6)
    agenda.set("a", 9)
    assert agenda.take(8) == ["b"]
    assert agenda.next == 9
    agenda.set("a", 5)
    assert agenda.take(5) == ["a"]
    assert agenda.take(1_000) == []
    assert agenda.next is None


@given(st.lists(st.tuples(NAMES, st.one_of(st.none(), st.integers(0, 9)))))
def test_what_is_due_is_what_a_plain_table_says(steps: list[tuple[str, int | None]]) -> None:
    agenda, table = Agenda(), dict[str, int]()
    for name, at in steps:
        if at is None:
            agenda.drop(name)
            table.pop(name, None)
        else:
            agenda.set(name, at)
            table[name] = at
    assert agenda.next == min(table.values(), default=None)
    assert agenda.take(4) == sorted((n for n, at in table.items() if at <= 4), key=lambda n: (table[n], n))
    assert agenda.take(9) == sorted((n for n, at in table.items() if at > 4), key=lambda n: (table[n], n))
