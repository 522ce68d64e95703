"""The grid: imported whole or not at all, every wrong row named."""

from pathlib import Path

import pytest

from eastwind.audit import Actor, Audit
from eastwind.db import Database
from eastwind.errors import Invalid
from eastwind.grid import Grid, GridCounts, GridCustomer

ANNA = Actor("user", "anna")
FILES = {
    "stations.csv": "id,name,bureau\nS1,东岸站,Eastshore\n",
    "feeders.csv": "id,name,station_id\nF1,莲花路1线,S1\nF2,海港街2线,S1\n",
    "transformers.csv": "id,name,feeder_id,kva\nT1,1号公变,F1,315\nT2,2号公变,F2,400.5\n",
    "customers.csv": "account,transformer_id,tariff,bureau,channel\n"
                     "0000000001,T1,residential,Eastshore,web\n0000000002,T2,residential,Eastshore,web\n",
}


def an_export(folder: Path, encoding: str = "utf-8", **changed: str | None) -> Path:
    """A folder with a small sound export, with some files changed (`stations="…"`) or left out (None)."""
    for name, text in {**FILES, **{f"{k}.csv": v for k, v in changed.items()}}.items():
        (folder / name).unlink(missing_ok=True)
        if text is not None:
            (folder / name).write_bytes(text.encode(encoding))
    return folder


def a_large_export(folder: Path, customers: int) -> Path:
    """Customers on transformers by the hundred, on ten feeders."""
    transformers = customers // 100
    return an_export(
        folder,
        feeders="id,name,station_id\n" + "".join(f"F{i},line,S1\n" for i in range(10)),
        transformers="id,name,feeder_id,kva\n" + "".join(f"T{i:05},t,F{i % 10},315\n" for i in range(transformers)),
        customers="account,transformer_id,tariff,bureau,channel\n" + "".join(
            f"{i:010},T{i % transformers:05},residential,Eastshore,web\n" for i in range(customers)))


def problems(folder: Path, db: Database) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        Grid(db).import_folder(folder, ANNA)
    return {p.field: str(p.reason) for p in caught.value.problems}


def test_import__sound_export__customer_knows_their_path(db: Database, tmp_path: Path) -> None:
    counts = Grid(db).import_folder(an_export(tmp_path), ANNA)
    assert counts == Grid(db).counts() == GridCounts(1, 2, 2, 2)
    assert Grid(db).population() == 2
    assert Grid(db).customer("0000000002") == GridCustomer(
        "0000000002", "T2", "F2", "S1", "Eastshore", "residential", "web")
    for unknown in ("0000000003", "", "\0", "\ud800", "x" * 10_000):
        assert Grid(db).customer(unknown) is None


def test_import__before_the_first__population_is_zero(sqlite_db: Database) -> None:
    assert Grid(sqlite_db).population() == 0
    assert Grid(sqlite_db).sample_accounts(5, seed=1) == []


def test_import__again__replaces_all_with_one_event_each(db: Database, tmp_path: Path) -> None:
    for customers in (6000, 200):
        Grid(db).import_folder(a_large_export(tmp_path, customers), ANNA)
    assert Grid(db).counts() == GridCounts(1, 10, 2, 200)
    assert Grid(db).customer("0000005999") is None
    event = Audit(db).history()[0]
    assert (event.act, event.before["customers"], event.after["customers"]) == ("grid-imported", 6000, 200)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_import__encodings__chinese_names_arrive(sqlite_db: Database, tmp_path: Path, encoding: str) -> None:
    changed = an_export(tmp_path, encoding, customers=FILES["customers.csv"].replace("Eastshore", "东岸"))
    Grid(sqlite_db).import_folder(changed, ANNA)
    customer = Grid(sqlite_db).customer("0000000001")
    assert customer and customer.bureau == "东岸"


def test_import__columns_in_another_order__are_understood(sqlite_db: Database, tmp_path: Path) -> None:
    Grid(sqlite_db).import_folder(an_export(tmp_path, feeders="name,station_id,id\nl,S1,F1\nl,S1,F2\n"), ANNA)
    assert Grid(sqlite_db).counts().feeders == 2


