"""What an error of the driver means: try again, connect again, or give up; never who was wrong."""

import ssl
from enum import Enum, auto

import asyncpg


class Remedy(Enum):
    """What to do after an error."""

    REPEAT = auto()
    """Another transaction was in the way."""
    RECONNECT = auto()
    """The connection, the server or its room is gone, perhaps for a moment."""
    GIVE_UP = auto()
    """The database answers and says no; asking again changes nothing."""
    RAISE = auto()
    """A mistake in a statement or an argument."""


_REPEAT = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)
_RECONNECT = (
    OSError,  # TimeoutError is one
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.PostgresSystemError,  # its disk, mostly
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.TargetServerAttributeNotMatched,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
_GIVE_UP = (
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.ClientConfigurationError,
    asyncpg.RaiseError,  # a function of the schema refuses how the session is set up
    ssl.SSLCertVerificationError,
)
_SETTING_REFUSED = "unsupported startup parameter"


def needs_a_session(error: Exception) -> bool:
    """Tell whether a pooler that gives each transaction another connection is the reason.

    It has the same code for all that it says, also when its server has gone away.
    """
    if isinstance(error, asyncpg.ProtocolViolationError):
        return _SETTING_REFUSED in str(error)
    return isinstance(
        error, asyncpg.InvalidSQLStatementNameError | asyncpg.DuplicatePreparedStatementError
    )


def remedy_for(error: Exception) -> Remedy:
    """Tell what to do after an error of the driver."""
    if isinstance(error, _REPEAT):
        return Remedy.REPEAT
    if isinstance(error, _GIVE_UP) or needs_a_session(error):
        return Remedy.GIVE_UP
    # The driver's own complaint about an argument is an interface error and a ValueError.
    if isinstance(error, _RECONNECT) and not isinstance(error, ValueError):
        return Remedy.RECONNECT
    return Remedy.RAISE
