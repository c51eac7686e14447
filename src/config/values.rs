//! How the text of a setting becomes a value, each with a reason a person can act on when it does not.

use crate::limits;
use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;

/// Longest duration a setting may name: 30 days.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// `host:port`; `localhost` is 127.0.0.1.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "is not an address and port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

/// `3s`, `5m`, `1m 30s`, `250ms`; `0` is zero.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = humantime::parse_duration(text)
        .map_err(|_| "is not a duration, such as 250ms, 3s, 5m or 1h (0 switches it off)".to_owned())?;
    if parsed > LONGEST { Err("is longer than 30 days".to_owned()) } else { Ok(parsed) }
}

/// A duration in whole milliseconds.
pub(super) fn duration_ms(text: &str) -> Result<i64, String> {
    let duration = duration(text)?;
    i64::try_from(duration.as_millis()).map_err(|_| "is too long".to_owned())
}

/// A duration in whole milliseconds, where zero means "no such limit".
pub(super) fn limit_ms(text: &str) -> Result<Option<i64>, String> {
    duration_ms(text).map(|milliseconds| (milliseconds > 0).then_some(milliseconds))
}

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Times, at least 1.
    pub count: u32,
    /// In each stretch this long.
    pub per: Duration,
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}s", self.count, self.per.as_secs())
    }
}

/// `1000/m`, also `/s`, `/h`, `/d`; `0` is no limit.
pub(super) fn rate(text: &str) -> Result<Option<Rate>, String> {
    let wrong = || "is not a rate, such as 20/s, 1000/m, 500/h (0 switches it off)".to_owned();
    if matches!(text, "0" | "0s") {
        return Ok(None);
    }
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let count: u32 = count.parse().map_err(|_| wrong())?;
    Ok((count > 0).then_some(Rate { count, per: Duration::from_secs(seconds) }))
}

/// `premium=5,partner=20`: names as tokens carry them, each with a whole number.
pub(super) fn tiers(text: &str) -> Result<Vec<(String, u32)>, String> {
    parts(text).map(tier).collect()
}

fn tier(text: &str) -> Result<(String, u32), String> {
    let wrong = || format!("holds {text:?}, which is not a tier and its factor, such as premium=5");
    let (name, factor) = text.split_once('=').ok_or_else(wrong)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-');
    let (name, factor) = (name.trim(), count(factor.trim()).map_err(|_| wrong())?);
    let is_id = (1..=limits::ID_MAX_CHARS).contains(&name.len()) && name.bytes().all(plain);
    if is_id { Ok((name.to_owned(), factor)) } else { Err(wrong()) }
}

/// A whole number of at least one.
pub(super) fn count(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("is not a whole number of at least 1".to_owned()),
        Ok(count) => Ok(count),
    }
}

/// A whole number; zero is no limit.
pub(super) fn limit(text: &str) -> Result<Option<u32>, String> {
    let count: u32 = text.parse().map_err(|_| "is not a whole number (0 switches it off)".to_owned())?;
    Ok((count > 0).then_some(count))
}

/// Bytes, with `KiB`, `MiB` or `GiB` if wished; zero is no limit.
pub(super) fn bytes(text: &str) -> Result<Option<u64>, String> {
    let wrong = || "is not a number of bytes, such as 0, 1500000000, 512MiB or 2GiB".to_owned();
    let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1_u64 << 30)];
    let found = units.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = found.unwrap_or((text, 1));
    let bytes =
        number.trim_end().parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)?;
    Ok((bytes > 0).then_some(bytes))
}

/// An address or a network around it: `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Any address inside.
    pub address: IpAddr,
    /// Leading bits that all its addresses share.
    pub prefix: u8,
}

