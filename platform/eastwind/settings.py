"""Settings: `config/default.toml`, then `config/<mode>.toml`, then `EASTWIND_*`. One table of name, default, help.

`Settings` is the table; `config/default.toml` repeats it with comments, and a test keeps the two equal.
"""

import os
import secrets
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from eastwind.errors import Invalid, Problem, gather, msg

MODES = ("development", "production")


def _setting(default: Any, help_: str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"help": help_, "secret": secret}, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """Every setting of the platform. Paths are absolute after `load`."""

    mode: str = _setting("development", "development, or production: stricter, and no sample data")
    home: Path = _setting(Path(), "folder that holds config/, experiments/, flags/ and loadtests/")
    host: str = _setting("127.0.0.1", "address the web server listens on")
    port: int = _setting(4242, "port the web server listens on")
    data_dir: Path = _setting(Path("var"), "where the embedded database, logs and experiments' own files lie")
    database_url: str = _setting("", "SQLAlchemy address; empty: SQLite in data_dir", secret=True)
    secret_key: str = _setting("", "signs sessions and links; empty: made once and kept in data_dir", secret=True)
    experiments_dir: Path = _setting(Path("experiments"), "where experiments are shipped to")
    flags_dir: Path = _setting(Path("flags"), "flags declared as code")
    hall_environment: str = _setting("production", "environment in which the hall evaluates flags")
    sample_data: bool = _setting(True, "load sample customers and sign-ins at the first start (development only)")
    customers: int = _setting(20_000, "how many sample customers to make")
    sample_seed: int = _setting(1, "seed of the sample data")
    sentry_dsn: str = _setting("", "where experiments send their errors; empty: counted here only", secret=True)
    experiment_memory_mb: int = _setting(512, "memory limit of an experiment's process, MiB")
    experiment_timeout_ms: int = _setting(800, "after this the customer gets today's way, ms")
    experiment_concurrency: int = _setting(16, "requests at once to one experiment; more get today's way")
    headroom: float = _setting(2.0, "a review's load is the expected load times this")
    review_seconds: int = _setting(12, "how long a review loads the back end, s")
    review_valid_days: float = _setting(7.0, "after this a review's evidence no longer opens anything, days")
    guard_interval_ms: int = _setting(500, "how often guards look, ms")
    threads: int = _setting(700, "threads of the web server; each open stream holds one")
    max_streams: int = _setting(500, "open SDK streams; above it a client is told to poll")
    max_body_kb: int = _setting(1024, "largest request body, KiB")

    @property
    def database(self) -> str:
        """The database's address, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'eastwind.db'}"

    @property
    def load_samples(self) -> bool:
        """Sample people and customers exist only in development."""
        return self.sample_data and self.mode == "development"


@dataclass(frozen=True)
class Origin:
    """One setting as `eastwind config` prints it; a secret's value is masked."""

    name: str
    value: str
    origin: str
    help: str


def find_home(start: Path) -> Path:
    """The nearest folder from `start` upwards that holds `config/default.toml`, else the source tree's root."""
    for folder in (start, *start.parents):
        if (folder / "config" / "default.toml").is_file():
            return folder
    return Path(__file__).resolve().parents[2]


def load(env: Mapping[str, str] = os.environ, home: Path | None = None) -> Settings:
    """The settings in force. Raises `Invalid` naming every wrong or unknown one."""
    return _gathered(env, home)[0]


def origins(env: Mapping[str, str] = os.environ, home: Path | None = None) -> list[Origin]:
    """Every setting with where its value comes from."""
    settings, sources = _gathered(env, home)
    return [
        Origin(f.name, _shown(getattr(settings, f.name), f.metadata["secret"]), sources.get(f.name, "default"),
               f.metadata["help"])
        for f in fields(Settings)
    ]


