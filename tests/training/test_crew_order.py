"""Whatever workers do, however they end: answers in order, nothing lost, nothing asked twice but what was in hand."""

from collections import Counter, deque

import hypothesis.strategies as st
import pytest
from hypothesis import given

from gsam_edge.training.errors import WorkerError
from gsam_edge.training.workers.crew import Died, in_order
from gsam_edge.training.workers.member import Outcome


class Scripted:
    """A crew in which somebody else decides who answers next, and who ends."""

    def __init__(self, count, choose, deaths):
        self.alive = dict.fromkeys(range(count))  # None: its model is not built yet
        self.choose, self.deaths = choose, deaths
        self.asked = Counter()
        self.begun_by_dead = Counter()
        self.lost = Counter()

    def send(self, worker, batch):
        assert self.alive[worker] is not None, "it has no model yet, or has ended"
        assert len(self.alive[worker]) < 2
        self.alive[worker].append(batch)
        self.asked[batch] += 1

    def next_outcome(self):
        busy = sorted(worker for worker, hand in self.alive.items() if hand is None or hand)
        assert busy, "it waits for nobody"
        worker = busy[self.choose(len(busy))]
        hand = self.alive[worker]
        if self.deaths and self.choose(3) == 0:
            self.deaths -= 1
            del self.alive[worker]
            self.lost.update(hand or ())
            self.begun_by_dead.update([hand[0]] if hand else ())
            return worker, Died("ended in a test")
        if hand is None:
            self.alive[worker] = deque()
            return worker, Outcome()
        return worker, Outcome([f"answer to {item}" for item in hand.popleft()])


@given(count=st.integers(1, 4), batches=st.integers(0, 12), deaths=st.integers(0, 4), data=st.data())
def test_all_answers_come_in_order_or_it_is_told_why_not(count, batches, deaths, data):
    crew = Scripted(count, lambda n: data.draw(st.integers(0, n - 1)), deaths)
    given_batches = [(f"{n}a", f"{n}b")[: 1 + n % 2] for n in range(batches)]
    read, yielded = 0, []

    def source():
        nonlocal read
        for batch in given_batches:
            read += 1
            yield batch

    try:
        for batch, answers in in_order(crew, count, source()):
            yielded.append(batch)
            assert answers == [f"answer to {item}" for item in batch]
            assert read - len(yielded) < 2 * count
    except WorkerError:
        assert not crew.alive or max(crew.begun_by_dead.values()) == 2
    else:
        assert yielded == given_batches
    assert yielded == given_batches[: len(yielded)]
    for batch, times in crew.asked.items():
        assert times <= 1 + crew.lost[batch], "asked twice though no worker had it when it ended"
    assert max(crew.begun_by_dead.values(), default=0) <= 2


def test_an_error_waits_for_the_answers_before_it():
    outcomes = iter([(0, Outcome()), (1, Outcome()), (1, Outcome(error=ValueError("two"))), (0, Outcome(["1"]))])

    class Crew:
        def send(self, worker, batch):
            assert batch in ((1,), (2,))

        def next_outcome(self):
            return next(outcomes)

    answers = in_order(Crew(), 2, iter([(1,), (2,)]))
    assert next(answers) == ((1,), ["1"])
    with pytest.raises(ValueError, match="two"):
        next(answers)
