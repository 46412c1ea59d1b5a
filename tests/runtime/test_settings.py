"""Settings: checked when they are made, read from the environment only when that is asked for."""

import subprocess
import sys
from importlib.metadata import version
from typing import Any

import pytest

import eventflow as ef
from eventflow.errors import InvalidSettings

VARIABLES: list[tuple[str, str, str, object]] = [
    ("EVENTFLOW_STORE_URL", "memory://", "store_url", "memory://"),
    ("EVENTFLOW_POLL_INTERVAL", "2.5", "poll_interval", 2.5),
    ("EVENTFLOW_JOB_POLL_INTERVAL", "0.25", "job_poll_interval", 0.25),
    ("EVENTFLOW_STALE_JOB_THRESHOLD", "30", "stale_job_threshold", 30.0),
    ("EVENTFLOW_CONCURRENCY", "4", "concurrency", 4),
    ("EVENTFLOW_WORKER_ID", "w-1", "worker_id", "w-1"),
]
NUMBERS = ["poll_interval", "job_poll_interval", "stale_job_threshold"]


def test_an_empty_environment_gives_the_defaults() -> None:
    """What is not set stays as it is."""
    assert ef.Settings.from_env({}) == ef.Settings()


@pytest.mark.parametrize(("variable", "text", "name", "value"), VARIABLES)
def test_each_variable_sets_one_setting(
    variable: str, text: str, name: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read from the process's environment, and touches nothing else."""
    monkeypatch.setenv(variable, text)
    settings = ef.Settings.from_env()
    assert getattr(settings, name) == value
    assert settings == ef.Settings(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("variable", "text", "kind"),
    [
        ("EVENTFLOW_POLL_INTERVAL", "soon", "a number, not 'soon'"),
        ("EVENTFLOW_JOB_POLL_INTERVAL", "", "a number, not ''"),
        ("EVENTFLOW_STALE_JOB_THRESHOLD", "1m", "a number, not '1m'"),
        ("EVENTFLOW_CONCURRENCY", "2.5", "a whole number, not '2.5'"),
    ],
)
def test_a_variable_that_holds_something_else_is_named(variable: str, text: str, kind: str) -> None:
    """The error tells which variable, what it holds, and what it should hold."""
    with pytest.raises(InvalidSettings, match=f"^{variable} is {kind}$"):
        ef.Settings.from_env({variable: text})


@pytest.mark.parametrize("name", ["STORE_URL", "WORKER_ID", "BLOBS_URL"])
def test_an_empty_text_is_refused(name: str) -> None:
    """A variable that a deployment forgot to fill does not become the default."""
    with pytest.raises(InvalidSettings, match=f"EVENTFLOW_{name} is empty; give it a value, or un"):
        ef.Settings.from_env({f"EVENTFLOW_{name}": ""})


def test_a_misspelled_variable_is_refused() -> None:
    """What is a setting but for a letter was meant to be it; other variables are nobody's."""
    with pytest.raises(InvalidSettings, match=r"EVENTFLOW_CONCURENCY .*did you mean EVENTFLOW_CON"):
        ef.Settings.from_env({"EVENTFLOW_CONCURENCY": "4"})
    others = ["EVENTFLOW_APP", "EVENTFLOW_TEST_POSTGRES_URL", "EVENTFLOW_DEMO", "EVENTFLO_W"]
    assert ef.Settings.from_env(dict.fromkeys(others, "x")) == ef.Settings()


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1e300"])
def test_times_are_above_zero_and_can_be_counted_with(name: str, text: str) -> None:
    """A time that no calendar can hold would break every claim, so it is refused at once."""
    with pytest.raises(InvalidSettings, match=f"{name} is a number above 0"):
        ef.Settings.from_env({f"EVENTFLOW_{name.upper()}": text})


@pytest.mark.parametrize(
    "wrong",
    [*({name: "1"} for name in NUMBERS), {"poll_interval": True}]
    + [{"concurrency": each} for each in (0, -1, True, 1.0, "4", None)],
)
def test_a_runtime_refuses_what_settings_refuse(wrong: dict[str, Any]) -> None:
    """Numbers given to a runtime are checked alike, before any store is opened."""
    (name,) = wrong
    with pytest.raises(InvalidSettings, match=name):
        ef.Runtime("memory://", **wrong)


def test_the_url_is_never_shown() -> None:
    """Neither the settings nor a runtime made of them show a password."""
    url = "postgresql://ada:hunter2@db.example/log?token=hunter3"
    settings = ef.Settings(store_url=url)
    shown = repr(settings) + repr(ef.Runtime.from_settings(settings))
    assert "hunter" not in shown


def test_a_runtime_of_settings_has_them_all() -> None:
    """No setting is lost on the way."""
    settings = ef.Settings(
        store_url="memory://",
        poll_interval=3.0,
        job_poll_interval=2.0,
        stale_job_threshold=9.0,
        concurrency=3,
        worker_id="w",
    )
    assert ef.Runtime.from_settings(settings)._settings == settings


IMPORTS = """
import asyncio, os, socket, threading
from collections.abc import Mapping

class Unreadable(Mapping):
    def __init__(self, values): self.values_ = values
    def __getitem__(self, name):
        if name.startswith("EVENTFLOW"): raise AssertionError(f"{name} was read")
        return self.values_[name]
    def __iter__(self): raise AssertionError("the environment was read")
    def __len__(self): raise AssertionError("the environment was read")

def refuse(*_, **__): raise AssertionError("an event loop was made")

os.environ = Unreadable(dict(os.environ))
asyncio.new_event_loop = asyncio.get_event_loop = refuse
socket.socket = refuse
import eventflow
assert threading.active_count() == 1, threading.enumerate()
print(len(eventflow.__all__))
"""


def test_importing_does_nothing() -> None:
    """No variable is read, no loop or thread is started and no connection made by an import."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", IMPORTS], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert int(ran.stdout) == len(ef.__all__)


def test_the_version_is_that_of_the_distribution() -> None:
    """It is looked up when it is asked for, and another name is not there."""
    assert ef.__version__ == version("eventflow-engine")
    with pytest.raises(AttributeError, match="no attribute 'versoin'"):
        ef.versoin  # type: ignore[attr-defined]  # noqa: B018 - it is looked up


def test_the_public_names_are_few_and_importable() -> None:
    """At most thirty names are promised, in order, and each is there."""
    assert len(ef.__all__) <= 30
    assert ef.__all__ == sorted(ef.__all__)
    assert all(hasattr(ef, name) for name in ef.__all__)
