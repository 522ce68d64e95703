"""Tables of the jobs process: who leads, and when each job last did its work."""

from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, ColumnElement, String, Table, case, literal_column, select

from eastwind.db import Connection, Moment, metadata
from eastwind.db.upsert import insert

job_lease = Table(
    "job_lease",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
)

job_heartbeat = Table(
    "job_heartbeat",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("at", Moment, nullable=False),
)


def hold(tx: Connection, name: str, owner: str, ttl: timedelta) -> int | None:
    """Take or prolong the lease in one statement; its token, which rises with each new owner, or None."""
    until = _clock(tx) + ttl // timedelta(microseconds=1)
    row = insert(tx, job_lease).values(name=name, owner=owner, token=1, until_us=until)
    mine, free = job_lease.c.owner == owner, job_lease.c.until_us < _clock(tx)
    token = case((mine, job_lease.c.token), else_=job_lease.c.token + 1)
    upsert = row.on_conflict_do_update(index_elements=["name"], where=mine | free, set_={
        "owner": owner, "token": token, "until_us": until})
    return tx.execute(upsert.returning(job_lease.c.token)).scalar()


def is_held(tx: Connection, name: str, owner: str, token: int) -> bool:
    """Whether this is still the lease in force; it stays so until the transaction ends."""
    query = select(job_lease.c.token).with_for_update().where(
        job_lease.c.name == name, job_lease.c.owner == owner, job_lease.c.token == token,
        job_lease.c.until_us >= _clock(tx))
    return tx.execute(query).first() is not None


def release(tx: Connection, name: str, owner: str) -> None:
    """Give the lease up; the next may take it at once. The row stays, for its token."""
    tx.execute(job_lease.update().where(job_lease.c.name == name, job_lease.c.owner == owner).values(
        owner="", until_us=0))


def beat(tx: Connection, name: str, at: datetime) -> None:
    """Note that a job has done its work."""
    row = insert(tx, job_heartbeat).values(name=name, at=at)
    tx.execute(row.on_conflict_do_update(index_elements=["name"], set_={"at": at}))


def beats(tx: Connection) -> dict[str, datetime]:
    """When each job last did its work."""
    return {row.name: row.at for row in tx.execute(select(job_heartbeat))}


def _clock(tx: Connection) -> ColumnElement[int]:
    """The database's own clock, in microseconds: holders on several machines need no clock in common."""
    seconds = ("unixepoch('now', 'subsec')" if tx.dialect.name == "sqlite"
               else "extract(epoch FROM clock_timestamp())")
    return literal_column(f"CAST({seconds} * 1000000 AS BIGINT)", BigInteger)

