"""What every store promises of `read` and `read_all`: the very bytes, in order."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from eventflow.store.chain import verify
from eventflow.store.contract import Operation, Store
from eventflow.testing.builders import Author, at
from eventflow.testing.conformance.support import append, whole_log


class RoundTripTests:
    """Everything that was appended comes back exactly."""

    async def test_an_event_comes_back_as_it_was(self, store: Store) -> None:
        """All fields are equal, and the position is added."""
        author = Author()
        operations = [author.create(value={"text": "to be"}), author.note("x"), author.claim()]
        await append(store, *operations)
        written = [event for operation in operations for event in operation.events]
        expected = [evolve(event, position=n) for n, event in enumerate(written, start=1)]
        assert await store.read([author.run_id]) == expected
        assert await store.read_all(0, 100) == expected

    @pytest.mark.parametrize(
        "data",
        [
            b'{"b": 1,  "a": 2,\n"a": 1.0, "c": 1e2}',
            '{"text":"\u00e9\u0301 \U0001f600 \u2028 \\u0000"}'.encode(),
            b'{"number":123456789012345678901234567890.10}',
            b'{"large":"' + b"x" * 2_000_000 + b'"}',
            b"{}",
        ],
        ids=["spelling", "unicode", "digits", "large", "empty"],
    )
    async def test_data_is_kept_byte_by_byte(self, store: Store, data: bytes) -> None:
        """Bytes are neither parsed nor spelled anew."""
        author = Author()
        await append(store, author.create())
        note = author.note()
        await append(store, evolve(note, events=(evolve(note.events[0], data=data),)))
        (event,) = await store.read([author.run_id], 2)
        assert event.data == data
        assert type(event.data) is bytes

    @pytest.mark.parametrize(
        "moment",
        [
            datetime(2026, 7, 8, 9, 10, 11, 123_456, tzinfo=UTC),
            datetime(2026, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2200, 2, 28, 12, tzinfo=UTC),
        ],
        ids=str,
    )
    async def test_times_are_kept_to_the_microsecond(self, store: Store, moment: datetime) -> None:
        """Times come back equal, and in UTC."""
        author = Author()
        await append(store, author.create(now=moment))
        for event in await store.read([author.run_id]):
            assert event.recorded_at == moment
            assert event.recorded_at.utcoffset() == timedelta(0)

    @pytest.mark.parametrize(
        "actor",
        [
            None,
            "",
            " ",
            "\u00e9\u0301",
            "O'Brien; --",
            "a\0b",
            "\ue000\0\ue000",
            '\n\t\\\\n"{}\x1b',
            "x" * 1_000,
        ],
    )
    async def test_the_actor_is_kept(self, store: Store, actor: str | None) -> None:
        """An actor that is not known is told apart from one without a name."""
        author = Author()
        await append(store, author.create(), author.note(actor=actor))
        assert (await store.read([author.run_id], 2))[0].actor == actor

    async def test_the_chain_holds(self, store: Store) -> None:
        """What is read from the store verifies."""
        author, other = Author(), Author()
        await append(store, author.create(), other.create(), author.note(count=5), other.claim())
        await append(store, author.claim(now=at(1)), author.complete(now=at(2)))
        verify(await store.read([author.run_id]))
        verify(await store.read([other.run_id]))


class ReadTests:
    """`read` gives the events of the runs that were asked for, each in the order of versions."""

    async def test_reading_goes_on_behind_a_version(self, store: Store) -> None:
        """Only later versions are read."""
        author = Author()
        await append(store, author.create(), author.note(count=4))
        for after in range(8):
            versions = [event.version for event in await store.read([author.run_id], after)]
            assert versions == list(range(after + 1, 7))

    async def test_several_runs_are_read_at_once(self, store: Store) -> None:
        """Each run's events are in order; other runs are left out."""
        authors = [Author() for _ in range(5)]
        await append(store, *(author.create() for author in authors))
        for _ in range(3):
            await append(store, *(author.note() for author in reversed(authors)))
        asked = [author.run_id for author in authors[:4]]
        found = await store.read(asked, 1)
        assert len(found) == 16
        for run_id in asked:
            assert [e.version for e in found if e.run_id == run_id] == [2, 3, 4, 5]

    async def test_unknown_runs_have_no_events(self, store: Store) -> None:
        """Asking for nothing, or for what is not there, gives nothing."""
        author = Author()
        await append(store, author.create())
        assert await store.read([]) == []
        assert await store.read(["unknown"]) == []
        assert len(await store.read(["unknown", author.run_id])) == 2

    async def test_nothing_asked_for_is_nothing_read(self, store: Store) -> None:
        """No run, no event."""
        await append(store, Author().create())
        assert await store.read([]) == []
        assert await store.read_all(0, 0) == []

    async def test_a_run_asked_for_twice_is_read_once(self, store: Store) -> None:
        """Doubles in the question are not doubled in the answer."""
        author = Author()
        await append(store, author.create())
        assert len(await store.read([author.run_id, author.run_id])) == 2

    async def test_run_ids_are_compared_exactly(self, store: Store) -> None:
        """Case, spaces and accents of a run id all count."""
        ids = ["run", "RUN", "run ", "r\u00fcn", "ru\u0308n", "run%", "r_n", "'"]
        await append(store, *(Author(run_id).create() for run_id in ids))
        for run_id in ids:
            assert {event.run_id for event in await store.read([run_id])} == {run_id}

    async def test_hundreds_of_runs_are_read_at_once(self, store: Store) -> None:
        """The number of runs in one question has no bound that matters."""
        authors = [Author() for _ in range(600)]
        await append(store, *(author.create() for author in authors))
        assert len(await store.read([author.run_id for author in authors])) == 1_200


class ReadAllTests:
    """`read_all` gives the global log in the order of commits."""

    async def test_the_log_is_in_the_order_of_appends(self, store: Store) -> None:
        """Positions follow the order of operations, within a batch and over batches."""
        operations: list[Operation] = []
        for _ in range(5):
            first, second = Author(), Author()
            batch = [first.create(), second.create(), first.note(), second.claim()]
            await append(store, *batch)
            operations += batch
        written = [event for operation in operations for event in operation.events]
        assert [evolve(event, position=0) for event in await whole_log(store)] == written

    @pytest.mark.parametrize("page", [1, 2, 3, 7, 20, 21, 100])
    async def test_pages_of_the_log_join(self, store: Store, page: int) -> None:
        """Reading page by page gives the same as reading at once."""
        await append(store, *(Author().create() for _ in range(10)))
        first = await store.read_all(0, page)
        assert len(first) == min(page, 20)
        assert await whole_log(store, page) == await store.read_all(0, 1_000)

    async def test_there_is_nothing_beyond_the_end(self, store: Store) -> None:
        """At the end of the log, and in an empty one, a page is empty."""
        assert await store.read_all(0, 10) == []
        await append(store, Author().create())
        assert await store.read_all(2, 10) == []
        assert await store.read_all(1_000, 10) == []
