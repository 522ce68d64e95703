"""The schema of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Every table of 0.1.0. Moments are whole microseconds since 1970."""
    op.create_table(
        "context_field",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("stickiness", sa.Boolean(), nullable=False),
        sa.Column("sort_order", sa.Integer(), nullable=False),
        sa.Column("legal_values", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_context_field")),
    )
    op.create_table(
        "environment",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("sort_order", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_environment")),
    )
    op.create_table(
        "event",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("act", sa.String(length=80), nullable=False),
        sa.Column("room", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("project", sa.String(length=100), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event")),
    )
    op.create_index("ix_event_room_id", "event", ["room", "id"], unique=False)
    op.create_index("ix_event_subject_id", "event", ["subject", "id"], unique=False)
    op.create_table(
        "experiment",
        sa.Column("slug", sa.String(length=40), nullable=False),
        sa.Column("flag", sa.String(length=100), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("build", sa.String(length=64), nullable=False),
        sa.Column("problems", sa.JSON(), nullable=False),
        sa.Column("declared_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slug", name=op.f("pk_experiment")),
    )
    op.create_index(op.f("ix_experiment_flag"), "experiment", ["flag"], unique=False)
    op.create_table(
        "experiment_leaver",
        sa.Column("experiment", sa.String(length=40), nullable=False),
        sa.Column("customer", sa.String(length=100), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment", "customer", name=op.f("pk_experiment_leaver")),
    )
    op.create_table(
        "experiment_run",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("experiment", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("peak_share", sa.BigInteger(), nullable=False),
        sa.Column("pilots", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.String(length=200), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by", sa.String(length=200), nullable=False),
        sa.Column("close_reason", sa.JSON(), nullable=True),
        sa.Column("close_event", sa.BigInteger(), nullable=True),
        sa.Column("rolled_back", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_experiment_run")),
    )
    op.create_index("ix_experiment_run_closed_at", "experiment_run", ["closed_at"], unique=False)
    op.create_index(
        "ix_experiment_run_experiment_environment_id",
        "experiment_run",
        ["experiment", "environment", "id"],
        unique=False,
    )
    op.create_table(
        "exposure",
        sa.Column("experiment", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("unit", sa.String(length=100), nullable=False),
        sa.Column("arm", sa.String(length=10), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("experiment", "environment", "run", "unit", "arm", name=op.f("pk_exposure")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "grid_import",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("stations", sa.Integer(), nullable=False),
        sa.Column("feeders", sa.Integer(), nullable=False),
        sa.Column("transformers", sa.Integer(), nullable=False),
        sa.Column("customers", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grid_import")),
    )
    op.create_table(
        "guard_breach",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("experiment", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("metric", sa.String(length=41), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guard_breach")),
        sa.UniqueConstraint(
            "experiment", "environment", "run", name=op.f("uq_guard_breach_experiment_environment_run")
        ),
    )
    op.create_table(
        "guard_heartbeat",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_guard_heartbeat")),
    )
    op.create_table(
        "guard_state",
        sa.Column("experiment", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("run", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("metric", sa.String(length=41), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("experiment", "environment", "run", "metric", name=op.f("pk_guard_state")),
    )
    op.create_table(
        "host_process",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("slug", sa.String(length=300), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("restarts", sa.Integer(), nullable=False),
        sa.Column("last_exit", sa.JSON(), nullable=True),
        sa.Column("log_tail", sa.Text(), nullable=False),
        sa.Column("build", sa.String(length=64), nullable=False),
        sa.Column("manifest_errors", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_host_process")),
    )
    op.create_table(
        "impact_series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("app", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("labels_hash", sa.String(length=64), nullable=False),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("help", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("buckets", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_impact_series")),
        sa.UniqueConstraint(
            "environment", "app", "name", "labels_hash", name=op.f("uq_impact_series_environment_app_name_labels_hash")
        ),
    )
    op.create_table(
        "job_heartbeat",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_heartbeat")),
    )
    op.create_table(
        "job_lease",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_lease")),
    )
    op.create_table(
        "outcome",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("experiment", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.String(length=100), nullable=True),
        sa.Column("unit", sa.String(length=100), nullable=False),
        sa.Column("metric", sa.String(length=41), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_outcome")),
        sa.UniqueConstraint(
            "experiment", "environment", "run", "id", name=op.f("uq_outcome_experiment_environment_run_id")
        ),
    )
    op.create_index(
        "ix_outcome_run_metric_unit",
        "outcome",
        ["experiment", "environment", "run", "metric", "unit", "value", "at"],
        unique=False,
    )
    op.create_table(
        "project",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
    )
    op.create_table(
        "review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("experiment", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("share", sa.BigInteger(), nullable=False),
        sa.Column("build", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reasons", sa.JSON(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("progress", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("asked_by", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("heartbeat_at", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("voided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index("ix_review_state", "review", ["state", "id"], unique=False)
    op.create_index("ix_review_subject", "review", ["experiment", "environment", "id"], unique=False)
    op.create_table(
        "sdk_instance",
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("app", sa.String(length=200), nullable=False),
        sa.Column("instance", sa.String(length=200), nullable=False),
        sa.Column("connection", sa.String(length=200), nullable=False),
        sa.Column("sdk", sa.String(length=200), nullable=False),
        sa.Column("transport", sa.String(length=20), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("buckets", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "app", "instance", "connection", name=op.f("pk_sdk_instance")),
    )
    op.create_index(op.f("ix_sdk_instance_last_seen"), "sdk_instance", ["last_seen"], unique=False)
    op.create_table(
        "segment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("project", sa.String(length=100), nullable=True),
        sa.Column("constraints", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("name", name=op.f("uq_segment_name")),
    )
    op.create_table(
        "station",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("bureau", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station")),
    )
    op.create_table(
        "tag_type",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("icon", sa.String(length=100), nullable=True),
        sa.Column("color", sa.String(length=20), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tag_type")),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("projects", sa.JSON(), nullable=False),
        sa.Column("secret_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("seen_at", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_token_secret_hash")),
    )
    op.create_table(
        "usage_application",
        sa.Column("app", sa.String(length=200), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("sdk", sa.String(length=200), nullable=False),
        sa.Column("strategies", sa.JSON(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("app", "environment", name=op.f("pk_usage_application")),
    )
    op.create_table(
        "usage_hour",
        sa.Column("feature", sa.String(length=200), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("app", sa.String(length=200), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("yes", sa.BigInteger(), nullable=False),
        sa.Column("no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feature", "environment", "app", "hour", name=op.f("pk_usage_hour")),
    )
    op.create_index(op.f("ix_usage_hour_hour"), "usage_hour", ["hour"], unique=False)
    op.create_table(
        "usage_variant",
        sa.Column("feature", sa.String(length=200), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("app", sa.String(length=200), nullable=False),
        sa.Column("hour", sa.BigInteger(), nullable=False),
        sa.Column("variant", sa.String(length=200), nullable=False),
        sa.Column("shown", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("feature", "environment", "app", "hour", "variant", name=op.f("pk_usage_variant")),
    )
    op.create_index(op.f("ix_usage_variant_hour"), "usage_variant", ["hour"], unique=False)
    op.create_table(
        "user_account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("name", name=op.f("uq_user_account_name")),
    )
    op.create_table(
        "feature",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("name_key", sa.String(length=100), nullable=False),
        sa.Column("project", sa.String(length=100), nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("stale", sa.Boolean(), nullable=False),
        sa.Column("impression_data", sa.Boolean(), nullable=False),
        sa.Column("dependencies", sa.JSON(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("archived_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_status", sa.String(length=20), nullable=False),
        sa.Column("completed_value", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_feature_project")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_feature")),
        sa.UniqueConstraint("name_key", name=op.f("uq_feature_name_key")),
    )
    op.create_index(op.f("ix_feature_project"), "feature", ["project"], unique=False)
    op.create_table(
        "feeder",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("station_id", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["station_id"], ["station.id"], name=op.f("fk_feeder_station_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feeder")),
    )
    op.create_index(op.f("ix_feeder_station_id"), "feeder", ["station_id"], unique=False)
    op.create_table(
        "impact_point",
        sa.Column("series", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.Float(), nullable=False),
        sa.Column("buckets", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["series"], ["impact_series.id"], name=op.f("fk_impact_point_series"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("series", "minute", name=op.f("pk_impact_point")),
    )
    op.create_index(op.f("ix_impact_point_minute"), "impact_point", ["minute"], unique=False)
    op.create_table(
        "project_without_environment",
        sa.Column("project", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(
            ["environment"], ["environment.name"], name=op.f("fk_project_without_environment_environment")
        ),
        sa.ForeignKeyConstraint(["project"], ["project.id"], name=op.f("fk_project_without_environment_project")),
        sa.PrimaryKeyConstraint("project", "environment", name=op.f("pk_project_without_environment")),
    )
    op.create_table(
        "tag",
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("value", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["type"], ["tag_type.name"], name=op.f("fk_tag_type")),
        sa.PrimaryKeyConstraint("type", "value", name=op.f("pk_tag")),
    )
    op.create_table(
        "feature_environment",
        sa.Column("feature", sa.String(length=100), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("strategies", sa.JSON(), nullable=False),
        sa.Column("variants", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["environment"], ["environment.name"], name=op.f("fk_feature_environment_environment")),
        sa.ForeignKeyConstraint(["feature"], ["feature.name"], name=op.f("fk_feature_environment_feature")),
        sa.PrimaryKeyConstraint("feature", "environment", name=op.f("pk_feature_environment")),
    )
    op.create_table(
        "transformer",
        sa.Column("id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("feeder_id", sa.String(length=100), nullable=False),
        sa.Column("kva", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["feeder_id"], ["feeder.id"], name=op.f("fk_transformer_feeder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_transformer")),
    )
    op.create_index(op.f("ix_transformer_feeder_id"), "transformer", ["feeder_id"], unique=False)
    op.create_table(
        "customer",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("transformer_id", sa.String(length=100), nullable=False),
        sa.Column("tariff", sa.String(length=100), nullable=False),
        sa.Column("bureau", sa.String(length=100), nullable=False),
        sa.Column("channel", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["transformer_id"], ["transformer.id"], name=op.f("fk_customer_transformer_id")),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_customer")),
    )
    op.create_index("ix_customer_transformer_id_account", "customer", ["transformer_id", "account"], unique=False)


def downgrade() -> None:
    """Not offered."""
    raise NotImplementedError("restore a backup instead")
