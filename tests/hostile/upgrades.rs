//! Rows 9 and 10: pages of other hosts, cookies, and upgrades that carry several tokens.

use crate::support::Claims;
use crate::support::Server;
use crate::support::Socket;

const DOORS: [(&str, &str); 3] = [("/ws/customer", "customer"), ("/ws/driver", "driver"), ("/ws/operator", "operator")];

/// Asks for a socket with these headers; status and code of a refusal.
async fn open(server: &Server, door: &str, headers: &[(&'static str, &str)]) -> Result<Socket, (u16, String)> {
    let mut request = Socket::request(&server.base, door);
    for (name, value) in headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    Socket::open_request(request).await.map_err(|refused| (refused.status, refused.code().1.to_owned()))
}

async fn refused(server: &Server, door: &str, headers: &[(&'static str, &str)]) -> (u16, String) {
    open(server, door, headers).await.err().unwrap_or_else(|| panic!("{door} opened to {headers:?}"))
}

fn bearer(server: &Server, role: &str, subject: &str) -> String {
    format!("Bearer {}", server.token(&Claims::of(role, subject)))
}

#[tokio::test]
async fn row_09_a_page_of_another_origin_opens_no_socket() {
    let server = Server::with(&[("BEELINE_ORIGINS", "https://shop.example")]).await;
    let own = server.base.clone();
    let forbidden = (403, "forbidden".to_owned());
    for (door, role) in DOORS {
        let token = bearer(&server, role, "x-1");
        for origin in [
            "https://evil.example",
            "https://shop.example.evil.example",
            "https://evil.example/https://shop.example",
            "https://evilshop.example",
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example.",
            "https://user@shop.example",
            "null",
            "file://",
            "",
            "*",
        ] {
            let answer = refused(&server, door, &[("Authorization", &token), ("Origin", origin)]).await;
            assert_eq!(answer, forbidden, "{door} from {origin:?}");
        }
        let twice = [("Authorization", &*token), ("Origin", &*own), ("Origin", "https://evil.example")];
        assert_eq!(refused(&server, door, &twice).await, forbidden, "two origins");
        let from_evil = [("Authorization", &*token), ("Origin", "https://evil.example")];
        let forwarded = [&from_evil[..], &[("X-Forwarded-Host", "evil.example")]].concat();
        assert_eq!(refused(&server, door, &forwarded).await, forbidden, "a forwarded host");
        for origin in [&*own, "https://shop.example"] {
            let opened = open(&server, door, &[("Authorization", &token), ("Origin", origin)]).await;
            assert!(opened.is_ok(), "{door} from {origin}: {:?}", opened.err());
        }
    }
    // The socket at an order's address is no other door.
    let token = bearer(&server, "operator", "x-1");
    let at_order = "/api/v1/orders/0190a000-0000-7000-8000-000000000000/driver-location";
    let (status, _) =
        refused(&server, at_order, &[("Authorization", &token), ("Origin", "https://evil.example")]).await;
    assert!(matches!(status, 403 | 404), "{status}");
}

#[tokio::test]
async fn row_09_an_upgrade_carries_one_token() {
    let server = Server::start().await;
    let (one, other) = (Claims::of("customer", "c-1"), Claims::of("customer", "c-2"));
    let (one, other) = (server.token(&one), server.token(&other));
    let door = "/ws/customer";
    let malformed = (400, "malformed".to_owned());
    let unauthorized = (401, "unauthorized".to_owned());
    let protocol = "Sec-WebSocket-Protocol";
    for offers in [format!("beeline.v1, bearer.{one}, bearer.{other}"), format!("bearer.{one}, bearer.{one}")] {
        assert_eq!(refused(&server, door, &[(protocol, &offers)]).await, malformed, "two on one line");
    }
    let lines = [format!("beeline.v1, bearer.{one}"), format!("bearer.{other}")];
    assert_eq!(
        refused(&server, door, &[(protocol, &lines[0]), (protocol, &lines[1])]).await,
        malformed,
        "on two lines"
    );
    let header = format!("Bearer {one}");
    let headers = [("Authorization", &*header), ("Authorization", &*header)];
    assert_eq!(refused(&server, door, &headers).await, malformed, "two headers");

    // The header says one person, the subprotocol another, or the same in another role.
    let offers = format!("beeline.v1, bearer.{other}");
    assert_eq!(refused(&server, door, &[("Authorization", &header), (protocol, &offers)]).await, unauthorized);
    let elevated = format!("beeline.v1, bearer.{}", server.token(&Claims::of("operator", "c-1")));
    assert_eq!(refused(&server, door, &[("Authorization", &header), (protocol, &elevated)]).await, unauthorized);
    let forged = format!("beeline.v1, bearer.{one}x");
    assert_eq!(refused(&server, door, &[("Authorization", &header), (protocol, &forged)]).await, unauthorized);
    let own = format!("beeline.v1, bearer.{one}");
    assert!(
        open(&server, door, &[("Authorization", &header), (protocol, &own)]).await.is_ok(),
        "the same person twice"
    );
}

#[tokio::test]
async fn row_10_a_cookie_opens_nothing() {
    let server = Server::start().await;
    let token = server.token(&Claims::of("customer", "victim"));
    let own = server.base.clone();
    for name in ["token", "access_token", "session", "bearer", "Authorization", "beeline"] {
        let cookies = [format!("{name}={token}"), format!("{name}=Bearer {token}")];
        for cookie in &cookies {
            // The victim's browser, on a page of somebody else.
            let from_evil = [("Cookie", &**cookie), ("Origin", "https://evil.example")];
            let answer = refused(&server, "/ws/customer", &from_evil).await;
            assert_eq!(answer, (403, "forbidden".to_owned()), "{name}");
            // On the own page, and from no page at all: still no way in.
            for headers in [&[("Cookie", &**cookie)][..], &[("Cookie", &**cookie), ("Origin", &*own)]] {
                let answer = refused(&server, "/ws/customer", headers).await;
                assert_eq!(answer, (401, "unauthorized".to_owned()), "{name}");
            }
        }
        let stranger = server.stranger();
        let request = stranger.request(reqwest::Method::GET, "/api/v1/orders").header("Cookie", &cookies[0]);
        stranger.send(request).await.problem(401, "unauthorized");
    }
    // Even with a good token, another page stays out before any 101.
    let header = format!("Bearer {token}");
    let cookie = format!("token={token}");
    let hijack = [("Authorization", &*header), ("Cookie", &*cookie), ("Origin", "https://evil.example")];
    assert_eq!(refused(&server, "/ws/customer", &hijack).await, (403, "forbidden".to_owned()));
    // And nothing here ever sets one.
    for path in ["/", "/healthz", "/api/v1/orders"] {
        let caller = server.caller("customer", "victim");
        let answer = caller.send(caller.request(reqwest::Method::GET, path)).await;
        assert!(answer.header("set-cookie").is_none(), "{path}");
    }
}