def test_import__wrong_rows_in_every_file__all_named_and_the_old_grid_stays(db: Database, tmp_path: Path) -> None:
    Grid(db).import_folder(an_export(tmp_path), ANNA)
    found = problems(an_export(
        tmp_path, stations="id,name,bureau\nS1,a,b\nS1,again,b\n", feeders="id,name,station_id\nF1,a,S9\nF2, a,S1\n",
        transformers="id,name,feeder_id,kva\nT1,a,F1,many\nT2,a,F1,nan\nT3,,F1,-1\n",
        customers="account,transformer_id,tariff,bureau,channel\n1,T1,r,b,web\n1,T8,r,b,w\0b\n"), db)
    assert found == {
        "stations.csv.3.id": "S1 is already in line 2",
        "feeders.csv.2.station_id": "there is no S9 in stations.csv",
        "feeders.csv.3.name": "must have 1 to 100 characters, without spaces around",
        "transformers.csv.2.kva": "must be a number, not many",
        "transformers.csv.3.kva": "must be greater than 0 and at most 10000000.0",
        "transformers.csv.4.name": "must have 1 to 100 characters, without spaces around",
        "transformers.csv.4.kva": "must be greater than 0 and at most 10000000.0",
        "customers.csv.3.account": "1 is already in line 2",
        "customers.csv.3.transformer_id": "there is no T8 in transformers.csv",
        "customers.csv.3.channel": "must not hold control characters",
    }
    assert Grid(db).counts() == GridCounts(1, 2, 2, 2)
    assert len(Audit(db).history()) == 1


def test_import__unreadable_files__each_named(sqlite_db: Database, tmp_path: Path) -> None:
    folder = an_export(tmp_path, stations=None, feeders="id,name,extra\nF1,a,b\n",
                       customers="account,transformer_id,tariff,bureau,channel\n1,T1,r,b\n")
    (folder / "transformers.csv").write_bytes(b"\xff\xff\xff")
    assert problems(folder, sqlite_db) == {
        "stations.csv": "is missing",
        "feeders.csv.station_id": "is missing",
        "feeders.csv.extra": "is not known here",
        "transformers.csv": "is neither UTF-8 nor GB 18030 text",
        "customers.csv.2": "must have 5 columns, not 4",
    }


def test_import__empty_or_unfinished_csv__is_named(sqlite_db: Database, tmp_path: Path) -> None:
    folder = an_export(tmp_path, stations="", feeders="id,name,station_id\n", customers='account,transformer_id,"')
    found = problems(folder, sqlite_db)
    assert found["stations.csv.id"] == "is missing"
    assert found["feeders.csv"] == "has no rows"
    assert found["customers.csv.1"].startswith("is not valid CSV")


def test_import__thousands_of_wrong_rows__first_hundred_and_how_many_more(sqlite_db: Database, tmp_path: Path) -> None:
    rows = "".join(f"{i},T9,r,b,web\n" for i in range(5000))
    found = problems(an_export(tmp_path, customers=f"account,transformer_id,tariff,bureau,channel\n{rows}"), sqlite_db)
    assert len(found) == 101
    assert found[""] == "and 4900 more problems"


def test_sample_accounts__seeded__same_again_and_spread_over_the_grid(db: Database, tmp_path: Path) -> None:
    grid = Grid(db)
    grid.import_folder(a_large_export(tmp_path, 2000), ANNA)
    sample = grid.sample_accounts(20, seed=7)
    assert sample == grid.sample_accounts(20, seed=7)
    assert sample != grid.sample_accounts(20, seed=8)
    # One from each twentieth of the grid: here, each from a transformer of its own.
    assert len({grid.customer(a).transformer_id for a in sample}) == 20  # type: ignore[union-attr]
    assert len(set(grid.sample_accounts(10_000, seed=1))) == 2000
    assert grid.sample_accounts(0, seed=1) == []
