"""`eventflow workflow list`: the workflows of the application."""

from eventflow.cli.output import print_json, say
from eventflow.cli.session import SessionArgument
from eventflow.cli.workflows import workflows_of


def list_workflows(*, session: SessionArgument) -> None:
    """List the workflows of the application; no store is needed."""
    known = sorted(workflows_of(session).values(), key=lambda workflow: workflow.id)
    if session.json:
        print_json(
            [
                {
                    "id": each.id,
                    "name": each.name,
                    "description": each.description,
                    "groups": [[stage.id for stage in group] for group in each.groups],
                    "fingerprint": each.plan.fingerprint,
                }
                for each in known
            ]
        )
        return
    if not known:
        say("The application has no workflows, or finds them only when it is asked for one.")
        return
    from eventflow.cli.draw.workflows import draw_workflows  # noqa: PLC0415 - it loads rich

    draw_workflows(known)
