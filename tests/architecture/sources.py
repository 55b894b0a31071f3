"""Read a source tree as modules and imports, for the checks of this folder.

A check is a function from the root of a tree to a list of complaints, so that it runs on the
checkout, where it must find nothing, and on a planted tree, where it must find what was planted.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Module:
    """Hold one parsed source file; ``path`` is relative to the root of its tree."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the dotted name in parts."""
        return tuple(self.name.split("."))

    def at(self, line: int) -> str:
        """Name a place in this file."""
        return f"{self.path}:{line}"


@dataclass(frozen=True, kw_only=True)
class Import:
    """Hold one imported module; ``names`` are what is taken out of it, empty for all of it."""

    target: str
    names: tuple[str, ...]
    line: int
    at_start: bool  # run when the importing module is imported, not inside a function


def modules(root: Path, *folders: str) -> tuple[Module, ...]:
    """Parse every Python file below the folders of a tree, in the order of their paths."""
    return tuple(
        _parse(root, path) for folder in folders for path in sorted((root / folder).rglob("*.py"))
    )


@cache  # a file once, whichever folders are asked for: the trees of all take 0.3 GB
def _parse(root: Path, path: Path) -> Module:
    relative = path.relative_to(root)
    parts = [*relative.parent.parts, *([] if path.stem == "__init__" else [path.stem])]
    tree = ast.parse(path.read_text("utf-8"), str(relative))
    return Module(name=".".join(parts), path=relative, tree=tree)


def imports(module: Module, known: frozenset[str]) -> Iterator[Import]:
    """Yield what a module imports; ``from a import b`` is ``a.b`` where that is a known module."""
    for node, at_start in _walk(module.tree, at_start=True):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(target=alias.name, names=(), line=node.lineno, at_start=at_start)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.at(node.lineno)}: relative import"
            source = node.module or ""
            inner = [alias.name for alias in node.names if f"{source}.{alias.name}" in known]
            outer = tuple(alias.name for alias in node.names if alias.name not in inner)
            for name in inner:
                yield Import(
                    target=f"{source}.{name}", names=(), line=node.lineno, at_start=at_start
                )
            if outer:
                yield Import(target=source, names=outer, line=node.lineno, at_start=at_start)


def _walk(node: ast.AST, *, at_start: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        yield child, at_start
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _walk(child, at_start=at_start and not inside)


def names_of(found: tuple[Module, ...]) -> frozenset[str]:
    """Return the dotted names of modules."""
    return frozenset(module.name for module in found)


def plant(root: Path, path: str, code: str) -> Path:
    """Write one file of a planted tree, and return the root."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code, "utf-8")
    return root
