"""A table of secrets that all processes share, such as the key of cursors."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment_secrets",
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="deployment_secrets_pkey"),
    )


def downgrade() -> None:
    op.drop_table("deployment_secrets")
