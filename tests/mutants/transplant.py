"""Give the functions of a loaded module the code of a mutant of it."""

import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.mutants.making import Mutant

_OPTIMIZED = 0x01  # of the flags of a function's code; bodies of modules and classes lack it


def transplant(mutant: Mutant) -> bool:
    """Change a loaded module into a mutant; False: the change is not inside a function.

    Nothing is changed then.
    """
    module = sys.modules[mutant.module]
    file = Path(str(module.__file__))
    sound = dict(_parts(compile(file.read_text("utf-8"), str(file), "exec")))
    other = dict(_parts(compile(mutant.source, str(file), "exec")))
    changed = [name for name in sound if sound[name] != other.get(name)]
    functions = dict(_functions(module))
    if sound.keys() != other.keys() or not changed or not {*changed} <= functions.keys():
        return False
    for name in changed:
        functions[name].__code__ = other[name]
    return True


def _parts(code: CodeType) -> Iterator[tuple[str, Any]]:
    """Yield the code of each function by its qualified name, and what else a module executes."""
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    plain = tuple(one for one in code.co_consts if not isinstance(one, CodeType))
    yield f"<body of {code.co_qualname}>", (code.co_code, code.co_names, plain)
    for one in inner:
        if one.co_flags & _OPTIMIZED:
            yield one.co_qualname, one
        else:
            yield from _parts(one)


def _functions(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Yield the functions and methods that a module defines, by qualified name."""
    mine = [one for one in vars(module).values() if _home(one) == module.__name__]
    for one in mine:
        members = vars(one).values() if isinstance(one, type) else (one,)
        for member in members:
            function = _bare(member)
            if function is not None and function.__module__ == module.__name__:
                yield function.__qualname__, function


def _home(one: object) -> str | None:
    return getattr(one, "__module__", None)


def _bare(member: Any) -> FunctionType | None:  # noqa: ANN401 - whatever a class holds
    """Return the function that a member wraps, None if it wraps none."""
    if isinstance(member, property):
        member = member.fget
    if isinstance(member, cached_property):
        member = member.func
    member = getattr(member, "__func__", member)
    member = getattr(member, "__wrapped__", member)
    return member if isinstance(member, FunctionType) else None
