"""What happens by the clock, and which service each job calls."""

from eastwind.jobs.heartbeat import Heartbeats
from eastwind.jobs.lease import Lease, LeaseLost
from eastwind.jobs.loop import Job, run, run_until_signal
from eastwind.jobs.reviews import Reviews

__all__ = ["Heartbeats", "Job", "Lease", "LeaseLost", "Reviews", "run", "run_until_signal"]
