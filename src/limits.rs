//! Every bound in one place. Settings people change live in `config`; these are the ones that keep the program itself bounded.

/// Longest id in characters, for ids made by anyone.
pub const ID_MAX_CHARS: usize = 64;
/// Bytes of a token's `jti`.
pub const JTI_MAX_BYTES: usize = 256;
/// Fixes in one batch, over HTTP or in a `locations` message.
pub const BATCH_MAX_FIXES: usize = 500;
/// Order events waiting for one socket; one more closes it with 4413 and the client resumes.
pub const OUTBOX_MAX_EVENTS: usize = 256;
/// Orders one customer socket may watch at a time.
pub const SUBSCRIPTIONS_MAX: usize = 64;
/// Bytes of one incoming message on the customer and operator sockets.
pub const FRAME_MAX_BYTES: usize = 16 * 1024;
/// Bytes of one incoming message on the driver socket, which carries batches.
pub const DRIVER_FRAME_MAX_BYTES: usize = 256 * 1024;
/// Fragments of one incoming message.
pub const FRAGMENTS_MAX: usize = 16;
/// Control frames (pings, pongs, a close) one socket may send at once; one more closes it with 4429.
pub const CONTROL_FRAMES_BURST: u32 = 64;
/// Control frames one socket may send each second on and on.
pub const CONTROL_FRAMES_PER_S: u32 = 8;
/// Data frames, each fragment one, that one socket may send at once; one more closes it with 4429.
pub const DATA_FRAMES_BURST: u32 = 2_000;
/// Data frames one socket may send each second on and on.
pub const DATA_FRAMES_PER_S: u32 = 1_000;
/// Open files kept free of connections: the store's, listeners, and what the process opens now and then.
pub const OPEN_FILES_RESERVE: u64 = 128;
/// Time between two looks at how much memory the process holds, in milliseconds.
pub const MEMORY_LOOK_MS: u64 = 250;
/// Nesting of incoming JSON.
pub const JSON_MAX_DEPTH: usize = 8;
/// Bytes of one HTTP request body.
pub const BODY_MAX_BYTES: usize = 256 * 1024;
/// Points one `route` page may hold.
pub const ROUTE_MAX_POINTS: usize = 1_000;
/// Orders one page of a listing may hold.
pub const ORDERS_MAX_PAGE: usize = 200;
/// Drivers one `nearby` answer may hold.
pub const NEARBY_MAX_DRIVERS: usize = 200;
/// Largest `nearby` radius in metres.
pub const NEARBY_MAX_RADIUS_M: f64 = 50_000.0;
/// Items of one order.
pub const ITEMS_MAX: usize = 100;
/// Characters of a free-text field such as an address, a note or an item's name.
pub const TEXT_MAX_CHARS: usize = 500;
/// Orders one driver may carry at once, whatever settings and profile say.
pub const DRIVER_CAPACITY_MAX: usize = 16;
/// Skills of a driver, or asked for by an order.
pub const SKILLS_MAX: usize = 32;
/// Events, audit rows or dead letters on one page.
pub const FEED_MAX_PAGE: usize = 1_000;
/// Published events and audit rows are kept this long, in milliseconds.
pub const EVENTS_KEPT_MS: i64 = 7 * 24 * 60 * 60 * 1_000;
/// Dead letters are kept this long, in milliseconds; their orders fail then.
pub const DEAD_LETTERS_KEPT_MS: i64 = 14 * 24 * 60 * 60 * 1_000;
/// Candidates weighed for one order.
pub const CANDIDATES_MAX: usize = 32;
/// Drivers one cell weighs in one decision.
pub const CELL_DRIVERS_MAX: usize = 400;
/// Orders of neighbouring cells that one cell weighs as competition.
pub const CELL_FOREIGN_ORDERS_MAX: usize = 400;
/// Heartbeat of every socket, in seconds.
pub const HEARTBEAT_S: u64 = 15;
/// Idempotency keys are honoured this long, in milliseconds.
pub const IDEMPOTENCY_TTL_MS: i64 = 24 * 60 * 60 * 1_000;
/// Least time between two `ack` frames of one driver, in milliseconds.
pub const ACK_INTERVAL_MS: i64 = 250;
/// Time between two operator deltas, in milliseconds.
pub const OPERATOR_DELTA_MS: u64 = 500;
/// Messages an actor's mailbox holds before a sender is refused.
pub const MAILBOX_MAX: usize = 4_096;
/// Longest wait for another actor's answer, in milliseconds.
pub const ASK_TIMEOUT_MS: u64 = 5_000;
/// Jobs waiting for the store's writer before callers are told `busy`.
pub const STORE_QUEUE_MAX: usize = 8_192;
/// Jobs that share one commit at most.
pub const STORE_GROUP_MAX: usize = 512;
/// Longest wait for the store, in milliseconds.
pub const STORE_TIMEOUT_MS: u64 = 10_000;