impl Network {
    /// Whether an address lies inside. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address it stands for.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(inside), IpAddr::V4(asked)) => {
                let host_bits = 32 - u32::from(self.prefix.min(32));
                let differ = inside.to_bits() ^ asked.to_bits();
                differ.checked_shr(host_bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(inside), IpAddr::V6(asked)) => {
                let host_bits = 128 - u32::from(self.prefix.min(128));
                let differ = inside.to_bits() ^ asked.to_bits();
                differ.checked_shr(host_bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// Addresses and networks, separated by commas.
pub(super) fn networks(text: &str) -> Result<Vec<Network>, String> {
    parts(text).map(network).collect()
}

fn network(text: &str) -> Result<Network, String> {
    let wrong = || format!("holds {text:?}, which is neither an address nor a network such as 10.0.0.0/8");
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.unwrap_or(longest);
    if prefix <= longest { Ok(Network { address, prefix }) } else { Err(wrong()) }
}

/// Web origins, separated by commas, in the form browsers send: `https://shop.example` (no path, default ports left out).
pub(super) fn origins(text: &str) -> Result<Vec<String>, String> {
    parts(text).map(origin).collect()
}

fn origin(text: &str) -> Result<String, String> {
    let wrong = || format!("holds {text:?}, which is not an origin such as https://shop.example");
    let text = text.to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://").ok_or_else(wrong)?;
    let default_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return Err(wrong()),
    };
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    if authority.is_empty() || !authority.bytes().all(plain) {
        return Err(wrong());
    }
    let host = authority.strip_suffix(default_port).unwrap_or(authority);
    Ok(format!("{scheme}://{host}"))
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, milliseconds) in
            [("3s", 3_000), ("5m", 300_000), ("250ms", 250), ("0", 0), ("0s", 0), ("1m 30s", 90_000)]
        {
            assert_eq!(duration_ms(text), Ok(milliseconds), "{text}");
        }
        for text in ["", "3", "-1s", "soon", "3 parsecs", "31d", "99999999999999999999s"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
        assert_eq!(limit_ms("0s"), Ok(None));
        assert_eq!(limit_ms("1s"), Ok(Some(1_000)));
    }

    #[test]
    fn rates() {
        let per_minute = Rate { count: 1_000, per: Duration::from_secs(60) };
        assert_eq!(rate("1000/m"), Ok(Some(per_minute)));
        assert_eq!(rate("0"), Ok(None));
        assert_eq!(rate("0/m"), Ok(None));
        for text in ["1000", "1000/", "/m", "1000/week", "-1/m", "1.5/s"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tiers_are_names_with_factors() {
        let named = |name: &str, factor| (name.to_owned(), factor);
        assert_eq!(tiers("premium=5, partner=20,").unwrap(), [named("premium", 5), named("partner", 20)]);
        assert_eq!(tiers("").unwrap(), []);
        for text in ["premium", "premium=0", "=5", "a b=2", "premium=-1", "premium=1.5"] {
            assert!(tiers(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_and_bytes() {
        assert_eq!(count("5"), Ok(5));
        assert!(count("0").is_err() && count("-1").is_err() && count("many").is_err());
        assert_eq!(limit("0"), Ok(None));
        assert_eq!(bytes("2GiB"), Ok(Some(2 << 30)));
        assert_eq!(bytes("512 MiB"), Ok(Some(512 << 20)));
        assert_eq!(bytes("0"), Ok(None));
        assert!(bytes("2GB").is_err() && bytes("99999999999GiB").is_err());
    }

    #[test]
    fn addresses_and_networks() {
        assert_eq!(address("localhost:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert!(address("[::1]:8080").is_ok());
        assert!(address(":8080").is_err() && address("example.com:80").is_err() && address("127.0.0.1").is_err());
        let parsed = networks("10.0.0.0/8, ::1,").unwrap();
        assert_eq!((parsed[0].prefix, parsed[1].prefix), (8, 128));
        assert!(networks("10.0.0.0/33").is_err() && networks("proxy").is_err());
    }

    #[test]
    fn a_network_holds_the_addresses_that_share_its_leading_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.2"),
            ("10.1.2.3/31", "10.1.2.2", "10.1.2.4"),
            ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::10.0.0.1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("::1", "::1", "::2"),
        ] {
            let network = networks(network).unwrap()[0];
            assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network:?} {outside}");
        }
    }

    #[test]
    fn origins_are_kept_as_browsers_write_them() {
        assert_eq!(
            origins("https://Shop.Example:443, http://localhost:3000").unwrap(),
            ["https://shop.example", "http://localhost:3000"]
        );
        for text in ["shop.example", "https://", "https://a/b", "ftp://a", "*", "null"] {
            assert!(origins(text).is_err(), "{text}");
        }
    }
}
