"""Make the table of the test runs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXT = (
    "session_id",
    "path",
    "setup_outcome",
    "call_outcome",
    "teardown_outcome",
    "dask_version",
    "distributed_version",
    "python_version",
    "platform",
    "ci_run_url",
    "cluster_name",
    "cluster_id",
    "cluster_details_url",
    "performance_report_url",
    "cluster_dump_url",
)
_NUMBERS = (
    "duration",
    "average_memory",
    "peak_memory",
    "compute_time",
    "disk_spill_time",
    "serializing_time",
    "transfer_time",
    "scheduler_cpu_avg",
    "scheduler_memory_max",
    "worker_max_tick",
    "scheduler_max_tick",
)


def upgrade() -> None:
    op.create_table(
        "test_run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("originalname", sa.String, nullable=False),
        sa.Column("start", sa.DateTime),
        sa.Column("end", sa.DateTime),
        *(sa.Column(name, sa.String) for name in _TEXT),
        *(sa.Column(name, sa.Float) for name in _NUMBERS),
    )
