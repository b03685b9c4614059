"""The command line: one file a command. A command parses, calls the library, and shows what it returns."""

import sys

# What a script starts by our own command is observed by that command, or by nobody.
sys.meta_path[:] = [finder for finder in sys.meta_path if not hasattr(finder, "surefoot_waits")]
LOADED_BEFORE = frozenset(sys.modules)  # by Python itself: a script finds these under Python, too
