"""A run for other programs: tables, data frames, and the files and stores of trackers."""

from surefoot.export.data_frame import frame
from surefoot.export.table import Column, Table, table_of

__all__ = ["Column", "Table", "frame", "table_of"]
