"""What every store promises of `due` and `renew`: what can be claimed, in which order, by whom."""

import asyncio
from collections.abc import Collection, Mapping
from datetime import timedelta

import pytest

from eventflow.store.contract import DueJob, Renewal, Store
from eventflow.testing.builders import LEASE, START, Author, at
from eventflow.testing.conformance.support import append, rows, whole_log

MICROSECOND = timedelta(microseconds=1)


async def due_runs(store: Store, seconds: float = 0, limit: int = 100) -> list[str]:
    """List the runs of the jobs that are due so many seconds after the start."""
    return [job.run_id for job in await store.due(at(seconds), None, limit)]


class DueTests:
    """`due` lists every job whose time has come, and nothing else."""

    async def test_a_scheduled_stage_is_due(self, store: Store) -> None:
        """A job that nobody has claimed is listed with token 0."""
        author = Author()
        await append(store, author.create())
        assert await store.due(START, None, 10) == [DueJob(author.run_id, "a", 2, 0, leased=False)]

    async def test_a_job_is_due_from_the_very_moment_on(self, store: Store) -> None:
        """A microsecond before its time a job is not due."""
        author = Author()
        await append(store, author.create(now=at(10)))
        assert await store.due(at(10) - MICROSECOND, None, 10) == []
        assert len(await store.due(at(10), None, 10)) == 1
        assert len(await store.due(at(10) + MICROSECOND, None, 10)) == 1

    async def test_an_earlier_moment_has_its_own_answer(self, store: Store) -> None:
        """What is due depends on the time that is asked for, and not on earlier questions."""
        early, late = Author(), Author()
        await append(store, late.create(now=at(10)), early.create())
        assert await due_runs(store, 10) == [late.run_id, early.run_id]
        assert await due_runs(store, 5) == [early.run_id]
        assert await due_runs(store, 10) == [late.run_id, early.run_id]

    async def test_a_claimed_job_is_not_due(self, store: Store) -> None:
        """While the lease holds, nobody else is told of the job."""
        author = Author()
        await append(store, author.create(), author.claim())
        assert await store.due(at(LEASE) - MICROSECOND, None, 10) == []

    async def test_an_expired_lease_is_due_with_its_token(self, store: Store) -> None:
        """A claim whose lease is over is listed as leased, with the run's version."""
        author = Author()
        await append(store, author.create(), author.claim(), author.note())
        assert await store.due(at(LEASE), None, 10) == [
            DueJob(author.run_id, "a", version=5, token=4, leased=True)
        ]

    async def test_a_retry_is_due_at_its_time(self, store: Store) -> None:
        """A failed attempt makes the job due again, unclaimed."""
        author = Author()
        await append(store, author.create(), author.claim(), author.fail())
        assert await store.due(at(1.999), None, 10) == []
        assert await store.due(at(2), None, 10) == [DueJob(author.run_id, "a", 5, 0, leased=False)]

    async def test_a_suspended_stage_is_due_for_its_check(self, store: Store) -> None:
        """A check is a job like any other."""
        author = Author()
        await append(store, author.create(), author.claim(), author.suspend(check_after=30))
        assert await store.due(at(29), None, 10) == []
        assert await store.due(at(30), None, 10) == [DueJob(author.run_id, "a", 5, 0, leased=False)]

    async def test_the_next_group_is_due_when_it_is_scheduled(self, store: Store) -> None:
        """The job of a completed stage is gone, and those that follow are there."""
        author = Author()
        await append(store, author.create(groups=[["a"], ["b", "c"]]), author.claim())
        await append(store, author.complete())
        assert [job.stage for job in await store.due(START, None, 10)] == ["b", "c"]

    async def test_an_ended_run_has_no_jobs(self, store: Store) -> None:
        """Completion and cancellation take all jobs away."""
        completed, cancelled = Author(), Author()
        await append(store, completed.create(), cancelled.create(groups=[["a", "b"]]))
        await append(store, completed.claim(), cancelled.claim())
        await append(store, completed.complete(), cancelled.cancel())
        assert await store.due(at(1_000_000), None, 10) == []

    async def test_a_claim_race_has_one_winner_a_job(self, store: Store) -> None:
        """Three runs and ten claimers give exactly three claims."""
        authors = {author.run_id: author for author in (Author(), Author(), Author())}
        await append(store, *(author.create() for author in authors.values()))

        async def claim_all() -> None:
            for job in await store.due(START, None, 10):
                await store.append([authors[job.run_id].copy().claim(job.stage)])

        await asyncio.gather(*(claim_all() for _ in range(10)))
        claims = [event for event in await whole_log(store) if event.type == "job.claimed"]
        assert sorted(event.run_id for event in claims) == sorted(authors)
        assert await store.due(START, None, 10) == []


