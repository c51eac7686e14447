-- Truth of the embedded store. Moments are Unix milliseconds, ids and states the text of the wire.

CREATE TABLE orders (
    order_id          TEXT PRIMARY KEY,
    geo_key           TEXT NOT NULL,
    status            TEXT NOT NULL,
    version           INTEGER NOT NULL,
    kind              TEXT NOT NULL,
    customer_id       TEXT NOT NULL,
    merchant_id       TEXT,
    driver_id         TEXT,
    assignment_id     TEXT,
    pickup_latitude   REAL NOT NULL,
    pickup_longitude  REAL NOT NULL,
    pickup_address    TEXT,
    dropoff_latitude  REAL NOT NULL,
    dropoff_longitude REAL NOT NULL,
    dropoff_address   TEXT,
    items             TEXT NOT NULL,
    prep_ready        INTEGER NOT NULL,
    prep_seconds      INTEGER NOT NULL,
    prep_ready_at     INTEGER,
    scheduled_for     INTEGER,
    due_at            INTEGER,
    price_amount      INTEGER NOT NULL,
    price_currency    TEXT NOT NULL,
    eta_pickup_at     INTEGER,
    eta_dropoff_at    INTEGER,
    note              TEXT,
    created_at        INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL
) STRICT;

-- `order_id` is a UUIDv7, so its order is the order of placement.
CREATE INDEX orders_by_area ON orders (geo_key, status, order_id);
CREATE INDEX orders_by_status ON orders (status, order_id);
CREATE INDEX orders_by_customer ON orders (customer_id, order_id);
CREATE INDEX orders_by_customer_status ON orders (customer_id, status, order_id);
CREATE INDEX orders_by_driver ON orders (driver_id, order_id) WHERE driver_id IS NOT NULL;
CREATE INDEX orders_by_driver_status ON orders (driver_id, status, order_id) WHERE driver_id IS NOT NULL;
CREATE INDEX orders_by_merchant ON orders (merchant_id, order_id) WHERE merchant_id IS NOT NULL;
CREATE INDEX orders_by_merchant_status ON orders (merchant_id, status, order_id) WHERE merchant_id IS NOT NULL;
CREATE INDEX orders_by_assignment ON orders (assignment_id) WHERE assignment_id IS NOT NULL;
CREATE INDEX orders_not_ended ON orders (geo_key, order_id) WHERE status NOT IN ('delivered', 'cancelled', 'failed');

CREATE TABLE order_events (
    order_id  TEXT NOT NULL REFERENCES orders (order_id),
    seq       INTEGER NOT NULL,
    event     TEXT NOT NULL,
    status    TEXT NOT NULL,
    at        INTEGER NOT NULL,
    made_by   TEXT NOT NULL,
    reason    TEXT,
    driver_id TEXT,
    PRIMARY KEY (order_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE drivers (
    driver_id      TEXT PRIMARY KEY,
    shift          TEXT NOT NULL,
    share_location INTEGER NOT NULL,
    consented_at   INTEGER,
    version        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE assignments (
    assignment_id TEXT PRIMARY KEY,
    driver_id     TEXT NOT NULL REFERENCES drivers (driver_id),
    began_at      INTEGER NOT NULL,
    ended_at      INTEGER
) STRICT, WITHOUT ROWID;

-- No double assignment, whatever the code above believes.
CREATE UNIQUE INDEX assignments_one_active ON assignments (driver_id) WHERE ended_at IS NULL;

CREATE TABLE offers (
    offer_id   TEXT PRIMARY KEY,
    order_id   TEXT NOT NULL REFERENCES orders (order_id),
    driver_id  TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    outcome    TEXT,
    closed_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX offers_one_open ON offers (driver_id) WHERE outcome IS NULL;
CREATE INDEX offers_by_order ON offers (order_id, outcome, closed_at);

CREATE TABLE idempotency_keys (
    principal  TEXT NOT NULL,
    key        TEXT NOT NULL,
    body_hash  BLOB NOT NULL,
    order_id   TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    status     INTEGER,
    body       TEXT,
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (claimed_at);

-- One row for each driver who has ever reported: their short key, and where their track ends.
CREATE TABLE tracks (
    driver_key       INTEGER PRIMARY KEY,
    driver_id        TEXT NOT NULL UNIQUE,
    last_seq         INTEGER,
    newest_timestamp INTEGER,
    newest_ordinal   INTEGER
) STRICT;

-- The track itself, clustered by driver and time. `ordinal` is `seq` made total (see fixes.rs). `ANY` columns hold an integer in
-- fixed point where that says exactly the same, else the real number. `delay_ms` is the time of arrival less `timestamp`.
CREATE TABLE fixes (
    driver_key INTEGER NOT NULL,
    timestamp  INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    delay_ms   INTEGER NOT NULL,
    latitude   ANY NOT NULL,
    longitude  ANY NOT NULL,
    speed      ANY,
    heading    ANY,
    accuracy   ANY,
    altitude   ANY,
    battery    ANY,
    signal     ANY,
    order_id   TEXT,
    flag       TEXT,
    PRIMARY KEY (driver_key, timestamp, ordinal)
) STRICT, WITHOUT ROWID;

-- Written by every health check, to know that writing still works.
CREATE TABLE probe (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    runs INTEGER NOT NULL
) STRICT;
INSERT INTO probe VALUES (1, 0);
