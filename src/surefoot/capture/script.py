"""Running somebody's script or module as Python itself would, under observation."""

from __future__ import annotations

import builtins
import importlib.machinery
import importlib.util
import io
import os
import sys
import zipfile
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from surefoot.capture.limit import StepLimit
from surefoot.errors import ScriptError

if TYPE_CHECKING:
    from surefoot.records import Status


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be run.

    Args:
        name: A file, a folder with a `__main__.py`, or a module's dotted name.
        arguments: Its own arguments.
        is_module: `name` is a module, as for `python -m`.
    """

    name: str
    arguments: tuple[str, ...] = ()
    is_module: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script ended.

    Args:
        status: For the run's record.
        exit_code: What the process will end with.
        error: The exception to hand on to Python; None where the script came to its end.
        described: "ValueError: …" for the record.
    """

    status: Status
    exit_code: int
    error: BaseException | None = None
    described: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """Code with the module that it will run in."""

    code: CodeType
    module: ModuleType
    path_entry: str
    argv: list[str]
    filename: str
    source: str


def prepare(target: Target) -> Prepared:
    """Find and compile a script or module.

    Raises:
        ScriptError: There is no such file or module, or it cannot be read.
        SyntaxError: Its own.
    """
    try:
        return _prepare_module(target) if target.is_module else _prepare_file(target)
    except FileNotFoundError:  # by os.getcwd
        raise ScriptError(
            f"{target.name} cannot be found: the working folder is gone; change to another, or give its whole path."
        ) from None


_NOTEBOOK = (
    "{name} is a notebook, not a script: jupyter nbconvert --to script {name} writes {stem}.py, which can be run so; "
    "inside a notebook, surefoot.watch(model, optimizer) records."
)


def _prepare_file(target: Target) -> Prepared:
    # As Python shows it: absolute, not normalised.
    path = target.name if os.path.isabs(target.name) else os.path.join(os.getcwd(), target.name)
    if os.path.isdir(path) or zipfile.is_zipfile(path):
        return _prepare_folder(target, path)
    if path.endswith(".ipynb"):
        raise ScriptError(_NOTEBOOK.format(name=target.name, stem=os.path.splitext(target.name)[0]))
    try:
        with io.open_code(path) as file:
            data = file.read()
    except FileNotFoundError:
        raise ScriptError(
            f"there is no script {target.name}: check the path, seen from {os.getcwd()}."
        ) from None
    except OSError as error:
        raise ScriptError(f"{target.name} cannot be read: {error.strerror}.") from None
    module = _main_module(path, importlib.machinery.SourceFileLoader("__main__", path))
    code = _compiled(data, path)
    source = data.decode("utf-8", errors="replace")
    entry = os.path.dirname(os.path.realpath(path))
    return Prepared(code, module, entry, [target.name, *target.arguments], path, source)


def _prepare_folder(target: Target, path: str) -> Prepared:
    """A folder or a zip file with a `__main__.py`."""
    spec = importlib.machinery.PathFinder.find_spec("__main__", [path])
    if spec is None or spec.loader is None:
        raise ScriptError(f"{target.name} is a folder without a __main__.py: name the script itself.")
    return _from_spec(spec, "__main__", path, target.name, target.arguments)


def _compiled(data: bytes, path: str) -> CodeType:
    try:
        return compile(data, path, "exec", dont_inherit=True)
    except ValueError as error:  # null bytes: not a script at all
        raise ScriptError(f"{path} is not Python source: {error}.") from None


def _prepare_module(target: Target) -> Prepared:
    name = target.name
    sys.path.insert(0, os.getcwd())  # a module is looked for where `python -m` would
    try:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations is not None:
            name = f"{name}.__main__"
            spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError) as error:
        raise ScriptError(f"the module {target.name} cannot be found: {error}.") from None
    finally:
        sys.path.pop(0)
    if spec is None or spec.loader is None:
        raise ScriptError(
            f"there is no module {name} that can be run: check its name, seen from {os.getcwd()}."
        )
    return _from_spec(spec, name, os.getcwd(), None, target.arguments)


def _from_spec(
    spec: importlib.machinery.ModuleSpec,
    name: str,
    entry: str,
    command: str | None,
    arguments: tuple[str, ...],
) -> Prepared:
    get_code = getattr(spec.loader, "get_code", None)
    code = get_code(name) if get_code is not None else None
    if code is None:
        raise ScriptError(f"the module {name} has no Python code to run.")
    filename = spec.origin or name
    module = _main_module(filename, spec.loader)
    module.__spec__ = spec
    module.__package__ = spec.parent
    get_source = getattr(spec.loader, "get_source", None)
    source = (get_source(name) if get_source is not None else None) or ""
    return Prepared(code, module, entry, [command or filename, *arguments], filename, source)


def _main_module(filename: str, loader: object) -> ModuleType:
    module = ModuleType("__main__")
    module.__file__ = filename
    module.__loader__ = loader  # type: ignore[assignment]
    module.__package__ = None
    module.__dict__["__builtins__"] = builtins
    module.__dict__["__cached__"] = None
    if sys.version_info < (3, 14):
        module.__annotations__ = {}
    return module


def execute(prepared: Prepared) -> Outcome:
    """Run prepared code as the program's main module.

    Effects: `__main__`, `sys.argv` and `sys.path[0]` become the script's for the rest of the process, as its
    exit handlers and worker processes expect.
    """
    sys.argv[:] = prepared.argv
    if not getattr(sys.flags, "safe_path", False):
        if sys.path:
            sys.path[0] = prepared.path_entry
        else:
            sys.path.append(prepared.path_entry)
    _keep.append(sys.modules["__main__"])
    sys.modules["__main__"] = prepared.module
    try:
        exec(prepared.code, prepared.module.__dict__)
    except StepLimit:
        return Outcome("stopped", 0)
    except SystemExit as error:
        code = _exit_code(error.code)
        return Outcome("finished" if code == 0 else "failed", code, error)
    except KeyboardInterrupt as error:
        return Outcome("interrupted", 130, error, "KeyboardInterrupt")
    except BaseException as error:
        described = f"{type(error).__name__}: {error}".strip(": ")
        return Outcome("failed", 1, error, described)
    return Outcome("finished", 0)


_keep: list[ModuleType] = []  # the command's own main module must outlive the change


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    return code if isinstance(code, int) else 1
