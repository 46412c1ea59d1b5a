"""What every store promises of `runs`: all rows of a run, filters, and pages that do not shift."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from attrs import evolve

from eventflow.core.values import JSON, Status
from eventflow.store.contract import Operation, RunPage, RunQuery, Store
from eventflow.testing.builders import START, Author, at
from eventflow.testing.conformance.support import all_pages, append, rows


def run_ids(page: RunPage) -> list[str]:
    """List the runs of a page."""
    return [item.run.run_id for item in page.items]


class ProjectionTests:
    """Rows are kept as they were written, and come in one order."""

    async def test_all_rows_come_back(self, store: Store) -> None:
        """Stages come by group and id, jobs by the version that scheduled them and stage."""
        author = Author()
        metadata: dict[str, JSON] = {"request": "req-1", "tags": ["x", {"y": None}], "\u00e9": 1.5}
        groups = [["d", "a"], ["c", "b"]]
        await append(store, author.create(groups=groups, metadata=metadata, priority=7))
        await append(store, author.claim("d"), author.complete("d", now=at(0.000001)))
        await append(store, author.claim("a"), author.complete("a", now=at(1.5)))
        await append(store, author.claim("b", now=at(2)))
        found = await rows(store, author.run_id)
        assert found == author.projection()
        assert [row.stage for row in found.stages] == ["a", "d", "b", "c"]
        assert [row.stage for row in found.jobs] == ["c", "b"]

    async def test_rows_follow_each_operation(self, store: Store) -> None:
        """After each operation the rows are exactly those that it implies."""
        author = Author()
        steps: list[Callable[[], Operation]] = [
            lambda: author.create(groups=[["a", "b"], ["c"]]),
            author.note,
            lambda: author.claim("a"),
            lambda: author.fail("a"),
            lambda: author.claim("a", now=at(2)),
            lambda: author.suspend("a", now=at(3)),
            lambda: author.claim("b", now=at(4)),
            lambda: author.complete("b", now=at(5)),
            lambda: author.claim("a", now=at(33)),
            lambda: author.complete("a", now=at(34)),
            lambda: author.cancel(now=at(35)),
            lambda: author.rewind("c", now=at(36)),
            lambda: author.cancel(now=at(37)),
            lambda: author.rewind("a", now=at(38)),
        ]
        for step in steps:
            await append(store, step())
            assert await rows(store, author.run_id) == author.projection()

    async def test_what_models_cost_is_kept_exactly(self, store: Store) -> None:
        """The row tells all that was spent and what still counts, to the last digit."""
        author = Author()
        cost = Decimal("0.12345678901234567890123456789")
        await append(store, author.create())
        assert (await rows(store, author.run_id)).run.ai is None
        await append(store, author.call_model(cost), author.call_model(now=at(1)))
        await append(store, author.cancel(now=at(2)), author.rewind(now=at(3)))
        await append(store, author.call_model(Decimal("1e-30"), now=at(4)))
        found = await rows(store, author.run_id)
        assert found == author.projection()
        assert found.run.ai is not None
        assert str(found.run.ai.spent.cost) == "0.123456789012345678901234567891"
        assert found.run.ai.effective.cost == Decimal("1e-30")
        assert (found.run.ai.spent.calls, found.run.ai.spent.unpriced) == (3, 1)

    async def test_times_are_in_utc(self, store: Store) -> None:
        """Every time in a row comes back in UTC."""
        author = Author()
        await append(store, author.create(), author.claim())
        found = await rows(store, author.run_id)
        times = [found.run.created_at, found.run.started_at, found.jobs[0].due_at]
        for moment in times:
            assert isinstance(moment, datetime)
            assert moment.utcoffset() == timedelta(0)

    async def test_nobody_can_change_what_is_kept(self, store: Store) -> None:
        """A caller who changes the metadata that was given or handed out changes only that."""
        author = Author()
        given: dict[str, JSON] = {"tags": ["x"]}
        await append(store, author.create(metadata=given))
        given["tags"] = "changed"
        found = (await rows(store, author.run_id)).run.metadata
        assert found == {"tags": ["x"]}
        tags = found["tags"]
        assert isinstance(tags, list)
        tags.append("y")
        assert (await rows(store, author.run_id)).run.metadata == {"tags": ["x"]}


class QueryTests:
    """What is asked for is exactly what is listed."""

    async def test_an_empty_store_lists_nothing(self, store: Store) -> None:
        """There is neither a run nor a next page."""
        assert await store.runs(RunQuery()) == RunPage((), None)

    async def test_an_empty_choice_lists_nothing(self, store: Store) -> None:
        """None of no runs, and none in no status."""
        await append(store, Author().create())
        for query in (RunQuery(run_ids=[]), RunQuery(statuses=[])):
            assert await store.runs(query) == RunPage((), None)
        assert await store.due(START, {}, 10) == []
        assert await store.due(START, {"analysis": []}, 10) == []

    async def test_the_newest_come_first(self, store: Store) -> None:
        """The order is that of creation in the log, whatever the clock said or happened since."""
        authors = [Author() for _ in range(5)]
        for seconds, author in enumerate(authors):
            await append(store, author.create(now=at(-seconds)))
        await append(store, authors[0].note(), authors[2].claim())
        expected = [author.run_id for author in reversed(authors)]
        assert run_ids(await store.runs(RunQuery())) == expected

    async def test_by_run_id(self, store: Store) -> None:
        """Only the named runs are listed, newest first, each once."""
        authors = [Author() for _ in range(4)]
        await append(store, *(author.create() for author in authors))
        asked = [authors[0].run_id, "unknown", authors[2].run_id, authors[0].run_id]
        found = await store.runs(RunQuery(run_ids=asked))
        assert run_ids(found) == [authors[2].run_id, authors[0].run_id]
        assert run_ids(await store.runs(RunQuery(run_ids=[]))) == []

    @pytest.mark.parametrize(
        ("statuses", "expected"),
        [
            (None, "csrp"),
            ([], ""),
            ([Status.PENDING], "p"),
            ({Status.RUNNING, Status.SUSPENDED}, "sr"),
            ((Status.CANCELLED, Status.FAILED), "c"),
            ([Status.COMPLETED], ""),
            (list(Status), "csrp"),
        ],
    )
    async def test_by_status(
        self, store: Store, statuses: list[Status] | None, expected: str
    ) -> None:
        """A run is listed under the status that it has now."""
        authors = {name: Author(name) for name in "prsc"}
        await append(store, *(author.create() for author in authors.values()))
        await append(store, authors["r"].claim(), authors["s"].claim(), authors["s"].suspend())
        await append(store, authors["c"].claim(), authors["c"].cancel())
        found = await store.runs(RunQuery(statuses=statuses))
        assert "".join(run_ids(found)) == expected

    async def test_by_workflow(self, store: Store) -> None:
        """Workflow ids are compared exactly."""
        for name in ("one", "two", "ONE", "one "):
            await append(store, Author(f"run of {name}").create(name))
        for name in ("one", "ONE", "one "):
            found = run_ids(await store.runs(RunQuery(workflow_id=name)))
            assert found == [f"run of {name}"]
        assert run_ids(await store.runs(RunQuery(workflow_id="three"))) == []

    async def test_by_time_of_creation(self, store: Store) -> None:
        """The first bound is included, the second is not."""
        for seconds in range(5):
            await append(store, Author(str(seconds)).create(now=at(seconds)))
        query = RunQuery(created_from=at(1), created_before=at(3))
        assert run_ids(await store.runs(query)) == ["2", "1"]
        assert run_ids(await store.runs(RunQuery(created_from=at(3)))) == ["4", "3"]
        assert run_ids(await store.runs(RunQuery(created_before=at(0.000001)))) == ["0"]
        assert run_ids(await store.runs(RunQuery(created_before=START))) == []

    async def test_by_calls_of_models(self, store: Store) -> None:
        """A run is listed from its first call on, whatever became of it since."""
        authors = [Author() for _ in range(4)]
        await append(store, *(author.create() for author in authors))
        await append(store, authors[0].call_model(), authors[2].call_model(), authors[2].cancel())
        called = [authors[2].run_id, authors[0].run_id]
        assert run_ids(await store.runs(RunQuery(called_models=True))) == called
        page = await store.runs(RunQuery(called_models=True, limit=1))
        rest = await store.runs(RunQuery(called_models=True, limit=1, after=page.next))
        assert [*run_ids(page), *run_ids(rest)] == called
        assert rest.next is None

    async def test_all_conditions_must_hold(self, store: Store) -> None:
        """Conditions of several kinds narrow each other."""
        authors = [Author() for _ in range(8)]
        for number, author in enumerate(authors):
            workflow = "even" if number % 2 == 0 else "odd"
            metadata: dict[str, JSON] = {"half": number // 4}
            await append(store, author.create(workflow, metadata=metadata, now=at(number)))
        await append(store, authors[2].claim(now=at(10)), authors[6].claim(now=at(10)))
        query = RunQuery(
            workflow_id="even",
            statuses=[Status.PENDING],
            metadata={"half": 1},
            created_from=at(1),
            run_ids=[author.run_id for author in authors[1:]],
        )
        assert run_ids(await store.runs(query)) == [authors[4].run_id]


VALUES: Mapping[str, JSON] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "one": 1,
    "one as a float": 1.0,
    "one as text": "1",
    "empty": "",
    "null as text": "null",
    "empty list": [],
    "list": [1, "2", None],
    "list turned round": [None, "2", 1],
    "empty object": {},
    "object": {"b": 1, "a": {"c": [True]}},
    "more than the object": {"b": 1, "a": {"c": [True]}, "d": 0},
    "large": 2**53 + 1,
    "larger": 2**53 + 2,
    "beyond 64 bits": 2**64 + 1,
    "far below zero": -(2**70),
    "ten to the 22": 10**22,
    "ten to the 22 as a float": 1e22,
    "zero as a float": 0.0,
    "minus zero": -0.0,
    "tenth": 0.1,
    "beyond the first plane": "\U0001f600",
    "text of an object": '{"b":1}',
    "list of a list": [[1, "2", None]],
    "upper": "X",
    "lower": "x",
    "composed": "\u00e9",
    "decomposed": "e\u0301",
    "quote": "'\"\\%_",
    "nul": "a\0b",
    "long": "x" * 10_000,
}


class MetadataTests:
    """Metadata is found by whole values under top-level keys, compared as JSON."""

    async def test_each_value_finds_its_own_run(self, store: Store) -> None:
        """Values of different types or spellings are different: 1, 1.0, true and "1"."""
        await append(store, *(Author(n).create(metadata={"key": v}) for n, v in VALUES.items()))
        for name, value in VALUES.items():
            assert run_ids(await store.runs(RunQuery(metadata={"key": value}))) == [name]

    async def test_the_order_of_keys_does_not_count(self, store: Store) -> None:
        """Objects are equal whatever the order in which they were written."""
        await append(store, Author("run").create(metadata={"key": {"a": 1, "b": {"c": 2, "d": 3}}}))
        query = RunQuery(metadata={"key": {"b": {"d": 3, "c": 2}, "a": 1}})
        assert run_ids(await store.runs(query)) == ["run"]

    async def test_all_keys_must_fit(self, store: Store) -> None:
        """A run may have more keys than are asked for, and not fewer."""
        await append(
            store,
            Author("both").create(metadata={"a": 1, "b": 2}),
            Author("one").create(metadata={"a": 1}),
            Author("none").create(),
            Author("null").create(metadata={"a": 1, "b": None}),
        )
        assert run_ids(await store.runs(RunQuery(metadata={"a": 1}))) == ["null", "one", "both"]
        assert run_ids(await store.runs(RunQuery(metadata={"a": 1, "b": 2}))) == ["both"]
        assert run_ids(await store.runs(RunQuery(metadata={"b": None}))) == ["null"]
        assert run_ids(await store.runs(RunQuery(metadata={"c": None}))) == []

    @pytest.mark.parametrize("key", ["", "a.b", "A", "\u00e9", "$", "'", "a\0b", "x" * 1_000])
    async def test_metadata_keys_are_compared_exactly(self, store: Store, key: str) -> None:
        """Any text is a key, and only itself."""
        await append(store, Author("run").create(metadata={key: 1}))
        await append(store, Author("other").create(metadata={"a": {"b": 1}, "a b": 1}))
        assert run_ids(await store.runs(RunQuery(metadata={key: 1}))) == ["run"]
        assert (await rows(store, "run")).run.metadata == {key: 1}


class PageTests:
    """Pages join without doubles and gaps, also while runs are created."""

    @pytest.mark.parametrize("limit", [1, 2, 3, 9, 10, 11, 1_000])
    async def test_pages_of_runs_join(self, store: Store, limit: int) -> None:
        """Following the cursors gives every run once; the last page has none."""
        authors = [Author() for _ in range(10)]
        await append(store, *(author.create() for author in authors))
        pages = await all_pages(store, RunQuery(limit=limit))
        found = [run_id for page in pages for run_id in run_ids(page)]
        assert found == [author.run_id for author in reversed(authors)]
        assert all(len(page.items) == limit for page in pages[:-1])
        assert pages[-1].items

    @pytest.mark.parametrize("workflow", [None, "no such"])
    async def test_what_is_no_cursor_is_refused(self, store: Store, workflow: str | None) -> None:
        """Something else than a cursor is an error, also where no run would be found anyway."""
        with pytest.raises(ValueError):  # noqa: PT011 - each store has its own words
            await store.runs(RunQuery(workflow_id=workflow, after="no cursor"))

    async def test_new_runs_do_not_shift_pages(self, store: Store) -> None:
        """Runs created meanwhile are on no further page, and push none onto it twice."""
        authors = [Author() for _ in range(6)]
        await append(store, *(author.create() for author in authors))
        page = await store.runs(RunQuery(limit=2))
        found = run_ids(page)
        while page.next is not None and len(found) <= len(authors):
            await append(store, Author().create())
            page = await store.runs(RunQuery(limit=2, after=page.next))
            found += run_ids(page)
        assert found == [author.run_id for author in reversed(authors)]

    @pytest.mark.parametrize(
        "query",
        [
            RunQuery(workflow_id="even", limit=2),
            RunQuery(metadata={"half": 0}, limit=2),
            RunQuery(statuses=[Status.PENDING], limit=2),
            RunQuery(statuses=[Status.PENDING, Status.FAILED], limit=2),
            RunQuery(created_from=at(3), limit=2),
            RunQuery(run_ids=[str(number) for number in range(2, 9)], limit=2),
        ],
        ids=["workflow", "metadata", "status", "statuses", "time", "ids"],
    )
    async def test_conditions_hold_on_every_page(self, store: Store, query: RunQuery) -> None:
        """Pages of a filtered list join to the same list as one large page."""
        for number in range(10):
            workflow = "even" if number % 2 == 0 else "odd"
            metadata: dict[str, JSON] = {"half": number // 5}
            author = Author(str(number))
            await append(store, author.create(workflow, metadata=metadata, now=at(number)))
        whole = await store.runs(evolve(query, limit=100))
        assert whole.next is None
        found = [run_id for page in await all_pages(store, query) for run_id in run_ids(page)]
        assert found == run_ids(whole)
        assert len(found) > 2
