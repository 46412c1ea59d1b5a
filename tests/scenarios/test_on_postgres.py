"""Every scenario once more, on PostgreSQL."""

import pytest

from tests.postgres import postgres, postgres_url
from tests.scenarios.test_ai_calls import *  # noqa: F403 - all tests of the module, as they are
from tests.scenarios.test_annotations import *  # noqa: F403
from tests.scenarios.test_as_of import *  # noqa: F403
from tests.scenarios.test_bad_input import *  # noqa: F403
from tests.scenarios.test_cancelling import *  # noqa: F403
from tests.scenarios.test_checkpoints import *  # noqa: F403
from tests.scenarios.test_claims import *  # noqa: F403
from tests.scenarios.test_data_flow import *  # noqa: F403
from tests.scenarios.test_driving import *  # noqa: F403
from tests.scenarios.test_failures import *  # noqa: F403
from tests.scenarios.test_import import *  # noqa: F403
from tests.scenarios.test_large_values import *  # noqa: F403
from tests.scenarios.test_live import *  # noqa: F403
from tests.scenarios.test_moving_blobs import *  # noqa: F403
from tests.scenarios.test_moving_subscriptions import *  # noqa: F403
from tests.scenarios.test_new_versions import *  # noqa: F403
from tests.scenarios.test_rebuild import *  # noqa: F403
from tests.scenarios.test_requests import *  # noqa: F403
from tests.scenarios.test_run_and_wait import *  # noqa: F403
from tests.scenarios.test_steps import *  # noqa: F403
from tests.scenarios.test_storage import *  # noqa: F403
from tests.scenarios.test_subscriptions import *  # noqa: F403
from tests.scenarios.test_suspension import *  # noqa: F403
from tests.scenarios.test_verify import *  # noqa: F403
from tests.scenarios.test_waiting import *  # noqa: F403
from tests.scenarios.test_workers import *  # noqa: F403

__all__ = ["postgres", "postgres_url", "store_url"]

pytestmark = pytest.mark.postgres


@pytest.fixture
def store_url(postgres_url: str) -> str:
    """The URL of an empty store."""
    return postgres_url