class DueOrderTests:
    """Jobs come by priority, then by the position of the event that scheduled them."""

    async def test_the_most_important_comes_first(self, store: Store) -> None:
        """Priority goes downwards, also below zero."""
        authors = {priority: Author() for priority in (1, 10, -3, 5, 0)}
        for priority, author in authors.items():
            await append(store, author.create(priority=priority))
        expected = [authors[priority].run_id for priority in (10, 5, 1, 0, -3)]
        assert await due_runs(store) == expected

    async def test_equals_come_first_in_first_out(self, store: Store) -> None:
        """With equal priorities and equal times the order is that of the log."""
        authors = [Author() for _ in range(30)]
        for author in authors:
            await append(store, author.create())
        assert await due_runs(store) == [author.run_id for author in authors]

    async def test_a_batch_is_in_order_too(self, store: Store) -> None:
        """Jobs that one transaction has scheduled come in the order of its operations."""
        authors = [Author() for _ in range(30)]
        await append(store, *(author.create() for author in authors))
        assert await due_runs(store) == [author.run_id for author in authors]

    async def test_the_order_is_not_that_of_times(self, store: Store) -> None:
        """What was scheduled first comes first, though it became due last."""
        authors = [Author() for _ in range(5)]
        for seconds, author in enumerate(authors):
            await append(store, author.create(now=at(-seconds)))
        assert await due_runs(store) == [author.run_id for author in authors]

    async def test_siblings_come_in_the_order_of_the_plan(self, store: Store) -> None:
        """Stages of one group are as old as the events that scheduled them."""
        author = Author()
        await append(store, author.create(groups=[["c", "a", "b"]]))
        assert [job.stage for job in await store.due(START, None, 10)] == ["c", "a", "b"]

    async def test_a_retry_keeps_its_place(self, store: Store) -> None:
        """An attempt that is made again stands before what was scheduled after the first one."""
        old, young = Author(), Author()
        await append(store, old.create(), young.create(), old.claim(), old.fail())
        assert await due_runs(store, 1) == [young.run_id]
        assert await due_runs(store, 2) == [old.run_id, young.run_id]

    async def test_an_expired_lease_keeps_its_place(self, store: Store) -> None:
        """Neither a claim nor a renewal makes a job younger."""
        old, young = Author(), Author()
        await append(store, old.create(), young.create(), old.claim())
        await store.renew([Renewal(old.run_id, "a", old.token("a"), at(90))])
        assert await due_runs(store, 89) == [young.run_id]
        assert await due_runs(store, 90) == [old.run_id, young.run_id]

    async def test_a_stage_that_is_scheduled_anew_is_young(self, store: Store) -> None:
        """After a rewind a job is as old as the event that scheduled it again."""
        old, young = Author(), Author()
        await append(store, old.create(), young.create(), old.claim(), old.complete())
        await append(store, old.rewind())
        assert await due_runs(store) == [young.run_id, old.run_id]

    async def test_the_limit_keeps_the_first(self, store: Store) -> None:
        """A limit cuts the list at its end."""
        authors = [Author() for _ in range(10)]
        for author in authors:
            await append(store, author.create())
        for limit in (1, 3, 10, 11):
            expected = [author.run_id for author in authors[:limit]]
            assert await due_runs(store, limit=limit) == expected

    async def test_what_is_not_due_hides_nothing(self, store: Store) -> None:
        """However many important jobs wait for their time, what is due is found."""
        waiting = [Author() for _ in range(60)]
        await append(store, *(a.create(priority=10, now=at(100)) for a in waiting))
        ready = Author()
        await append(store, ready.create(priority=1))
        assert await due_runs(store, limit=1) == [ready.run_id]

    async def test_a_hold_is_a_courtesy_that_passes(self, store: Store) -> None:
        """What was held is listed to who gives no hold, and to everybody once the hold is over."""
        authors = [Author() for _ in range(4)]
        await append(store, *(author.create() for author in authors))
        everything = [author.run_id for author in authors]
        held = await store.due(at(1), None, 2, hold=5)
        assert [job.run_id for job in held] == everything[:2]
        assert await due_runs(store, 1) == everything
        later = await store.due(at(7), None, 10, hold=5)
        assert [job.run_id for job in later] == everything

    async def test_an_old_claim_hides_nothing(self, store: Store) -> None:
        """However many important jobs are claimed, what is due is found."""
        busy = [Author() for _ in range(60)]
        await append(store, *(author.create(priority=10) for author in busy))
        assert len(await due_runs(store)) == 60
        await append(store, *(author.claim() for author in busy))
        ready = Author()
        await append(store, ready.create(priority=1))
        assert await due_runs(store, limit=1) == [ready.run_id]


