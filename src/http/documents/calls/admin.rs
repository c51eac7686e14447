//! `/api/v1/admin`.

use crate::http::admin::RevocationIn;
use crate::http::admin::RevocationOut;
use crate::http::documents::call::Call;
use crate::http::documents::call::post;
use crate::http::documents::call::schema_of;

/// The calls.
pub fn calls() -> Vec<Call> {
    let revoke = post("/api/v1/admin/revocations", "revoke", "Make tokens void before their time")
        .about("Name a `subject` or a `jti`. A `jti` is void for ever; of a subject every token that was not issued in a later second than `revoked_at`, whatever its role, and those without `iat` as long as the revocation stands. From then on such tokens are answered 401 `unauthorized`, and open sockets are closed with 4401. Repeating it is fine: the newest moment counts. Written to the audit trail.")
        .body(schema_of::<RevocationIn>)
        .answers::<RevocationOut>(201, "It stands.");
    vec![revoke.tag("admin")]
}
