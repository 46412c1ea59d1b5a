"""What matters most, once more on each other version of PostgreSQL that this machine has.

It is short; the deep tests run everything on all of them.
"""

import os
from collections.abc import Iterator

import pytest

from eventflow.testing.conformance.appending import (
    BatchTests,
    RepetitionTests,
    VerdictTests,
)
from eventflow.testing.conformance.jobs import DueOrderTests
from eventflow.testing.conformance.listing import ProjectionTests
from tests.postgres_server import GIVEN_URL, binaries, running_server
from tests.scenarios.conftest import clock, open_runtime
from tests.scenarios.test_data_flow import (
    test_a_rerun_executes_only_the_stage_and_what_follows,
    test_parallel_stages_share_their_input_and_overlap,
)
from tests.stores.postgres.test_append_only import (
    application_url,
    test_the_application_role_can_do_all_that_a_store_does,
    test_the_superuser_cannot_change_the_log,
)
from tests.stores.postgres.test_holds import (
    test_callers_that_hold_are_given_different_jobs,
)
from tests.stores.postgres.test_migrations import (
    schema,
    test_an_older_schema_becomes_what_a_new_one_is,
    test_two_openers_at_once_make_one_schema,
)
from tests.stores.postgres.test_plans import (
    filled,
    test_an_append_scans_no_table,
    test_looking_for_jobs_scans_no_table,
)
from tests.stores.postgres.test_waking import test_an_append_elsewhere_wakes

__all__ = [
    "application_url",
    "clock",
    "filled",
    "open_runtime",
    "schema",
    "test_a_rerun_executes_only_the_stage_and_what_follows",
    "test_an_append_elsewhere_wakes",
    "test_an_append_scans_no_table",
    "test_an_older_schema_becomes_what_a_new_one_is",
    "test_callers_that_hold_are_given_different_jobs",
    "test_looking_for_jobs_scans_no_table",
    "test_parallel_stages_share_their_input_and_overlap",
    "test_the_application_role_can_do_all_that_a_store_does",
    "test_the_superuser_cannot_change_the_log",
    "test_two_openers_at_once_make_one_schema",
]

pytestmark = pytest.mark.postgres


def other_versions() -> list[int]:
    """List the versions besides the preferred one."""
    given = os.environ.get(GIVEN_URL)
    return [] if given else [each.version for each in binaries()[1:]]


@pytest.fixture(scope="module", params=other_versions(), ids=lambda version: f"pg{version}")
def postgres(request: pytest.FixtureRequest) -> Iterator[str]:
    """Give the URL of a database of another version."""
    with running_server(version=request.param) as server:
        yield server.url()


@pytest.fixture
def store_url(postgres_url: str) -> str:
    """The URL of an empty store."""
    return postgres_url


class TestEachVersion(
    VerdictTests,
    BatchTests,
    RepetitionTests,
    DueOrderTests,
    ProjectionTests,
):
    """The core of the contract; the fixture `store` is that of the folder."""