class DueFilterTests:
    """A worker is told only of stages that it can execute."""

    @pytest.mark.parametrize(
        ("workflows", "expected"),
        [
            (None, ["one a", "one b", "two a", "two c"]),
            ({}, []),
            ({"one": []}, []),
            ({"one": ["a"]}, ["one a"]),
            ({"one": ["b", "a"]}, ["one a", "one b"]),
            ({"two": ("a", "b", "c")}, ["two a", "two c"]),
            ({"two": {"c"}, "one": {"b"}}, ["one b", "two c"]),
            ({"two": ["a", "a"]}, ["two a"]),
            ({"three": ["a"], "one": ["c"]}, []),
            ({"ONE": ["a"], "two": ["A"]}, []),
        ],
    )
    async def test_only_these_stages_of_these_workflows(
        self,
        store: Store,
        workflows: Mapping[str, Collection[str]] | None,
        expected: list[str],
    ) -> None:
        """A stage is told by its workflow and its id."""
        one, two = Author(), Author()
        await append(store, one.create("one", [["a", "b"]]), two.create("two", [["a", "c"]]))
        names = {one.run_id: "one", two.run_id: "two"}
        found = await store.due(START, workflows, 10)
        assert [f"{names[job.run_id]} {job.stage}" for job in found] == expected

    async def test_what_others_execute_hides_nothing(self, store: Store) -> None:
        """However many important jobs are for other workers, one's own is found."""
        others = [Author() for _ in range(60)]
        await append(store, *(author.create("other", priority=10) for author in others))
        own = Author()
        await append(store, own.create("own", priority=1))
        (job,) = await store.due(START, {"own": ["a"]}, 1)
        assert job.run_id == own.run_id


