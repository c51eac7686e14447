//! Signs any header and any claims at all with a secret, as an attacker or a careless issuer would: for the fuzzer.

use crate::config::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use jsonwebtoken::EncodingKey;

/// The token with this header and these claims, JSON or not, signed with HS256 whatever the header says. `None` when it
/// cannot be signed.
pub(crate) fn forge(head: &[u8], claims: &[u8], secret: &Secret) -> Option<String> {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let key = EncodingKey::from_secret(secret.expose());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).ok()?;
    Some(format!("{message}.{signature}"))
}
