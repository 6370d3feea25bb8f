"""How Alembic finds the service's database; it is called by `optimizer.service.storage` with an open connection, never by itself."""

from alembic import context

from optimizer.service.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
