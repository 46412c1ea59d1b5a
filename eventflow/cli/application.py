"""From `module:attribute` to what the application offers: workflows, or a whole Runtime."""

import contextlib
import importlib
import inspect
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, cast

from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.naming import Named
from eventflow.cli.suggesting import did_you_mean
from eventflow.definition.workflow import Workflow
from eventflow.runtime.catalog import Workflows, WorkflowSource
from eventflow.runtime.runtime import Runtime

Application: TypeAlias = Runtime | Workflows

HOW = (
    "name it as module:attribute with --app, EVENTFLOW_APP, or app in [tool.eventflow] of "
    "pyproject.toml; the attribute is a Runtime, a list of workflows, or a function giving one"
)


def load_application(named: Named | None) -> Application:
    """Import what was named; what the module prints meanwhile goes to stderr.

    Raises:
        CommandError: Nothing was named, or it is not there, or it is something else.
    """
    if named is None:
        raise CommandError(f"This command needs the application: {HOW}")
    module_name, colon, attribute = named.value.partition(":")
    dotted = [*module_name.split("."), *attribute.split(".")]
    if not colon or not all(part.isidentifier() for part in dotted) or ".py:" in named.value:
        raise CommandError(_not_a_name(named))
    _make_importable(named)
    with contextlib.redirect_stdout(sys.stderr):
        module = _import(module_name, named)
        return _checked(_called(_attribute(module, attribute, named), named), named)


def _not_a_name(named: Named) -> str:
    value = named.value
    hint = ""
    module, _, attribute = value.partition(":")
    if module.endswith(".py") or "/" in module:
        dotted = module.removesuffix(".py").strip("./").replace("/", ".")
        hint = f". Did you mean {dotted}:{attribute or 'ATTRIBUTE'}?"
    return f'{named.source} is "{value}", which is not of the form module:attribute{hint}'


def _make_importable(named: Named) -> None:
    """Let modules be found where the command was typed, and where the project stands."""
    for folder in (named.folder, Path.cwd()):
        if folder is not None and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))


def _import(name: str, named: Named) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise CommandError(_broken(name, error), Exit.FAILED) from error
        raise CommandError(
            f'There is no module "{error.name}", which {named.source} names ("{named.value}"); '
            f"modules are looked for in {Path.cwd()} and in this environment",
            Exit.NOT_FOUND,
        ) from None
    except (Exception, SystemExit) as error:
        raise CommandError(_broken(name, error), Exit.FAILED) from error


def _broken(name: str, error: BaseException) -> str:
    """Say where a module of the application went wrong: at the last line that is its own."""
    if isinstance(error, SyntaxError) and error.filename:
        where, told = f" ({error.filename}, line {error.lineno})", error.msg
    else:
        where, told = _where(error), str(error)
    return (
        f'The module "{name}" cannot be imported: {type(error).__name__}: {told}{where}; '
        "--debug shows the traceback"
    )


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    importing = ("<frozen", importlib.__file__)
    own = [each for each in frames[1:] if not each.filename.startswith(importing)]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""


def _attribute(module: ModuleType, path: str, named: Named) -> object:
    found: object = module
    for name in path.split("."):
        if not hasattr(found, name):
            offered = sorted(_offered(module))
            there = f"; it offers: {', '.join(offered)}" if offered else ""
            raise CommandError(
                f'{module.__name__} has no "{path}", which {named.source} names'
                f"{there}{did_you_mean(path, offered or vars(module))}",
                Exit.NOT_FOUND,
            )
        found = getattr(found, name)
    return found


def _offered(module: ModuleType) -> Iterator[str]:
    """Name what in a module could be the application."""
    for name, value in vars(module).items():
        if isinstance(value, Runtime | Workflow) or _are_workflows(value):
            yield name


def _are_workflows(value: object) -> bool:
    several = value.values() if isinstance(value, Mapping) else value
    return (
        isinstance(several, list | tuple | type({}.values()))
        and bool(several)
        and all(isinstance(each, Workflow) for each in several)
    )


def _called(found: object, named: Named) -> object:
    """Call what is a function, and give what it gives."""
    if not inspect.isroutine(found):
        return found
    try:
        given = found()
    except (Exception, SystemExit) as error:
        raise CommandError(
            f"{named.value}() failed: {type(error).__name__}: {error}; --debug shows the traceback",
            Exit.FAILED,
        ) from error
    if inspect.iscoroutine(given):
        given.close()
        raise CommandError(f"{named.value} is a coroutine function; name a plain function")
    return given


def _checked(found: object, named: Named) -> Application:
    if isinstance(found, Workflow):
        return [found]
    if isinstance(found, Runtime | WorkflowSource):
        return found
    if isinstance(found, Iterable) and not isinstance(found, str | bytes | Mapping):
        found = list(found)
    if isinstance(found, list | Mapping) and (not found or _are_workflows(found)):
        return cast("Workflows", found)
    raise CommandError(f"{named.value} is {_kind(found)}, which is no application: {HOW}")


def _kind(found: object) -> str:
    if isinstance(found, list | Mapping):
        wrong = next(
            each
            for each in (found.values() if isinstance(found, Mapping) else found)
            if not isinstance(each, Workflow)
        )
        return f"a {type(found).__name__} that holds a {type(wrong).__name__}"
    return f"a {type(found).__name__}"