class RenewTests:
    """`renew` moves the due time of a claimed job, by compare-and-set on its token."""

    async def test_a_renewal_moves_the_lease(self, store: Store) -> None:
        """The job is due when the new lease ends, and not before."""
        author = Author()
        await append(store, author.create(), author.claim())
        assert await store.renew([Renewal(author.run_id, "a", 4, at(100))]) == []
        assert await store.due(at(99), None, 10) == []
        assert await store.due(at(100), None, 10) == [DueJob(author.run_id, "a", 4, 4, leased=True)]

    async def test_a_lease_can_be_shortened(self, store: Store) -> None:
        """A due time moves in both directions."""
        author = Author()
        await append(store, author.create(), author.claim())
        assert await store.renew([Renewal(author.run_id, "a", 4, at(1))]) == []
        assert len(await store.due(at(1), None, 10)) == 1

    async def test_an_expired_lease_can_still_be_renewed(self, store: Store) -> None:
        """As long as nobody has taken the job, its worker may go on."""
        author = Author()
        await append(store, author.create(), author.claim())
        assert len(await store.due(at(LEASE), None, 10)) == 1
        assert await store.renew([Renewal(author.run_id, "a", 4, at(100))]) == []
        assert await store.due(at(LEASE), None, 10) == []

    async def test_a_job_that_is_given_back_waits(self, store: Store) -> None:
        """It is unclaimed until its time, keeps its token, and cannot be renewed again."""
        author = Author()
        await append(store, author.create(), author.claim())
        back = Renewal(author.run_id, "a", 4, at(30), leased=False)
        assert await store.renew([back]) == []
        assert await store.due(at(29), None, 10) == []
        assert await store.due(at(30), None, 10) == [DueJob(author.run_id, "a", 4, 4, leased=False)]
        assert await store.renew([back]) == [back]

    async def test_a_renewal_leaves_no_event(self, store: Store) -> None:
        """Neither the log nor any row but the job's changes."""
        author = Author()
        await append(store, author.create(), author.claim())
        before = await rows(store, author.run_id)
        await store.renew([Renewal(author.run_id, "a", 4, at(100.000001), leased=False)])
        after = await rows(store, author.run_id)
        assert (after.run, after.stages) == (before.run, before.stages)
        assert (after.jobs[0].due_at, after.jobs[0].leased) == (at(100.000001), False)
        assert len(await whole_log(store)) == 4

    @pytest.mark.parametrize(
        ("run_id", "stage", "token"),
        [
            ("run", "a", 4),
            ("run", "a", 6),
            ("run", "a", 0),
            ("run", "b", 5),
            ("run", "b", 0),
            ("run", "x", 5),
            ("other", "a", 5),
            ("nobody", "a", 5),
        ],
    )
    async def test_what_is_not_claimed_under_this_token_is_lost(
        self, store: Store, run_id: str, stage: str, token: int
    ) -> None:
        """Another token, an unclaimed job and no job at all are all lost."""
        author, other = Author("run"), Author("other")
        await append(store, author.create(groups=[["a", "b"]]), other.create(), author.claim("a"))
        assert author.token("a") == 5
        renewal = Renewal(run_id, stage, token, at(100))
        assert await store.renew([renewal]) == [renewal]
        assert await store.renew([Renewal("run", "a", 5, at(100))]) == []

    async def test_a_claim_that_was_taken_over_is_lost(self, store: Store) -> None:
        """After another claim, only the new token renews."""
        author = Author()
        await append(store, author.create(), author.claim())
        old = author.token("a")
        await append(store, author.claim(now=at(LEASE)))
        late = Renewal(author.run_id, "a", old, at(500))
        current = Renewal(author.run_id, "a", author.token("a"), at(300))
        assert await store.renew([late, current]) == [late]
        assert (await rows(store, author.run_id)).jobs[0].due_at == at(300)

    async def test_a_job_that_is_gone_is_lost(self, store: Store) -> None:
        """Nothing of a completed, cancelled or rewound stage can be renewed."""
        author = Author()
        await append(store, author.create(), author.claim())
        renewal = Renewal(author.run_id, "a", 4, at(100))
        await append(store, author.cancel())
        assert await store.renew([renewal]) == [renewal]
        await append(store, author.rewind())
        assert await store.renew([renewal]) == [renewal]

    async def test_only_the_lost_are_returned(self, store: Store) -> None:
        """Each renewal of a batch has a fate of its own; the lost come in the order given."""
        authors = [Author() for _ in range(6)]
        for author in authors:
            await append(store, author.create(), author.claim())
        renewals = [
            Renewal(author.run_id, "a", 4 if number % 2 else 9, at(100))
            for number, author in enumerate(authors)
        ]
        assert await store.renew(renewals) == renewals[::2]
        assert await due_runs(store, 99) == [author.run_id for author in authors[::2]]

    async def test_a_later_renewal_sees_the_earlier_ones(self, store: Store) -> None:
        """A job that is given back first is lost to what follows in the batch."""
        author = Author()
        await append(store, author.create(), author.claim())
        back = Renewal(author.run_id, "a", 4, at(30), leased=False)
        late = Renewal(author.run_id, "a", 4, at(100))
        assert await store.renew([back, late]) == [late]
        assert len(await store.due(at(30), None, 10)) == 1

    async def test_nothing_to_renew_is_nothing_lost(self, store: Store) -> None:
        """An empty batch gets an empty answer."""
        assert await store.renew([]) == []
