"""The command line: one file a command. A command parses, calls the library, and shows what it returns."""

import sys

LOADED_BEFORE = frozenset(sys.modules)  # by Python itself: a script finds these under Python, too
