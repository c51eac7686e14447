-- Tokens that are void before their time. A repetition takes a new cursor, so that whoever reads on from the last one hears of it.
CREATE TABLE revocations (
    cursor     INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT NOT NULL CHECK (kind IN ('subject', 'jti')),
    name       TEXT NOT NULL,
    revoked_at INTEGER NOT NULL,
    UNIQUE (kind, name)
) STRICT;
