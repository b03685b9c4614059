"""Found on `sys.path` at the start of a twin: notes, as the very last thing, what the process computed."""

import os
import sys

if os.environ.get("TWIN_DIGEST"):
    import atexit

    def note() -> None:
        if "torch" in sys.modules and os.getpid() == _process:
            write(os.environ["TWIN_DIGEST"])

    from tests.capture.digest import seed, write

    _process = os.getpid()
    seed()
    atexit.register(note)  # handlers registered first run last
