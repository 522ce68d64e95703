"""Runs each experiment in a process of its own, and stands between it and the customer."""

from eastwind.host.front import Front, FrontState
from eastwind.host.model import Answer, Fault, Process

__all__ = ["Answer", "Fault", "Front", "FrontState", "Process"]