def _gathered(env: Mapping[str, str], home: Path | None) -> tuple[Settings, dict[str, str]]:
    home = (home or Path(env.get("EASTWIND_HOME") or find_home(Path.cwd()))).resolve()
    mode = env.get("EASTWIND_MODE", "development")
    if mode not in MODES:
        raise Invalid(Problem("EASTWIND_MODE", msg("must be one of {choices}", choices=", ".join(MODES))))
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    problems: list[Problem] = []
    for source, pairs in _layers(env, home, mode):
        for name, raw in pairs.items():
            _take(name, raw, source, values, sources, problems)
    gather(problems)
    values |= {"home": home, "mode": mode}
    settings = Settings(**values)
    _check(settings)
    return _with_paths(settings, values), sources


def _layers(env: Mapping[str, str], home: Path, mode: str) -> list[tuple[str, Mapping[str, Any]]]:
    layers: list[tuple[str, Mapping[str, Any]]] = []
    for name in ("default", mode):
        file = home / "config" / f"{name}.toml"
        if file.is_file():
            layers.append((f"config/{name}.toml", _read(file)))
    prefix = "EASTWIND_"
    known = {f.name for f in fields(Settings)}
    # Other EASTWIND_* variables belong to others (experiments' processes, scripts): only known names are read.
    own = {k[len(prefix):].lower(): v for k, v in env.items() if k.startswith(prefix)}
    layers.append(("environment", {k: v for k, v in own.items() if k in known and v != ""}))
    return layers


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(Problem(f"config/{file.name}", msg("is not valid TOML: {detail}", detail=error))) from error


def _take(name: str, raw: Any, source: str, values: dict[str, Any], sources: dict[str, str],
          problems: list[Problem]) -> None:
    types = {f.name: f.type for f in fields(Settings)}
    if name not in types:
        problems.append(Problem(name, msg("is not a setting ({source})", source=source)))
        return
    try:
        values[name] = _typed(types[name], raw)
        sources[name] = source
    except ValueError:
        wanted = getattr(types[name], "__name__", str(types[name]))
        problems.append(Problem(name, msg("must be of type {type} ({source})", type=wanted, source=source)))


def _typed(type_: Any, raw: Any) -> Any:
    if type_ is bool:
        return _truth(raw)
    if type_ in (int, float) and isinstance(raw, bool):
        raise ValueError(raw)
    return type_(raw)


def _truth(raw: Any) -> bool:
    text = str(raw).lower()
    if text not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError(raw)
    return text in ("true", "1", "yes")


_BOUNDS = {
    "port": (1, 65535), "customers": (1, 20_000_000), "experiment_memory_mb": (64, 65536),
    "experiment_timeout_ms": (10, 30_000), "experiment_concurrency": (1, 1000), "headroom": (1, 100),
    "review_seconds": (2, 3600), "review_valid_days": (0.0001, 366), "guard_interval_ms": (50, 60_000),
    "threads": (8, 10_000), "max_streams": (0, 9_000), "max_body_kb": (16, 102_400),
}


def _check(settings: Settings) -> None:
    problems = [
        Problem(name, msg("must be between {low} and {high}", low=low, high=high))
        for name, (low, high) in _BOUNDS.items()
        if not low <= getattr(settings, name) <= high
    ]
    if settings.threads < settings.max_streams + 16:
        problems.append(Problem("threads", msg("must exceed max_streams by at least 16, or pages wait for streams")))
    if settings.mode == "production" and settings.secret_key and len(settings.secret_key) < 32:
        problems.append(Problem("secret_key", msg("must have at least 32 characters in production")))
    gather(problems)


def _with_paths(settings: Settings, values: dict[str, Any]) -> Settings:
    paths = {name: (settings.home / getattr(settings, name)) for name in ("data_dir", "experiments_dir", "flags_dir")}
    return Settings(**(values | paths))


def _shown(value: Any, secret: bool) -> str:
    return "***" if secret and value else str(value)


def secret_key(settings: Settings) -> str:
    """The signing key: the one set, or one made at the first start and kept in `data_dir/secret` (0600)."""
    if settings.secret_key:
        return settings.secret_key
    file = settings.data_dir / "secret"
    if not file.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        # O_EXCL: of two processes that start together one makes the key and the other reads it.
        try:
            handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return file.read_text(encoding="ascii")
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(secrets.token_urlsafe(48))
    return file.read_text(encoding="ascii")


assert all(f.default is not MISSING for f in fields(Settings))
