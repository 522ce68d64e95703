"""How customers use the bill explainer: they open it when the bill has come."""

from locust import task

from loadtests.customers import Customer


class SomeoneWithABill(Customer):
    """Wants to know why."""

    @task
    def read(self) -> None:
        """The one page there is."""
        self.visit("/")
