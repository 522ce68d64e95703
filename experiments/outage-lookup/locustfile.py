"""How customers use the outage look-up: they open it, and open it again while they wait."""

from locust import task

from loadtests.customers import Customer


class SomeoneWithoutPower(Customer):
    """Asks for their own outage."""

    @task
    def look_up(self) -> None:
        """The one page there is."""
        self.visit("/")
