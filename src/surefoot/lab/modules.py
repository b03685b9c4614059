"""Plain ES modules into one classic script, in the order of their imports, each in a scope of its own.

A page that is one file cannot import: a browser resolves no module next to `file://`, and a policy that allows
`data:` scripts allows anybody's. So `import { a } from "./b.js"` becomes `const { a } = $["b.js"]`, and what a file
exports is what its scope returns. The files themselves stay modules, with nothing to build.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from surefoot.errors import SettingError

_IMPORT = re.compile(r'^import \{([^}]*)\} from "(\.{1,2}/[^"]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function\*?|class|const) (\w+)", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*$|</script|<!--", re.MULTILINE)


def inlined(entry: str, read: Callable[[str], str]) -> str:
    """One script that does what the module `entry` does.

    Args:
        entry: Path of the module that starts the others.
        read: Text of a module by its path.

    Raises:
        SettingError: A circle of imports, or a form of import or export other than the two above.

    Example:
        >>> files = {"a.js": 'import { two } from "./b.js";\\nshow(two);', "b.js": "export const two = 2;"}
        >>> print(inlined("a.js", files.__getitem__))
        "use strict";
        (() => {
        const $ = {};
        $["b.js"] = (() => {
        const two = 2;
        return { two };
        })();
        $["a.js"] = (() => {
        const { two } = $["b.js"];
        show(two);
        return {  };
        })();
        })();
        <BLANKLINE>
    """
    done: dict[str, str] = {}
    _take(entry, read, done, ())
    return '"use strict";\n(() => {\nconst $ = {};\n' + "".join(done.values()) + "})();\n"


def _take(path: str, read: Callable[[str], str], done: dict[str, str], above: tuple[str, ...]) -> None:
    if path in above:
        raise SettingError(f"{' -> '.join((*above, path))} import each other in a circle.")
    if path in done:
        return
    text = read(path)
    for match in _IMPORT.finditer(text):
        _take(_beside(path, match[2]), read, done, (*above, path))
    done[path] = _scope(path, text)


def _scope(path: str, text: str) -> str:
    exported = ", ".join(match[2] for match in _EXPORT.finditer(text))
    text = _IMPORT.sub(
        lambda m: f'const {{{m[1].replace(" as ", ": ")}}} = $["{_beside(path, m[2])}"];', text
    )
    text = _EXPORT.sub(r"\1 \2", text)
    odd = _LEFT.search(text)
    if odd is not None:
        raise SettingError(f"{path} cannot be inlined because of the line {odd[0][:60]!r}.")
    return f'$["{path}"] = (() => {{\n{text.rstrip()}\nreturn {{ {exported} }};\n}})();\n'


def _beside(path: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
