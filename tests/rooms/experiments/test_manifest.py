"""experiment.toml: every wrong field is named, and one bad folder never hides its neighbours."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eastwind.errors import Invalid
from eastwind.experiments.manifest import MAX_MANIFEST_BYTES, Manifest, build_digest, load_folder, load_one, parse

GOOD = """
slug = "lookup"
name = {en = "Look-up", zh = "查询"}
service = "outages"
owner = "Lin"
hypothesis = "Fewer calls."
sunset = 2027-05-31
[load]
requests_per_customer_per_second = 0.02
p95_ms = 400
max_error_ratio = 0.01
[[metrics]]
name = "hotline_call"
role = "primary"
kind = "proportion"
better = "lower"
[[metrics]]
name = "error"
role = "guardrail"
kind = "proportion"
better = "lower"
hard_limit = 5
alpha = 0.01
"""


def a_folder(root: Path, slug: str = "lookup", manifest: str | bytes = GOOD) -> Path:
    folder = root / slug
    folder.mkdir(parents=True)
    raw = manifest.replace('slug = "lookup"', f'slug = "{slug}"').encode() if isinstance(manifest, str) else manifest
    (folder / "experiment.toml").write_bytes(raw)
    (folder / "app.py").write_text("app = None\n")
    (folder / "locustfile.py").write_text("\n")
    return folder


def fields(folder: Path) -> set[str]:
    return {p.field for p in load_one(folder).problems}


def test_manifest__complete__is_read(tmp_path: Path) -> None:
    manifest = parse(a_folder(tmp_path))
    assert manifest.slug == manifest.flag == "lookup"
    assert manifest.sunset == date(2027, 5, 31)
    assert manifest.unit == "customer" and manifest.backend == "backoffice"
    assert manifest.primary.name == "hotline_call"
    assert [m.name for m in manifest.guardrails] == ["error"]
    assert manifest.guardrails[0].hard_limit == 5 and manifest.primary.alpha is None
    assert manifest.load.p95_ms == 400.0
    assert manifest.name.in_language("zh_Hans") == "查询" and manifest.name.in_language("en") == "Look-up"


def test_manifest__frozen(tmp_path: Path) -> None:
    manifest = parse(a_folder(tmp_path))
    with pytest.raises(ValueError, match="frozen"):
        manifest.slug = "other"  # type: ignore[misc]
    assert hash(manifest) == hash(parse(tmp_path / "lookup"))


def test_manifest__many_mistakes__all_are_named(tmp_path: Path) -> None:
    bad = GOOD.replace('role = "guardrail"', 'role = "primary"').replace('kind = "proportion"', 'kind = "share"', 1)
    bad = bad.replace('name = "error"', 'name = "hotline_call"').replace("sunset = 2027-05-31", 'sunset = "soon"')
    bad = bad.replace('service = "outages"', 'service = "gas"\ncolour = "red"\nflag = "a b"')
    bad = bad.replace("p95_ms = 400", "p95_ms = nan").replace('owner = "Lin"\n', "").replace("= 0.02", "= 0")
    folder = a_folder(tmp_path, manifest=bad.replace("hard_limit = 5", "hard_limit = true"))
    (folder / "app.py").unlink()
    with pytest.raises(Invalid) as caught:
        parse(folder)
    assert {p.field for p in caught.value.problems} == {
        "metrics", "metrics.0.kind", "metrics.0.name", "metrics.1.name", "metrics.1.hard_limit", "sunset", "service",
        "colour", "flag", "load.p95_ms", "owner", "load.requests_per_customer_per_second", "app.py",
    }
    assert all(str(p.reason) for p in caught.value.problems)


def test_manifest__wrong_slug__is_one_problem(tmp_path: Path) -> None:
    folder = a_folder(tmp_path, manifest=GOOD.replace('"lookup"', '"Look up"'))
    assert {p.field for p in load_one(folder).problems} == {"slug"}
    shutil.rmtree(folder)
    assert fields(a_folder(tmp_path, manifest=GOOD.replace('slug = "lookup"\n', ""))) == {"slug"}


@pytest.mark.parametrize(("old", "new", "field"), [
    ('role = "primary"', 'role = "guardrail"', "metrics"),
    ("sunset = 2027-05-31", "sunset = 2027-05-31T10:00:00", "sunset"),
    ('service = "outages"', 'service = "outages"\nflag = ".."', "flag"),
    ('service = "outages"', 'service = "outages"\nflag = "a\\nb"', "flag"),
    ('owner = "Lin"', 'owner = "Lin\\u0000"', "owner"),
    ('owner = "Lin"', 'owner = "  "', "owner"),
    ('name = {en = "Look-up", zh = "查询"}', 'name = "Look-up"', "name"),
    ('hypothesis = "Fewer calls."', 'hypothesis = ["a"]', "hypothesis"),
    ("max_error_ratio = 0.01", "max_error_ratio = 1e999", "load.max_error_ratio"),
    ("alpha = 0.01", 'alpha = "0.01"', "metrics.1.alpha"),
    ('name = "hotline_call"', 'name = "Hotline"', "metrics.0.name"),
])
def test_manifest__one_wrong_field__is_named(tmp_path: Path, old: str, new: str, field: str) -> None:
    assert old in GOOD
    assert fields(a_folder(tmp_path, manifest=GOOD.replace(old, new, 1))) == {field}


def test_manifest__metrics_of_a_wrong_shape__is_a_problem_not_an_exception(tmp_path: Path) -> None:
    head = GOOD[:GOOD.index("[[metrics]]")]
    for index, metrics in enumerate(("", "metrics = 5", "metrics = []", 'metrics = ["a", {}]', "metrics = {a = 1}")):
        folder = a_folder(tmp_path, f"x{index}", metrics + "\n" + head)
        assert any(f.startswith("metrics") for f in fields(folder)), metrics


@pytest.mark.parametrize("raw", [
    b"slug = ", b"\xff\xfe", b"x" * (MAX_MANIFEST_BYTES + 1), b"a = " + b"[" * 100_000, b"a = " + b"9" * 10_000, b"",
    b'slug = "a"\nslug = "b"',
], ids=["syntax", "not-utf8", "large", "deep", "huge-number", "empty", "twice"])
def test_manifest__not_readable_as_toml__is_a_problem(tmp_path: Path, raw: bytes) -> None:
    loaded = load_one(a_folder(tmp_path, manifest=raw))
    assert loaded.manifest is None and loaded.problems and loaded.build


def test_load_folder__bad_ones_among_good__do_not_hide_them(tmp_path: Path) -> None:
    a_folder(tmp_path, "good-one")
    a_folder(tmp_path, "bad", b"\xff")
    a_folder(tmp_path, "worse").joinpath("experiment.toml").unlink()
    (tmp_path / "worse" / "experiment.toml").mkdir()
    (tmp_path / "empty").mkdir()
    os.mkfifo(a_folder(tmp_path, "pipe") / "data")
    (tmp_path / "Not a slug").mkdir()
    (tmp_path / os.fsdecode(b"\xff\xfe")).mkdir()
    (tmp_path / "file.txt").write_text("not an experiment")
    (tmp_path / ".git").mkdir()
    (tmp_path / "__pycache__").mkdir()
    a_folder(tmp_path, "good-two")
    loaded = {item.slug: item for item in load_folder(tmp_path)}
    assert [s for s, item in loaded.items() if item.manifest] == ["good-one", "good-two"]
    assert set(loaded) == {"good-one", "good-two", "bad", "worse", "empty", "pipe", "Not a slug", "??"}
    assert all(item.problems for item in loaded.values() if not item.manifest)
    assert {"experiment.toml"} <= {p.field for p in loaded["empty"].problems}


def test_load_folder__not_there__is_empty(tmp_path: Path) -> None:
    assert load_folder(tmp_path / "nowhere") == []


def test_load_folder__a_link__is_refused(tmp_path: Path) -> None:
    target = a_folder(tmp_path / "elsewhere")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "lookup").symlink_to(target)
    (loaded,) = load_folder(tmp_path / "here")
    assert loaded.manifest is None and "link" in str(loaded.problems[0].reason)


def test_build__any_shipped_byte__changes_it(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    seen = {build_digest(folder)}
    (folder / "templates").mkdir()
    (folder / "templates" / "a.html").write_text("1")
    seen.add(build_digest(folder))
    (folder / "templates" / "a.html").rename(folder / "templates" / "b.html")
    seen.add(build_digest(folder))
    (folder / "templates" / "b.html").write_text("2")
    seen.add(build_digest(folder))
    assert len(seen) == 4


def test_build__caches_and_dotfiles__do_not_count(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    before = build_digest(folder)
    for name in ("__pycache__/app.pyc", "tests/.pytest_cache/x", ".hidden", "tests/__pycache__/t.pyc", "old.pyc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    assert build_digest(folder) == before


def test_build__copied_elsewhere__is_the_same(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    shutil.copytree(folder, tmp_path / "copy" / "lookup")
    assert build_digest(folder) == build_digest(tmp_path / "copy" / "lookup")


def test_build__a_link_inside__is_refused(tmp_path: Path) -> None:
    folder = a_folder(tmp_path)
    (folder / "secrets").symlink_to("/etc/passwd")
    with pytest.raises(Invalid):
        build_digest(folder)
    assert fields(folder) == {"secrets"}


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=8,
)


@given(data=st.dictionaries(st.sampled_from(sorted(Manifest.model_fields)) | st.text(max_size=4), JSONISH))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_cross_checks__any_data__name_problems_and_never_raise(tmp_path: Path, data: dict[str, object]) -> None:
    from eastwind.experiments.manifest import _cross_check

    problems = list(_cross_check(data, tmp_path))
    assert {p.field for p in problems} >= {"app.py", "locustfile.py"}
    assert all(str(p.reason) for p in problems)


def test_manifest__as_json__comes_back_equal(tmp_path: Path) -> None:
    manifest = parse(a_folder(tmp_path))
    assert Manifest.model_validate_json(manifest.model_dump_json()) == manifest
