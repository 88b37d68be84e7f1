"""Which of our files a process runs: the import closure of its entries, read from the source text, never executed.

An import inside a command's function, or inside a private function that only commands call, counts for those commands
alone: `stream consume` does not depend on what `stream replay` imports. A package that looks for modules by name
(importlib, pkgutil) takes along all that it holds.
"""

import ast
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeGuard

PACKAGES = ("stream", "training", "serving", "evaluation", "infra")
_DISCOVERY = {"importlib", "pkgutil"}
_SUFFIXES = ("_command", "_cmd", "_group", "_grp")  # click drops them from a function's name


class BrokenSource(RuntimeError):
    """A file that cannot be parsed; the text names file and line."""


@dataclass(frozen=True, slots=True)
class Source:
    """One file. imports: dotted names; verbs: those that one command adds; names: identifiers that occur."""

    digest: str
    imports: frozenset[str]
    verbs: dict[str, frozenset[str]]
    names: frozenset[str]


def closure(checkout: Path, entries: tuple[str, ...]) -> dict[str, Path]:
    """File of every module of ours that the entries ("module" or "module:verb") import, directly or not.

    Raises BrokenSource.
    """
    found: dict[str, Path] = {}
    waiting = [tuple(entry.partition(":")[::2]) for entry in entries]
    while waiting:
        module, verb = waiting.pop()
        file = find(checkout, module)
        if module in found or file is None:
            continue
        found[module] = file
        source = read(file, checkout)
        wanted = (
            source.imports | source.verbs.get(verb, frozenset()) | _parents(module) | _discovered(module, file, source)
        )
        waiting += [(name, verb) for name in wanted]
    return found


def data_beside(files: Iterable[Path]) -> set[Path]:
    """Data files in the folders of these files and in folders below them that are no packages."""
    return {data for folder in {file.parent for file in files} for data in _data_of(folder)}


def find(checkout: Path, module: str) -> Path | None:
    """The file of a module of ours, None if it is none."""
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = checkout.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def read(file: Path, checkout: Path) -> Source:
    """What a file imports. Raises BrokenSource."""
    stat = file.stat()
    return _parse(file, checkout, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=2048)
def _parse(file: Path, checkout: Path, _mtime_ns: int, _size: int) -> Source:
    text = file.read_bytes()
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise BrokenSource(f"{file.relative_to(checkout)}, line {error.lineno}: {error.msg}") from error
    package = file.relative_to(checkout).parts[:-1]
    nodes = _run(tree)
    commands = [(verb, _run(node)) for node in nodes if (verb := _verb(node))]
    helpers = {node.name: _run(node) for node in tree.body if commands and _helps(node)}
    verbs = {verb: _imported(_with_helpers(own, helpers), package) for verb, own in commands}
    inside = {id(node) for own in (*(own for _, own in commands), *helpers.values()) for node in own}
    rest = _with_helpers([node for node in nodes if id(node) not in inside], helpers)
    return Source(hashlib.sha256(text).hexdigest(), _imported(rest, package), verbs, frozenset(_names(nodes)))


def _run(tree: ast.AST) -> list[ast.AST]:
    """Everything in a tree but what only type checkers read."""
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        skipped = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        waiting += [] if skipped else ast.iter_child_nodes(node)
    return found


def _helps(node: ast.AST) -> TypeGuard[ast.FunctionDef]:
    return isinstance(node, ast.FunctionDef) and node.name.startswith("_") and _verb(node) is None


def _with_helpers(nodes: list[ast.AST], helpers: Mapping[str, list[ast.AST]]) -> list[ast.AST]:
    """The nodes, and those of the helpers that they name, directly or not."""
    reached: set[str] = set()
    waiting = list(_names(nodes) & helpers.keys())
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += _names(helpers[name]) & helpers.keys()
    return nodes + [node for name in sorted(reached) for node in helpers[name]]


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _verb(node: ast.AST) -> str | None:
    """The command that a function is, if it is one."""
    if not isinstance(node, ast.FunctionDef):
        return None
    for mark in node.decorator_list:
        called = mark.func if isinstance(mark, ast.Call) else mark
        if isinstance(called, ast.Attribute) and called.attr == "command":
            given = [a.value for a in mark.args if isinstance(a, ast.Constant)] if isinstance(mark, ast.Call) else []
            return str(given[0]) if given else _command_name(node.name)
    return None


def _command_name(function: str) -> str:
    for suffix in _SUFFIXES:
        function = function.removesuffix(suffix)
    return function.rstrip("_").replace("_", "-")


def _imported(nodes: Iterable[ast.AST], package: tuple[str, ...]) -> frozenset[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            found.update({base, *(f"{base}.{alias.name}" for alias in node.names)})
    return frozenset(found)


def _parents(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:n]) for n in range(1, len(parts))}


def _discovered(module: str, file: Path, source: Source) -> set[str]:
    if file.name != "__init__.py" or not any(name.partition(".")[0] in _DISCOVERY for name in source.imports):
        return set()
    return {f"{module}.{other.stem}" for other in file.parent.glob("*.py") if other != file}


def _data_of(folder: Path) -> set[Path]:
    data = set()
    for path in folder.iterdir():
        if path.name.startswith((".", "__pycache__")) or path.name.endswith("~"):
            continue
        if path.is_dir() and not (path / "__init__.py").exists():
            data |= _data_of(path)
        elif path.is_file() and path.suffix not in (".py", ".pyc"):
            data.add(path)
    return data
