"""placeholder until the schema of the first release stands: makes every table from the metadata"""

import importlib
import pkgutil

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    import eastwind
    from eastwind.db import metadata

    for module in pkgutil.walk_packages(eastwind.__path__, "eastwind."):
        if module.name.endswith(".store"):
            importlib.import_module(module.name)
    metadata.create_all(op.get_bind())
