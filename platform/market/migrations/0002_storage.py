"""What Django cannot say: bars are partitioned by year, packed payloads are not compressed twice.

Partitions are made by `market.bars` when the first bar of a year arrives.
"""

from django.db import migrations

PARTITIONED_BARS = """
DROP TABLE market_bar;
CREATE TABLE market_bar (
    instrument_id bigint NOT NULL REFERENCES market_instrument (id),
    price varchar(5) NOT NULL,
    interval integer NOT NULL CHECK (interval > 0),
    time timestamptz NOT NULL,
    known_at timestamptz NOT NULL,
    open double precision,
    high double precision,
    low double precision,
    close double precision NOT NULL,
    volume double precision,
    source varchar(16) NOT NULL,
    CHECK (known_at >= time),
    PRIMARY KEY (instrument_id, price, interval, time, known_at)
) PARTITION BY RANGE (time);
"""

# EXTERNAL: out of line, not compressed, for payloads are zstd already.
STORED_AS_IS = """
ALTER TABLE market_snapshot ALTER COLUMN payload SET STORAGE EXTERNAL;
ALTER TABLE market_chainlayout ALTER COLUMN payload SET STORAGE EXTERNAL;
"""


class Migration(migrations.Migration):
    dependencies = [("market", "0001_initial")]

    operations = [
        migrations.RunSQL(PARTITIONED_BARS, migrations.RunSQL.noop),
        migrations.RunSQL(STORED_AS_IS, migrations.RunSQL.noop),
    ]
