"""What the experiment brought: exposures × outcomes, treatment against control."""

from eastwind.analysis.model import ArmValue, Counts, Interval, MetricResult, Report, SampleRatio, Sums
from eastwind.analysis.service import Analysis

__all__ = ["Analysis", "ArmValue", "Counts", "Interval", "MetricResult", "Report", "SampleRatio", "Sums"]
