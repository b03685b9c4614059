"""Changes of a script's text, made together: all that no change names stays as it is, to the byte."""

from __future__ import annotations

import libcst as cst

from surefoot.edits.script import Script, Statement, Unsure

_ATOMS = (cst.Name, cst.Attribute, cst.Call, cst.Subscript)


class Changes:
    """Places of a script and what comes in their stead.

    Args:
        script: The script, which itself stays as it is.
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self._splices: list[tuple[int, int, str]] = []

    def replace(self, node: cst.CSTNode, text: str) -> None:
        """Put another text in the place of a node; parentheses around it stay."""
        self._splices.append((*self._script.span(node), text))

    def insert(self, offset: int, text: str) -> None:
        """Put a text at an offset."""
        self._splices.append((offset, offset, text))

    def cut(self, first: int, last: int) -> None:
        """Take out what stands between two offsets."""
        self._splices.append((first, last, ""))

    def append(self, node: cst.BaseExpression, text: str) -> None:
        """Put an attribute or a call behind an expression, in parentheses where it would bind too tight.

        Args:
            node: The expression.
            text: For example ".item()".
        """
        first, last = self._script.outer(node)
        if not node.lpar and not isinstance(node, _ATOMS):
            self.insert(first, "(")
            text = f"){text}"
        self.insert(last, text)

    def divide(self, node: cst.BaseExpression, divisor: str, whole: bool) -> None:
        """Divide an expression.

        Args:
            node: The expression.
            divisor: The text of a name or a number.
            whole: Whether the quotient needs parentheses of its own: something is asked of it.
        """
        first, last = self._script.outer(node)
        loose = not node.lpar and not isinstance(node, _ATOMS)
        opening, closing = ("(" if whole else ""), (")" if whole else "")
        self.insert(first, opening + ("(" if loose else ""))
        self.insert(last, (")" if loose else "") + f" / {divisor}{closing}")

    def argument(self, call: cst.Call, text: str) -> None:
        """Give a call one more argument, behind the others."""
        if any(argument.star for argument in call.args):
            raise Unsure  # it may be among them
        if not call.args:
            self.insert(self._script.span(call)[1] - 1, text)
            return
        last = call.args[-1]
        self.insert(self._script.outer(last.value)[1], f", {text}")

    def before(self, statement: Statement, text: str, comment: str = "") -> None:
        """Put a statement in front of another one, above the comments that stand directly above it.

        Args:
            statement: The one that is there.
            text: The new one.
            comment: What stands behind it, where it gets a line for itself.
        """
        line = self._script.begin(statement)[0]
        if not self._opens(statement):
            self.insert(self._script.span(statement)[0], f"{text}; ")
            return
        indent = self._indent(line)
        while line > 1 and self._script.lines[line - 2].startswith(f"{indent}#"):
            line -= 1
        self.insert(self._script.offset(line, 0), f"{indent}{text}{comment}{self._end()}")

    def after(self, statement: Statement, text: str, comment: str = "") -> None:
        """Put a statement behind another one; as `before`."""
        line = self._script.end(statement)[0]
        if not self._closes(statement):
            self.insert(self._script.span(statement)[1], f"; {text}")
            return
        indent = self._indent(self._script.begin(statement)[0])
        text = f"{text}{comment}"
        ended = self._script.lines[line - 1].endswith(("\n", "\r"))
        place = self._script.offset(line + 1, 0)
        self.insert(place, f"{indent}{text}{self._end()}" if ended else f"{self._end()}{indent}{text}")

    def move_before(self, statement: Statement, other: Statement) -> None:
        """Move a statement, with the comment behind it, in front of another one."""
        self.remove(statement)
        self.before(other, self._script.text(statement), self._comment(statement))

    def move_after(self, statement: Statement, other: Statement) -> None:
        """Move a statement, with the comment behind it, behind another one."""
        self.remove(statement)
        self.after(other, self._script.text(statement), self._comment(statement))

    def remove(self, statement: Statement) -> None:
        """Take a statement out, with its line and the comment behind it where it has the line for itself."""
        block = self._script.block(statement)
        if len(block) < 2:
            raise Unsure  # a block without a statement
        if self._opens(statement) and self._closes(statement):
            first, last = self._script.begin(statement)[0], self._script.end(statement)[0]
            self._splices.append((self._script.offset(first, 0), self._script.offset(last + 1, 0), ""))
            return
        index = next(i for i, item in enumerate(block) if item is statement)
        first, last = self._script.span(statement)
        if self._closes(statement):
            first = self._script.span(block[index - 1])[1]
        else:
            last = self._script.span(block[index + 1])[0]
        self._splices.append((first, last, ""))

    def made(self) -> str:
        """The script with all changes.

        Raises:
            Unsure: Two of them meet, or what comes out is no Python.
        """
        source, end = self._script.source, len(self._script.source)
        # What was asked first comes first where two texts are put at one place.
        ordered = sorted(enumerate(self._splices), key=lambda s: (*s[1][:2], s[0]), reverse=True)
        for _, (first, last, text) in ordered:
            if last > end:
                raise Unsure
            source, end = f"{source[:first]}{text}{source[last:]}", first
        try:
            compile(source, "script", "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise Unsure from error
        return source

    def _opens(self, statement: Statement) -> bool:
        line, column = self._script.begin(statement)
        return not self._script.lines[line - 1][:column].strip()

    def _closes(self, statement: Statement) -> bool:
        line, column = self._script.end(statement)
        rest = self._script.lines[line - 1][column:].strip().removeprefix(";").strip()
        return (not rest or rest.startswith("#")) and self._lined(statement)

    def _lined(self, statement: Statement) -> bool:
        return not isinstance(self._script.parent(statement), cst.SimpleStatementSuite)

    def _comment(self, statement: Statement) -> str:
        if not (self._opens(statement) and self._closes(statement)):
            return ""
        line, column = self._script.end(statement)
        return self._script.lines[line - 1][column:].rstrip()

    def _indent(self, line: int) -> str:
        text = self._script.lines[line - 1]
        return text[: len(text) - len(text.lstrip(" \t\f"))]

    def _end(self) -> str:
        return self._script.module.default_newline
