"""A script's syntax tree with what an edit asks of it: where a node stands, in which statement, loop and function."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias, TypeVar, cast

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, ParentNodeProvider, PositionProvider

from surefoot.edits.record import lines

Node = TypeVar("Node", bound=cst.CSTNode)
Item = TypeVar("Item")
Scope: TypeAlias = "cst.FunctionDef | cst.Lambda | cst.ClassDef | cst.Module"
Statement: TypeAlias = "cst.BaseSmallStatement | cst.BaseCompoundStatement"
Loop: TypeAlias = "cst.For | cst.While"


class Unsure(Exception):
    """The script does not say for certain where the edit belongs."""


def only(items: Iterable[Item]) -> Item:
    """The one item there is.

    Raises:
        Unsure: There is none, or more than one.

    Example:
        >>> only([7])
        7
    """
    found = list(items)
    if len(found) != 1:
        raise Unsure
    return found[0]


class Script:
    """A script that was parsed.

    Args:
        source: Its text.

    Raises:
        Unsure: It is no Python that can be parsed.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        try:
            wrapper = MetadataWrapper(cst.parse_module(source), unsafe_skip_copy=True)
            self._parents = wrapper.resolve(ParentNodeProvider)
            self._ranges = wrapper.resolve(PositionProvider)
        except (cst.ParserSyntaxError, UnicodeError, RecursionError) as error:
            raise Unsure from error
        self.module = wrapper.module
        self.lines = lines(source)
        self._offsets = [0]
        for line in self.lines:
            self._offsets.append(self._offsets[-1] + len(line))
        self._kinds: dict[type[cst.CSTNode], list[cst.CSTNode]] = {}
        self._nodes = sorted(self._parents, key=lambda node: (*self.begin(node), -self.end(node)[0]))

    def all(self, kind: type[Node], within: cst.CSTNode | None = None) -> Iterator[Node]:
        """All nodes of a kind in the order of the text, those of nested functions too."""
        if kind not in self._kinds:
            self._kinds[kind] = [node for node in self._nodes if isinstance(node, kind)]
        begin, end = (
            ((0, 0), (len(self.lines) + 1, 0)) if within is None else (self.begin(within), self.end(within))
        )
        for node in self._kinds[kind]:
            if (
                begin <= self.begin(node)
                and self.end(node) <= end
                and (within is None or self.holds(within, node))
            ):
                yield cast(Node, node)

    def range(self, node: cst.CSTNode) -> CodeRange:
        """Lines and columns of a node without its parentheses and what stands around it."""
        return self._ranges[node]

    def begin(self, node: cst.CSTNode) -> tuple[int, int]:
        """Line and column where a node begins."""
        start = self._ranges[node].start
        return start.line, start.column

    def end(self, node: cst.CSTNode) -> tuple[int, int]:
        """Line and column where a node ends."""
        end = self._ranges[node].end
        return end.line, end.column

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node's text begins and ends in the source."""
        return self.offset(*self.begin(node)), self.offset(*self.end(node))

    def offset(self, line: int, column: int) -> int:
        """Where a line and column are in the source."""
        return self._offsets[line - 1] + column

    def text(self, node: cst.CSTNode) -> str:
        """A node's text, without parentheses around it."""
        return slice_of(self.source, self.span(node))

    def outer(self, node: cst.BaseExpression) -> tuple[int, int]:
        """Where an expression begins and ends with the parentheses around it."""
        first, last = self.span(node)
        for _ in node.lpar:
            before, after = self.source[:first].rstrip(), self.source[last:].lstrip()
            if not before.endswith("(") or not after.startswith(")"):
                raise Unsure
            first, last = len(before) - 1, len(self.source) - len(after) + 1
        return first, last

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """What a node is a part of."""
        return self._parents.get(node)

    def above(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """What holds a node, from the inside out."""
        held = self.parent(node)
        while held is not None:
            yield held
            held = self.parent(held)

    def holds(self, outer: cst.CSTNode, inner: cst.CSTNode) -> bool:
        """Whether a node is another one or a part of it."""
        return inner is outer or any(node is outer for node in self.above(inner))

    def scope(self, node: cst.CSTNode) -> Scope:
        """The function, class or module whose names a node sees first."""
        inner = node
        for held in self.above(node):
            if isinstance(held, cst.Module | cst.ClassDef):
                return held
            if isinstance(held, cst.FunctionDef | cst.Lambda) and (
                inner is held.body or isinstance(held, cst.Lambda)
            ):
                return held
            inner = held
        return self.module

    def statement(self, node: cst.CSTNode) -> Statement:
        """The simple statement that a node is a part of; the compound one where it stands in its head."""
        for held in (node, *self.above(node)):
            if isinstance(held, cst.BaseSmallStatement | cst.BaseCompoundStatement):
                return held
        raise Unsure

    def loops(self, node: cst.CSTNode) -> list[Loop]:
        """The loops of the same function around a node, the innermost first."""
        found: list[Loop] = []
        inner, scope = node, self.scope(node)
        for held in self.above(node):
            if held is scope:
                break
            if isinstance(held, cst.For | cst.While) and inner is held.body:
                found.append(held)
            inner = held
        return found

    def region(self, node: cst.CSTNode) -> cst.CSTNode:
        """The body of the innermost loop around a node, or of its function, or the module."""
        loops, scope = self.loops(node), self.scope(node)
        if loops:
            return loops[0].body
        return scope.body if isinstance(scope, cst.FunctionDef) else scope

    def block(self, statement: Statement) -> list[Statement]:
        """The statements beside one, in order, itself among them."""
        line = self.parent(statement) if isinstance(statement, cst.BaseSmallStatement) else statement
        if isinstance(line, cst.SimpleStatementSuite):
            return list(line.body)
        body = getattr(self.parent(line), "body", None) if line is not None else None
        if not isinstance(body, list | tuple):
            raise Unsure
        found: list[Statement] = []
        for item in body:
            found += item.body if isinstance(item, cst.SimpleStatementLine) else [item]
        return found

    def at(self, line: int | None, kind: type[Node]) -> list[Node]:
        """Nodes of a kind in the innermost statements that a line is a part of."""
        if line is None or not 1 <= line <= len(self.lines):
            raise Unsure
        here = [node for node in self.all(kind) if self._on(node, line)]
        exact = [node for node in here if self.begin(node)[0] <= line <= self.end(node)[0]]
        return exact or here

    def _on(self, node: cst.CSTNode, line: int) -> bool:
        statement = self.statement(node)
        if isinstance(statement, cst.BaseCompoundStatement):  # in the head of it
            return self.begin(node)[0] <= line <= self.end(node)[0]
        return self.begin(statement)[0] <= line <= self.end(statement)[0]


@lru_cache(maxsize=4)
def parsed(source: str) -> Script:
    """A script, parsed once for all edits that are tried on it.

    Raises:
        Unsure: It is no Python that can be parsed.
    """
    return Script(source)


def slice_of(text: str, span: tuple[int, int]) -> str:
    """The part of a text between two offsets.

    Example:
        >>> slice_of("abcd", (1, 3))
        'bc'
    """
    return text[span[0] : span[1]]
