import re
import subprocess
import sys
import types
from pathlib import Path

import eastwind_sdk
from eastwind_sdk import errors

SOURCE = Path(eastwind_sdk.__file__).parent.parent


def test_all__equals_reality() -> None:
    public = {
        name
        for name, value in vars(eastwind_sdk).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    # `experiment`, `backoffice` and so on are also modules: the call must be what one gets
    assert set(eastwind_sdk.__all__) == public
    assert eastwind_sdk.__all__ == sorted(eastwind_sdk.__all__)
    assert callable(eastwind_sdk.experiment) and callable(eastwind_sdk.backoffice)


def test_docstring__draws_the_exception_tree_as_it_is() -> None:
    drawn = re.findall(r"^(?: {4})([ │├└─]*)([A-Z]\w+)", eastwind_sdk.__doc__ or "", re.MULTILINE)
    parents: dict[int, str] = {}
    tree: dict[str, str | None] = {}
    for lead, name in drawn:
        if not hasattr(errors, name):
            continue
        parents[len(lead)] = name
        tree[name] = parents[max((depth for depth in parents if depth < len(lead)), default=len(lead))]
    real = {name: value for name, value in vars(errors).items() if isinstance(value, type)}
    assert set(tree) == set(real)
    for name, parent in tree.items():
        assert parent == name or real[name].__bases__[0].__name__ == parent


def test_import__stays_small() -> None:
    heavy = ["UnleashClient", "numpy", "sqlalchemy", "eastwind", "backoffice", "locust"]
    code = f"import sys, eastwind_sdk.runner; print([m for m in {heavy} if m in sys.modules])"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert told.stdout.strip() == "[]"
