"""docs/schema.md from schema.sql: `python -m surefoot.store.documentation > docs/schema.md`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from surefoot.store.buckets import FEWEST_POINTS
from surefoot.store.migrations import newest, schema_sql
from surefoot.store.reader import FULL_LAYER_ENTRIES, FULL_POINTS, STALE

_HEAD = f"""# A run's file

*Generated from `src/surefoot/store/schema.sql` by `python -m surefoot.store.documentation`; do not edit.*

A run is one folder, `surefoot-runs/<name>/`, with one SQLite file in it, `run.db`, of schema version
{newest()}. Any SQLite client can read it, also while it is written:

```
sqlite3 -readonly surefoot-runs/<name>/run.db 'SELECT step, loss FROM step ORDER BY id DESC LIMIT 5'
```

- **While it is written**, a write-ahead log (`run.db-wal`, `run.db-shm`) lies beside it; copy all three, or
  wait for the end. A finished run is the one file. On a network file system there is no such log, and readers
  and the writer may wait for each other.
- **Killed**: whatever was written before stays; the next reader finds it. The run shows as crashed once its
  process is gone, or, where that cannot be told (another machine), after {STALE:.0f} seconds without a
  heartbeat.
- **Nothing is deleted** by surefoot, ever; a run is deleted with its folder.
- **Long series**, read by surefoot for fewer points than they have, are cut into equal buckets. Of each stay
  the first least and the first greatest finite value, the first NaN and the first infinity of either sign,
  and of the whole series the first and the last value: recorded points all, never averages, never random,
  never more than asked for (at least {FEWEST_POINTS}). A curve asks for 2,000. Rules get all of up to
  {FULL_POINTS:,} steps, and the buckets beyond.
- **Per-layer rows** are complete for rules up to {FULL_LAYER_ENTRIES:,} entries a quantity. Beyond, each
  bucket of sampled steps leaves two rows: every column's least value at its first step, every column's
  greatest at its last.
- **Older versions** are brought up to date when opened, each migration and its record in `migration` in one
  transaction; in memory where the file is in use or cannot be written. A newer version is refused.

"""
_TABLE = re.compile(r"((?:^-- [^\n]*\n)+)CREATE TABLE (\w+) \(\n(.*?)^\);", re.MULTILINE | re.DOTALL)
_COLUMN = re.compile(r"^\s+(?P<name>[a-z_]+) +(?P<type>INTEGER|REAL|TEXT|BLOB)(?P<rest>.*?)-- (?P<text>.*)$")


def schema_page() -> str:
    """The page: what a run's folder holds, then each table with its columns."""
    text = schema_sql()
    introduction = " ".join(line[3:] for line in text.split("\n\n")[0].splitlines())
    return _HEAD + introduction + "\n" + "".join(_tables(text))


def _tables(text: str) -> Iterator[str]:
    for comment, table, body in _TABLE.findall(text):
        about = " ".join(line[3:] for line in comment.splitlines())
        yield f"\n## {table}\n\n{about}\n\n| column | type | meaning |\n| --- | --- | --- |\n"
        for line in body.splitlines():
            if found := _COLUMN.match(line):
                kind = found["type"]
                if "NOT NULL" not in found["rest"] and "PRIMARY KEY" not in found["rest"]:
                    kind += ", may be NULL"
                meaning = found["text"].replace("|", "\\|")
                yield f"| `{found['name']}` | {kind} | {meaning} |\n"


if __name__ == "__main__":
    print(schema_page(), end="")
