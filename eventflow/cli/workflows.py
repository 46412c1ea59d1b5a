"""The workflows of the application, without any store."""

from collections.abc import Mapping

from eventflow.cli.finding import unknown_workflow
from eventflow.cli.session import Session
from eventflow.runtime.catalog import AnyWorkflow, Catalog
from eventflow.runtime.runtime import Runtime


def workflows_of(session: Session) -> Mapping[str, AnyWorkflow]:
    """Give the workflows that the application has, by id, as far as it can list them.

    Raises:
        CommandError: No application is named, or it cannot be loaded.
    """
    application = session.application()
    if isinstance(application, Runtime):
        return application.workflows
    return Catalog(application).known()


def find_workflow(session: Session, given: str) -> AnyWorkflow | None:
    """Give one workflow of the application, if it has one with this id.

    Raises:
        CommandError: No application is named, or it cannot be loaded.
    """
    application = session.application()
    if isinstance(application, Runtime):
        return application.workflows.get(given)
    return Catalog(application).find(given)


def workflow_of(session: Session, given: str) -> AnyWorkflow:
    """Give one workflow of the application.

    Raises:
        CommandError: It has none with this id.
    """
    found = find_workflow(session, given)
    if found is None:
        raise unknown_workflow(given, workflows_of(session))
    return found
