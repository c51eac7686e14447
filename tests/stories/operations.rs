//! What those who run it look at: health, readiness, metrics.

use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::Server;
use crate::support::UNLIMITED;
use crate::support::until;
use serde_json::Value;
use serde_json::json;

async fn fetch(server: &Server, path: &str) -> (u16, String, String) {
    let answer = server.http.get(format!("{}{path}", server.base)).send().await.unwrap();
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    (status, kind.unwrap_or_default(), answer.text().await.unwrap())
}

#[tokio::test]
async fn health_and_readiness_need_no_token_and_name_each_dependency() {
    let server = Server::start().await;
    assert_eq!(fetch(&server, "/healthz").await.0, 200);
    assert_eq!(fetch(&server, "/health").await.0, 200);
    let (status, _, text) = fetch(&server, "/readyz").await;
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200);
    let store = &body["dependencies"]["store"];
    assert_eq!((&store["state"], &store["durability"]), (&json!("ok"), &json!("fsync")), "{text}");
    let fast = Server::with(&[("BEELINE_ACK", "fast")]).await;
    let (_, _, text) = fetch(&fast, "/readyz").await;
    let body: Value = serde_json::from_str(&text).unwrap();
    let store = &body["dependencies"]["store"];
    assert!(store["durability"] != "fsync" && text.contains("lossy"), "an ack that may be lost is named: {text}");
}

#[tokio::test]
async fn the_metrics_hold_the_business_path_and_move_with_it() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    let customer = Customer::new(&server, "c-1");
    let order_id = customer.order(CENTRE.north(100.0), CENTRE.north(900.0)).await;
    driver.take(&order_id).await;
    let mut screen = customer.follow(&order_id).await;
    for metres in 1..=5 {
        let there = CENTRE.north(f64::from(metres) * 3.0);
        driver.at(there).await;
        screen.wait("the move", |frame| there.is_at(frame)).await;
    }
    let _map = server.operator().socket("/ws/operator").await;
    until("the last push is counted", || async {
        (server.metric("beeline_fixes_pushed_total").await >= 5.0).then_some(())
    })
    .await;
    let (status, kind, text) = fetch(&server, "/metrics").await;
    assert_eq!(status, 200);
    assert!(kind.starts_with("application/openmetrics-text") || kind.starts_with("text/plain"), "{kind}");
    let value = |series: &str| -> f64 {
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{series} in\n{text}")).trim().parse().unwrap()
    };
    assert_eq!(value("beeline_fixes_received_total"), 6.0);
    assert_eq!(value("beeline_fixes_conflated_total"), 0.0);
    for code in ["out_of_range", "malformed", "bad_time", "duplicate"] {
        assert_eq!(value(&format!("beeline_fixes_refused_total{{code=\"{code}\"}}")), 0.0);
    }
    assert!(value("beeline_fix_handling_seconds_count") >= 6.0);
    assert!(value("beeline_fix_push_seconds_count") >= 5.0);
    for role in ["driver", "customer", "operator"] {
        assert_eq!(value(&format!("beeline_sessions{{role=\"{role}\"}}")), 1.0, "{role}");
    }
    assert!(value("beeline_cells") >= 1.0);
    assert!(text.contains("beeline_evictions_total{reason="));
    for id in ["d-1", "c-1", order_id.as_str()] {
        assert!(!text.contains(id), "no id is a label: {id}");
    }
    drop(driver);
    let gone = || async { (server.metric(r#"beeline_sessions{role="driver"}"#).await == 0.0).then_some(()) };
    until("the session has ended", gone).await;
}

#[tokio::test]
async fn metrics_may_have_an_address_of_their_own() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    drop(listener);
    let server = Server::with(&[("BEELINE_METRICS_LISTEN", &own)]).await;
    let text = server.http.get(format!("http://{own}/metrics")).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("beeline_fixes_received_total"), "{text}");
    assert_eq!(fetch(&server, "/metrics").await.0, 404);
}

#[tokio::test]
async fn logs_are_json_and_hold_neither_tokens_nor_positions() {
    let server = Server::with(&UNLIMITED).await;
    let mut driver = Driver::on_shift(&server, "d-1", CENTRE).await;
    driver.arrive(CENTRE.north(3.0)).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = driver.caller.request(reqwest::Method::GET, "/api/v1/orders/none");
    let request = request.header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    driver.caller.send(request).await.problem(404, "not_found");
    let log = until("the request in the log, with its trace", || async {
        let log = server.log_end();
        log.lines().any(|line| line.contains("\"status\":404") && line.contains(trace)).then_some(log)
    })
    .await;
    for line in log.lines() {
        let mut entry: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(entry["timestamp"].is_string() && entry["level"].is_string(), "{line}");
        // The time of day may look like a position.
        entry["timestamp"].take();
        assert!(!entry.to_string().contains("43.7696") && !entry.to_string().contains("11.2558"), "{line}");
    }
    assert!(!log.contains(driver.caller.token.as_deref().unwrap()));
}
