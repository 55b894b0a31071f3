"""Make mutants of a module: its source with one small change, by Cosmic Ray's operators and ours.

Two kinds. *Checks*: one condition less, each there is: an ``if`` that is never taken, a term of a
condition left out, a predicate that says yes. *Changes*: what Cosmic Ray does to operators, numbers
and keywords, one for each place, from which a run draws a seeded sample.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.tree import NodeOrLeaf

#: Operators that replace one word of a comparison or a sum by another that may stand there too.
_EXCHANGED = (
    ("Eq", "NotEq"),
    ("Lt", "LtE", "Gt", "GtE"),
    ("Is", "IsNot"),
    ("In", "NotIn"),
    ("Add", "Sub", "Mul", "FloorDiv", "Mod"),
    ("BitOr", "BitAnd", "BitXor"),
    ("LShift", "RShift"),
)
#: Those that say nothing of behaviour, or break the module at import.
_LEFT_OUT = ("RemoveDecorator", "VariableReplacer", "VariableInserter")
#: The name of the operator that leaves out a part of a condition.
TERM = "DropTerm"
#: A part of a module, as parso reads it.
Tree: TypeAlias = NodeOrLeaf
_Place = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Mutant:
    """Be one change of one module; ``before`` and ``after`` are the text of what differs."""

    module: str
    function: str
    line: int
    operator: str
    before: str
    after: str
    source: str = ""

    @property
    def name(self) -> str:
        """Return what names it in lists: it outlives a change of line numbers."""
        return f"{self.module}.{self.function}: {self.before} -> {self.after}"


class DropCheck(Operator):
    """Never take an ``if`` or ``elif``."""

    def mutation_positions(self, node: Tree) -> Iterator[_Place]:
        """Yield the condition of each branch."""
        for test in self._tests(node):
            yield test.start_pos, test.end_pos

    def mutate(self, node: Tree, index: int) -> Tree:
        """Put False in the place of a condition."""
        test = self._tests(node)[index]
        node.children[node.children.index(test)] = _parsed("False", test)
        return node

    @staticmethod
    def _tests(node: Tree) -> list[Tree]:
        if node.type != "if_stmt":
            return []
        words = [getattr(child, "value", None) for child in node.children]
        return [node.children[at + 1] for at, word in enumerate(words) if word in ("if", "elif")]

    @classmethod
    def examples(cls) -> tuple[()]:
        """Return none."""
        return ()


class DropTerm(Operator):
    """Leave one term out of ``a and b and c`` or ``a or b or c``."""

    def mutation_positions(self, node: Tree) -> Iterator[_Place]:
        """Yield the terms of a condition; ``x or 0`` is none, it gives a default."""
        if node.type in ("and_test", "or_test"):
            terms = node.children[::2]
            if not any(term.type in ("number", "string") for term in terms):
                yield from ((term.start_pos, term.end_pos) for term in terms)

    def mutate(self, node: Tree, index: int) -> Tree:
        """Return the condition without a term, and without the word before or after it."""
        prefix = node.get_first_leaf().prefix
        gone = slice(0, 2) if index == 0 else slice(2 * index - 1, 2 * index + 1)
        del node.children[gone]
        node.get_first_leaf().prefix = prefix
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """Return none."""
        return ()


class SayYes(Operator):
    """Let a predicate say yes: every return of a function of type ``bool``."""

    def mutation_positions(self, node: Tree) -> Iterator[_Place]:
        """Yield what a predicate returns."""
        if node.type == "return_stmt" and node.children[1].get_code().strip() != "True":
            function = parso.tree.search_ancestor(node, "funcdef")
            annotation = None if function is None else function.annotation
            if annotation is not None and annotation.get_code().strip() == "bool":
                yield node.children[1].start_pos, node.children[1].end_pos

    def mutate(self, node: Tree, index: int) -> Tree:
        """Return the statement with True for its value."""
        node.children[1] = _parsed("True", node.children[1])
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """Return none."""
        return ()


def _parsed(code: str, instead_of: Tree) -> Tree:
    made: Tree = parso.parse(code).children[0]
    made.get_first_leaf().prefix = instead_of.get_first_leaf().prefix
    return made


def checks_of(file: Path, module: str) -> list[Mutant]:
    """Return the module with each of its checks left out, one at a time."""
    source = file.read_text("utf-8")
    ours = (DropCheck(), DropTerm(), SayYes())
    found = (_mutant(source, module, one) for one in _spots(source, ours))
    return sorted({one for one in found if one is not None})


def changes_of(file: Path, module: str, random: Random) -> list[Mutant]:
    """Return the module with one change for each place and kind of change, drawn of several."""
    source = file.read_text("utf-8")
    chosen = [get_operator(name)() for name in operator_names() if _is_wanted(name)]
    places: defaultdict[tuple[tuple[int, int], str], list[Spot]] = defaultdict(list)
    for spot in _spots(source, chosen):
        places[spot.start, spot.name.partition("_")[0]].append(spot)
    drawn = [random.choice(spots) for _, spots in sorted(places.items())]
    found = (_mutant(source, module, one) for one in drawn)
    return sorted({one for one in found if one is not None})


def _is_wanted(name: str) -> bool:
    """Tell whether an operator says something; exchanges stay within a group."""
    short = name.partition("/")[2]
    kind, *exchanged = short.split("_")
    if kind in ("ReplaceComparisonOperator", "ReplaceBinaryOperator"):
        return any(set(exchanged) <= set(group) for group in _EXCHANGED)
    return kind not in _LEFT_OUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Say which operator changes what; ``occurrence`` counts what it could change."""

    operator: Operator
    occurrence: int
    start: tuple[int, int]
    function: str

    @property
    def name(self) -> str:
        """Return the operator's name."""
        return type(self.operator).__name__


def _spots(source: str, operators: Iterable[Operator]) -> Iterator[Spot]:
    """Yield where operators can change a module, but for its annotations."""
    silent = _annotations(source)
    nodes = list(ast_nodes(get_ast(source)))
    for operator in operators:
        places = ((node, one) for node in nodes for one in operator.mutation_positions(node))
        for occurrence, (node, (start, _)) in enumerate(places):
            if not any(first <= start < last for first, last in silent):
                function = ASTQuery(node).get_definition_name() or ""
                yield Spot(operator=operator, occurrence=occurrence, start=start, function=function)


def _mutant(source: str, module: str, spot: Spot) -> Mutant | None:
    """Return the module after one change; None: it means the same, or nothing."""
    mutated = mutate_code(source, spot.operator, spot.occurrence)
    if mutated is None or mutated == source or not _compiles(mutated):
        return None
    before, after = _difference(source, mutated)
    return Mutant(
        module=module,
        function=spot.function,
        line=spot.start[0],
        operator=spot.name,
        before=before,
        after=after,
        source=mutated,
    )


def _compiles(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _annotations(source: str) -> list[_Place]:
    """Return where annotations stand: changed, they say nothing of behaviour."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef):
            found.append(node.returns)
    return [
        ((one.lineno, one.col_offset), (one.end_lineno or 0, one.end_col_offset or 0))
        for one in found
        if one is not None
    ]


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return the lines that differ, each side on one line."""
    old, new = before.splitlines(), after.splitlines()
    first = next(at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
    last = 0
    while last < min(len(old), len(new)) - first - 1 and old[-1 - last] == new[-1 - last]:
        last += 1
    sides = (old[first : len(old) - last], new[first : len(new) - last])
    told = [" ".join(" ".join(line.partition("  #")[0] for line in side).split()) for side in sides]
    return told[0], told[1]
