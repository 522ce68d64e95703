"""Usage: how often flags are found on and off, by whom, and the series that services measure beside their flags."""

from eastwind.usage.model import Application, Count, Hour, Metric, Point, Sample, Series
from eastwind.usage.service import Usage

__all__ = ["Application", "Count", "Hour", "Metric", "Point", "Sample", "Series", "Usage"]
