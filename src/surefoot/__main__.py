"""`python -m surefoot` is the command `surefoot`."""

import os
import sys

if (
    not getattr(sys.flags, "safe_path", False)
    and os.path.isdir(sys.path[0])
    and os.path.samefile(sys.path[0], ".")
):
    # The working folder, which the command `surefoot` has not on its path either: a file of the user's named like a
    # module of ours must not stand in for it. The script's folder takes this place when it runs.
    sys.path[0] = __file__.rpartition("__main__")[0] + ".."

from surefoot.cli.main import main

if __name__ == "__main__":
    main()
