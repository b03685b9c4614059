"""What the package's metadata takes from where it is published: links, and the README's pictures by whole addresses.

`SUREFOOT_REPOSITORY` names the repository (https://…) when a release is built; without it nothing is made up.
"""

from __future__ import annotations

import os
import re
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE = re.compile(r"(!?\[[^\]]*\]\()(?!https?://|#|mailto:)([^)]+)\)")


class Published(MetadataHookInterface):
    """Fills in `readme` and `urls`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling."""
        with open(os.path.join(self.root, "README.md"), encoding="utf-8") as file:
            text = file.read()
        repository = os.environ.get("SUREFOOT_REPOSITORY", "").rstrip("/")
        if repository:
            text = with_whole_addresses(text, repository)
            metadata["urls"] = {
                "Homepage": repository,
                "Source": repository,
                "Documentation": f"{repository}/blob/main/docs/README.md",
                "Changelog": f"{repository}/blob/main/CHANGELOG.md",
                "Issues": f"{repository}/issues",
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def with_whole_addresses(text: str, repository: str) -> str:
    """Links and pictures of a Markdown page that lead from the repository's root, by their addresses."""

    def whole(found: re.Match[str]) -> str:
        kind = "raw" if found[1].startswith("!") else "blob"
        return f"{found[1]}{repository}/{kind}/main/{found[2]})"

    return _RELATIVE.sub(whole, text)
