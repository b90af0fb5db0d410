"""The database: models, migrations, recording, merging. The only home of SQLAlchemy and Alembic."""
