//! Row 28: ways around the limits: more sockets, more doors, forged addresses, addresses by the million.

use crate::support::Caller;
use crate::support::Claims;
use crate::support::Server;
use crate::support::Socket;
use reqwest::Method;
use serde_json::json;

/// Asks until refused, at most `tries` times: how many were answered.
async fn answered(caller: &Caller, tries: usize, headers: &[(&str, String)]) -> usize {
    for number in 0..tries {
        let request = caller.request(Method::GET, "/api/v1/orders");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        let answer = caller.send(request).await;
        if answer.status == 429 {
            let answer = answer.problem(429, "too_many");
            assert!(answer.header("retry-after").and_then(|text| text.parse::<u64>().ok()) >= Some(1));
            return number;
        }
        answer.expect(200);
    }
    tries
}

#[tokio::test]
async fn row_28_forged_addresses_buy_nothing() {
    let server = Server::with(&[("BEELINE_RATE_BROWSE", "20/m")]).await;
    let caller = server.caller("customer", "c-1");
    let taken = answered(&caller, 40, &[]).await;
    assert!((20..25).contains(&taken), "{taken}");
    for number in 0..20 {
        for name in ["X-Forwarded-For", "Forwarded", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "Via"] {
            let address = format!("203.0.113.{number}");
            let value = if name == "Forwarded" { format!("for={address}") } else { address };
            assert!(answered(&caller, 3, &[(name, value)]).await <= 1, "{name} bought more");
        }
    }
    // A new token of the same person has no budget of its own, whatever else it says.
    for claims in
        [Claims::of("customer", "c-1").with("jti", "fresh"), Claims::of("customer", "c-1").with("tier", "gold")]
    {
        assert!(answered(&server.caller_with(&claims), 3, &[]).await <= 1, "{claims:?}");
    }
    // Somebody else has.
    assert!(answered(&server.caller("customer", "c-2"), 5, &[]).await == 5);
}

#[tokio::test]
async fn row_28_http_and_every_socket_draw_on_one_budget() {
    let server = Server::with(&[("BEELINE_RATE_BROWSE", "30/m")]).await;
    let caller = server.caller("customer", "c-1");
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(caller.socket("/ws/customer").await);
    }
    let mut done = 0;
    let mut refused = 0;
    for _ in 0..15 {
        done += usize::from(caller.get("/orders").await.status == 200);
        for socket in &mut sockets {
            let answer = socket.ask(json!({ "type": "subscribe", "order_id": "none" })).await;
            match answer["code"].as_str() {
                Some("not_found") => done += 1,
                Some("too_many") => refused += 1,
                _ => panic!("{answer}"),
            }
        }
    }
    assert!((27..36).contains(&done), "{done} of 60 were done, whatever the door");
    assert!(refused > 0);
    caller.get("/orders").await.problem(429, "too_many");
    let mut other = server.caller("customer", "c-2").socket("/ws/customer").await;
    other.refused(json!({ "type": "subscribe", "order_id": "none" }), "not_found").await;
}

#[tokio::test]
async fn row_28_the_same_name_in_another_role_is_another_person_and_a_service_has_no_limit() {
    let server = Server::with(&[("BEELINE_RATE_BROWSE", "5/m")]).await;
    assert!(answered(&server.caller("customer", "x"), 20, &[]).await < 8);
    assert!(answered(&server.caller("merchant", "x"), 20, &[]).await < 8);
    assert_eq!(answered(&server.service(), 60, &[]).await, 60);
    // Only a role that an issuer grants is a role: nobody becomes a service by asking.
    let forged = server.caller_with(&Claims::of("customer", "y").with("tier", "service"));
    assert!(answered(&forged, 20, &[]).await < 8);
}

/// Opens a socket of this person, as a proxy that adds this header would; the status when refused.
async fn open(server: &Server, subject: &str, forwarded: Option<&str>) -> Result<Socket, u16> {
    let mut request = Socket::request(&server.base, "/ws/customer");
    let token = server.token(&Claims::of("customer", subject));
    request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
    if let Some(forwarded) = forwarded {
        request.headers_mut().insert("X-Forwarded-For", forwarded.parse().unwrap());
    }
    Socket::open_request(request).await.map_err(|refused| refused.status)
}

#[tokio::test]
async fn row_28_one_person_has_so_many_sockets_and_no_more() {
    let server = Server::start().await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(open(&server, "c-1", None).await.expect("one of five"));
    }
    for forwarded in [None, Some("198.51.100.7"), Some("2001:db8::1")] {
        assert_eq!(open(&server, "c-1", forwarded).await.err(), Some(429), "{forwarded:?}");
    }
    open(&server, "c-2", None).await.expect("somebody else");
    drop(held.pop());
    crate::support::until("room again", || async { open(&server, "c-1", None).await.ok() }).await;
}

#[tokio::test]
async fn row_28_an_address_that_nobody_vouches_for_is_not_believed() {
    let server = Server::with(&[("BEELINE_MAX_SOCKETS_PER_ADDRESS", "4")]).await;
    let mut held = Vec::new();
    for number in 0..4 {
        held.push(
            open(&server, &format!("c-{number}"), Some(&format!("203.0.113.{number}"))).await.expect("one of four"),
        );
    }
    for forwarded in ["203.0.113.99", "10.0.0.1, 203.0.113.99", "127.0.0.1", "2001:db8::5", "", "garbage"] {
        assert_eq!(open(&server, "c-9", Some(forwarded)).await.err(), Some(429), "{forwarded:?}");
    }
}

#[tokio::test]
async fn row_28_behind_a_trusted_proxy_the_client_counts_by_its_own_address() {
    let settings = [("BEELINE_MAX_SOCKETS_PER_ADDRESS", "3"), ("BEELINE_TRUSTED_PROXIES", "127.0.0.0/8")];
    let server = Server::with(&settings).await;
    let mut held = Vec::new();
    let mut person = 0;
    let mut come = async |forwarded: &str| {
        person += 1;
        match open(&server, &format!("c-{person}"), Some(forwarded)).await {
            Ok(socket) => {
                held.push(socket);
                101
            }
            Err(status) => status,
        }
    };
    for _ in 0..3 {
        assert_eq!(come("203.0.113.1").await, 101);
    }
    assert_eq!(come("203.0.113.1").await, 429);
    assert_eq!(come("203.0.113.2").await, 101, "another address");
    // The last hop that is no proxy is the client: what stands before it the client has written itself.
    assert_eq!(come("198.51.100.1, 203.0.113.1").await, 429);
    assert_eq!(come("203.0.113.1, 127.0.0.9").await, 429);
    // Of IPv6 a network of 64 bits is one client: it has 2^64 addresses to choose from.
    for host in ["::1", "::2", ":ffff:ffff:ffff:ffff"] {
        let address = format!("2001:db8:0:1{host}");
        assert_eq!(come(&address).await, 101, "{address}");
    }
    for host in ["::3", "::4", "::dead:beef"] {
        assert_eq!(come(&format!("2001:db8:0:1{host}")).await, 429, "{host}");
    }
    assert_eq!(come("2001:db8:0:2::1").await, 101, "another network");
    // The same IPv4 address in its IPv6 form is the same client.
    assert_eq!(come("::ffff:203.0.113.1").await, 429);
    assert_eq!(held.len(), 8, "all of them held to the end");
}
