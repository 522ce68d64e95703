"""The grid: which customer hangs on which transformer, feeder and station."""

from eastwind.grid.model import GridCounts, GridCustomer
from eastwind.grid.service import Grid

__all__ = ["Grid", "GridCounts", "GridCustomer"]
