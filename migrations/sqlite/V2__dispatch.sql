-- Dispatch: what orders ask for and drivers bring, offers of several orders, refusals, and what others read of it.

ALTER TABLE orders ADD COLUMN promised_at INTEGER;
ALTER TABLE orders ADD COLUMN needs_vehicle TEXT;
ALTER TABLE orders ADD COLUMN needs_skills TEXT NOT NULL DEFAULT '[]';
ALTER TABLE orders ADD COLUMN searches INTEGER NOT NULL DEFAULT 0;

-- Every search of the first version left an event.
UPDATE orders SET searches =
    (SELECT count(*) FROM order_events AS past WHERE past.order_id = orders.order_id AND past.event IN ('searching', 'released'));

ALTER TABLE drivers ADD COLUMN name TEXT;
ALTER TABLE drivers ADD COLUMN vehicle TEXT NOT NULL DEFAULT 'scooter';
ALTER TABLE drivers ADD COLUMN skills TEXT NOT NULL DEFAULT '[]';
ALTER TABLE drivers ADD COLUMN capacity INTEGER;
ALTER TABLE drivers ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE drivers ADD COLUMN declined INTEGER NOT NULL DEFAULT 0;
ALTER TABLE drivers ADD COLUMN lapsed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE drivers ADD COLUMN completed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE drivers ADD COLUMN on_time INTEGER NOT NULL DEFAULT 0;

-- An offer holds several orders now. The first version let one order be offered to several drivers: the offer that lapses last stays
-- open, those before it have expired, or are withdrawn where they would still run beside it.
ALTER TABLE offers RENAME TO offers_before;
DROP INDEX offers_one_open;
DROP INDEX offers_by_order;

CREATE TABLE offers (
    offer_id     TEXT PRIMARY KEY,
    driver_id    TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    pickup_eta_s INTEGER NOT NULL,
    score        REAL NOT NULL,
    outcome      TEXT,
    closed_at    INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX offers_one_open ON offers (driver_id) WHERE outcome IS NULL;

CREATE TABLE offer_orders (
    offer_id TEXT NOT NULL REFERENCES offers (offer_id),
    position INTEGER NOT NULL,
    order_id TEXT NOT NULL REFERENCES orders (order_id),
    open     INTEGER NOT NULL CHECK (open IN (0, 1)),
    PRIMARY KEY (offer_id, position)
) STRICT, WITHOUT ROWID;

-- An order is offered to one driver at a time, whatever the code above believes.
CREATE UNIQUE INDEX offer_orders_one_open ON offer_orders (order_id) WHERE open = 1;

INSERT INTO offers (offer_id, driver_id, created_at, expires_at, pickup_eta_s, score, outcome, closed_at)
SELECT offer_id, driver_id, created_at, expires_at, 0, 0.0, outcome, closed_at FROM offers_before;

UPDATE offers SET
    outcome = CASE WHEN offers.expires_at < later.created_at THEN 'expired' ELSE 'withdrawn' END,
    closed_at = later.created_at
FROM (
    SELECT offer_id,
        first_value(offer_id) OVER newest AS last_id,
        first_value(created_at) OVER newest AS created_at
    FROM offers_before WHERE outcome IS NULL
    WINDOW newest AS (PARTITION BY order_id ORDER BY expires_at DESC, offer_id DESC)
) AS later
WHERE later.offer_id = offers.offer_id AND later.last_id <> offers.offer_id;

INSERT INTO offer_orders (offer_id, position, order_id, open)
SELECT before.offer_id, 0, before.order_id, offers.outcome IS NULL
FROM offers_before AS before JOIN offers ON offers.offer_id = before.offer_id;

-- To whom an order is not offered again.
CREATE TABLE order_refusals (
    order_id  TEXT NOT NULL REFERENCES orders (order_id),
    driver_id TEXT NOT NULL,
    at        INTEGER NOT NULL,
    PRIMARY KEY (order_id, driver_id)
) STRICT, WITHOUT ROWID;

INSERT INTO order_refusals (order_id, driver_id, at)
SELECT before.order_id, offers.driver_id, min(ifnull(offers.closed_at, offers.expires_at))
FROM offers_before AS before JOIN offers ON offers.offer_id = before.offer_id
WHERE offers.outcome IN ('declined', 'expired')
GROUP BY before.order_id, offers.driver_id;

DROP TABLE offers_before;

-- What is known of the past goes into the records; nothing was promised, so nothing came late.
UPDATE drivers SET
    accepted = past.accepted,
    declined = past.declined,
    lapsed = past.lapsed
FROM (
    SELECT driver_id, sum(outcome = 'accepted') AS accepted, sum(outcome = 'declined') AS declined, sum(outcome = 'expired') AS lapsed
    FROM offers WHERE outcome IS NOT NULL GROUP BY driver_id
) AS past
WHERE past.driver_id = drivers.driver_id;

UPDATE drivers SET completed = past.completed, on_time = past.completed
FROM (SELECT driver_id, count(*) AS completed FROM orders WHERE status = 'delivered' AND driver_id IS NOT NULL GROUP BY driver_id) AS past
WHERE past.driver_id = drivers.driver_id;

-- What other systems are told. `cursor` grows in the order of commits and is never used twice.
CREATE TABLE published_events (
    cursor         INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id       TEXT NOT NULL,
    occurred_at    INTEGER NOT NULL,
    order_id       TEXT NOT NULL,
    geo_key        TEXT NOT NULL,
    version        INTEGER NOT NULL,
    correlation_id TEXT NOT NULL,
    kind           TEXT NOT NULL,
    body           TEXT NOT NULL
) STRICT;

CREATE INDEX published_events_by_area ON published_events (geo_key, cursor);
CREATE INDEX published_events_by_age ON published_events (occurred_at);

CREATE TABLE audit (
    cursor    INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    actor     TEXT NOT NULL,
    act       TEXT NOT NULL,
    order_id  TEXT,
    driver_id TEXT,
    detail    TEXT
) STRICT;

-- Ids are UUIDv7, so their order is that of giving up.
CREATE TABLE dead_letters (
    dead_letter_id TEXT PRIMARY KEY,
    queue          TEXT NOT NULL,
    order_id       TEXT REFERENCES orders (order_id),
    cause          TEXT NOT NULL,
    tries          INTEGER NOT NULL,
    at             INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX dead_letters_by_order ON dead_letters (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX dead_letters_by_queue ON dead_letters (queue, dead_letter_id);
