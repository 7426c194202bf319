"""Alembic's entry point: migrations run on the connection that `Database.open` hands over."""

from alembic import context

from telecine.store.tables import metadata

for table in metadata.tables.values():
    for index in table.indexes:  # said for SQLite alone, because to say it for PostgreSQL loads all that is for that
        index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
