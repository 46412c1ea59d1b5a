"""An envelope shows a stored event and what happened."""

import attrs
import pytest

from eventflow.core.events import RunAnnotated, UnknownEvent
from eventflow.core.state import replay
from eventflow.errors import HistoryAltered
from eventflow.store.contract import StoredEvent
from eventflow.store.envelope import open_envelope
from eventflow.testing.builders import Author


def stored() -> StoredEvent:
    """Store a note."""
    author = Author()
    author.create()
    return attrs.evolve(author.note("x").events[0], position=3)


def test_an_envelope_has_everything_that_is_stored() -> None:
    """Each field is that of the stored event; the event is added."""
    event = stored()
    envelope = open_envelope(event)
    fields = attrs.asdict(event, recurse=False)
    assert {name: getattr(envelope, name) for name in fields} == fields
    assert envelope.event == RunAnnotated("note", "x")


def test_envelopes_can_be_folded() -> None:
    """A history of envelopes folds to the state that wrote it."""
    author = Author()
    events = [*author.create().events, *author.claim().events, *author.complete().events]
    assert replay(map(open_envelope, events)) == author.run


def test_unknown_events_can_be_opened() -> None:
    """A newer release's event is shown with its bytes."""
    event = attrs.evolve(stored(), type="run.teleported")
    assert open_envelope(event).event == UnknownEvent("run.teleported", 1, event.data)


def test_data_that_cannot_be_read_is_an_altered_history() -> None:
    """The error names the run and the version."""
    event = attrs.evolve(stored(), data=b'{"key":')
    with pytest.raises(
        HistoryAltered, match=r"at version 3: The data of a run\.annotated"
    ) as caught:
        open_envelope(event)
    assert (caught.value.run_id, caught.value.version) == (event.run_id, 3)
