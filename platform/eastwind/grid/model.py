"""The grid as far as experiments need it: who hangs on which transformer, feeder and station."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class GridCustomer:
    """A customer and their path through the grid."""

    account: str
    transformer_id: str
    feeder_id: str
    station_id: str
    bureau: str
    tariff: str
    channel: str


@dataclass(frozen=True, slots=True)
class GridCounts:
    """How many of each an import brought."""

    stations: int = 0
    feeders: int = 0
    transformers: int = 0
    customers: int = 0

    def as_json(self) -> dict[str, int]:
        """As kept in the audit trail."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Kind:
    """One file of an export: its columns, of which the first is the key, and the column that names a parent.

    `parent` is the file that `link` points into.
    """

    file: str
    columns: tuple[str, ...]
    link: str = ""
    parent: str = ""


# Parents first: the order in which files are checked and rows inserted.
KINDS = (
    Kind("stations.csv", ("id", "name", "bureau")),
    Kind("feeders.csv", ("id", "name", "station_id"), "station_id", "stations.csv"),
    Kind("transformers.csv", ("id", "name", "feeder_id", "kva"), "feeder_id", "feeders.csv"),
    Kind("customers.csv", ("account", "transformer_id", "tariff", "bureau", "channel"), "transformer_id",
         "transformers.csv"),
)
