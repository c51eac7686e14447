//! Which address a request comes from, and as what it is counted.
//!
//! What a header says of it is believed only from a trusted proxy, and only as far as trusted proxies vouch for it: the
//! list that `X-Forwarded-For` or `Forwarded` (RFC 7239) holds is read from its right end, where the nearest proxy wrote,
//! past every address that is a trusted proxy itself. The first other one is the client; whatever stands to the left of it
//! is the client's own word.

use crate::config::Network;
use actix_web::HttpRequest;
use actix_web::http::header::FORWARDED;
use actix_web::http::header::HeaderMap;
use actix_web::http::header::X_FORWARDED_FOR;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;
use std::net::SocketAddr;

/// Leading bits of an IPv6 address by which clients are told apart: whoever has one address has the whole network.
const IPV6_CLIENT_BITS: u32 = 64;

/// The address of the client. The peer's own, unless the peer is one of `trusted` and names another.
///
/// A trusted proxy that writes one of the two headers passes the other on as the client sent it. Where there are both and
/// they lead to different clients neither is believed, and the proxy itself counts.
#[must_use]
pub fn client_address(request: &HttpRequest, trusted: &[Network]) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip()).to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if !is_trusted(peer) {
        return peer;
    }
    let walk = |hops: &[&str]| nearest_stranger(peer, hops, &is_trusted);
    let (listed, named) = (listed_hops(request.headers()), named_hops(request.headers()));
    match (listed.is_empty(), named.is_empty()) {
        (true, true) => peer,
        (false, true) => walk(&listed),
        (true, false) => walk(&named),
        (false, false) => Some(walk(&listed)).filter(|client| *client == walk(&named)).unwrap_or(peer),
    }
}

/// As what an address is counted: IPv4 by itself, IPv6 by its /64, IPv4 written as IPv6 as IPv4.
#[must_use]
pub fn address_key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() >> (128 - IPV6_CLIENT_BITS) << (128 - IPV6_CLIENT_BITS);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// From the right, past trusted proxies. What is no address ends the walk at whoever wrote it.
fn nearest_stranger(peer: IpAddr, hops: &[&str], is_trusted: &impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut nearest = peer;
    for hop in hops.iter().rev() {
        let Some(address) = parse_hop(hop) else { return nearest };
        nearest = address;
        if !is_trusted(address) {
            return nearest;
        }
    }
    nearest
}

/// The hops of every `X-Forwarded-For` line, in order.
fn listed_hops(headers: &HeaderMap) -> Vec<&str> {
    texts(headers, &X_FORWARDED_FOR).flat_map(|line| line.split(',')).map(str::trim).collect()
}

/// The `for=` of every hop of every `Forwarded` line, in order. A hop without one is kept as an empty text, which is no
/// address.
fn named_hops(headers: &HeaderMap) -> Vec<&str> {
    texts(headers, &FORWARDED).flat_map(|line| line.split(',')).map(|hop| node_of(hop).unwrap_or_default()).collect()
}

fn node_of(hop: &str) -> Option<&str> {
    let mut pairs = hop.split(';').filter_map(|pair| pair.split_once('='));
    let (_, node) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    Some(node.trim().trim_matches('"'))
}

/// A line that is no text counts as one hop that is no address: it must not vanish from the walk.
fn texts<'a>(headers: &'a HeaderMap, name: &actix_web::http::header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).map(|line| line.to_str().unwrap_or_default())
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let with_port = || hop.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.parse::<IpAddr>().ok().or_else(with_port).map(|address| address.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    /// Our proxies: 10.0.0.0/8 and one IPv6 address.
    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> String {
        let trusted = [("10.0.0.0", 8), ("2001:db8:99::1", 128)];
        let trusted = trusted.map(|(address, prefix)| Network { address: address.parse().unwrap(), prefix });
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        let request = headers
            .iter()
            .fold(TestRequest::default().peer_addr(peer), |request, header| request.append_header(*header));
        client_address(&request.to_http_request(), &trusted).to_string()
    }

    const LISTED: &str = "X-Forwarded-For";
    const NAMED: &str = "Forwarded";

    #[test]
    fn a_stranger_cannot_say_it_is_somebody_else() {
        for header in [(LISTED, "198.51.100.7"), (NAMED, "for=198.51.100.7"), (LISTED, "10.0.0.1")] {
            assert_eq!(client("203.0.113.9", &[header]), "203.0.113.9");
        }
        assert_eq!(client("203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_names_the_client_and_what_the_client_wrote_before_is_not_read() {
        for (peer, lines, expected) in [
            ("10.0.0.1", &["198.51.100.7"][..], "198.51.100.7"),
            ("2001:db8:99::1", &["198.51.100.7"], "198.51.100.7"),
            ("::ffff:10.0.0.1", &["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1, 2.2.2.2,198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.7, 10.0.0.2, 10.0.0.3"], "198.51.100.7"),
            ("10.0.0.1", &["10.9.9.9, 198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", &["198.51.100.7:61234"], "198.51.100.7"),
            ("10.0.0.1", &["[2001:db8::7]:61234"], "2001:db8::7"),
            ("10.0.0.1", &["2001:db8::7"], "2001:db8::7"),
            ("10.0.0.1", &["::ffff:198.51.100.7"], "198.51.100.7"),
            // All of them trusted: the one farthest away is the client.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            // No address: whoever wrote it answers for it.
            ("10.0.0.1", &["unknown"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7, what, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["198.51.100.7,"], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.7", "\u{e9}"], "10.0.0.1"),
        ] {
            let headers: Vec<_> = lines.iter().map(|line| (LISTED, *line)).collect();
            assert_eq!(client(peer, &headers), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_as_the_standard_writes_it() {
        for (line, expected) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("proto=https; For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=1.1.1.1, for=198.51.100.7, for=10.0.0.2", "198.51.100.7"),
            ("for=1.1.1.1, for=_hidden", "10.0.0.1"),
            ("for=1.1.1.1, proto=http", "10.0.0.1"),
            ("for=unknown", "10.0.0.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[(NAMED, line)]), expected, "{line}");
        }
    }

    #[test]
    fn of_two_headers_that_disagree_neither_is_believed() {
        let (listed, named) = ((LISTED, "198.51.100.7"), (NAMED, "for=198.51.100.7"));
        assert_eq!(client("10.0.0.1", &[listed, named]), "198.51.100.7");
        assert_eq!(client("10.0.0.1", &[listed, (NAMED, "for=1.1.1.1")]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[(LISTED, "1.1.1.1"), named]), "10.0.0.1");
    }

    #[test]
    fn ipv6_counts_by_its_network_and_ipv4_by_itself() {
        let key = |text: &str| address_key(text.parse().unwrap()).to_string();
        assert_eq!(key("192.0.2.1"), "192.0.2.1");
        assert_eq!(key("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(key("2001:db8:1:2:ffff::"), "2001:db8:1:2::");
        assert_ne!(key("2001:db8:1:3::1"), key("2001:db8:1:2::1"));
    }
}
