"""The shape of capture, measured on its syntax: objects stay small, and leave each other's attributes alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from surefoot import capture

FOLDER = Path(capture.__file__).parent
TREES = {
    path.relative_to(FOLDER).as_posix(): ast.parse(path.read_text("utf-8")) for path in FOLDER.rglob("*.py")
}

MOST = 17
# Objects that have more: none of them may grow much, and no other may join them.
LARGE = {"Recorder": 30, "ModuleWatch": 28, "Loop": 27, "Step": 24, "Backward": 21, "ObservedThread": 20}
WRITES = (
    214  # to an attribute of anything but `self`, torch's own and records included; 197 when this was written
)


def stored(tree: ast.AST) -> Iterator[ast.Attribute]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node


def of_self(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Name) and node.value.id == "self"


def attributes() -> dict[str, int]:
    found = {}
    for tree in TREES.values():
        for kind in (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            names = {node.attr for node in stored(kind) if of_self(node)}
            fields = (node.target for node in kind.body if isinstance(node, ast.AnnAssign))
            names |= {field.id for field in fields if isinstance(field, ast.Name)}
            found[kind.name] = max(len(names), found.get(kind.name, 0))
    return found


def test_objects_are_small() -> None:
    large = {name: count for name, count in attributes().items() if count > MOST}
    assert large.keys() <= LARGE.keys()
    assert {name: count for name, count in large.items() if count > LARGE[name]} == {}


def test_who_makes_the_parts_keeps_little() -> None:
    assert attributes()["Observer"] <= 12


def test_objects_leave_each_others_attributes_alone() -> None:
    writes = [node for tree in TREES.values() for node in stored(tree) if not of_self(node)]
    assert len(writes) <= WRITES
