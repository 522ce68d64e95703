"""Alembic's entry: runs the migrations over the engine it is handed."""

from alembic import context

from eastwind.db.types import metadata

engine = context.config.attributes["engine"]

with engine.connect().execution_options(eastwind_write=True) as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True,
                      transaction_per_migration=False, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
