//! SIGKILL in the middle of writing: all that was acknowledged is there afterwards, and nothing is there by half.

use super::*;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::Status;
use crate::store::conformance::fixes::fix_row;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Write;
use std::process::Command;
use std::process::Stdio;

const FOLDER: &str = "BEELINE_TEST_CRASH_FOLDER";
const CHILD: &str = "store::sqlite::tests::crash::writes_until_it_is_killed";

fn say(word: &str, what: &dyn std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{word} {what}").unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: the process that is killed. Says what was acknowledged, once it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by all_that_was_acknowledged_survives_a_kill, in a process of its own"]
async fn writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { panic!("{FOLDER} is not set") };
    let store = open(Path::new(&folder)).unwrap();
    let driver_id = DriverId::parse("crash").unwrap();
    let fixes = async {
        let last = store.drivers.driver_load(driver_id.clone(), T0).await.unwrap().last_seq.unwrap_or(0);
        for batch in 0.. {
            let first = last + 1 + batch * 10;
            let rows = (first..first + 10).map(|seq| fix_row(&driver_id, T0 + seq, Some(seq))).collect();
            store.fixes.fixes_append(rows).await.unwrap();
            say("fix", &(first + 9));
        }
    };
    let orders = async {
        loop {
            let driver = available_driver(&store).await;
            let order = searching(&store).await;
            say("searching", &order.order_id);
            let taken = assign(&order, &driver);
            store.orders.order_commit(taken.clone()).await.unwrap();
            say("assigned", &order.order_id);
        }
    };
    tokio::join!(fixes, orders);
}

/// What a child has acknowledged.
#[derive(Default)]
struct Told {
    last_seq: i64,
    searching: Vec<OrderId>,
    assigned: Vec<OrderId>,
}

/// Lets a child write until it has acknowledged `lines` things, kills it and reads on what it had still said.
fn run_and_kill(folder: &Path, lines: usize, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut heard = 0;
    for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
        let Some((word, what)) = line.split_once(' ') else { continue };
        match word {
            "fix" => told.last_seq = what.parse().unwrap(),
            "searching" => told.searching.push(OrderId::parse(what).unwrap()),
            "assigned" => told.assigned.push(OrderId::parse(what).unwrap()),
            _ => continue,
        }
        heard += 1;
        if heard == lines {
            child.kill().unwrap();
        }
    }
    assert!(heard >= lines, "the child ended by itself after {heard} lines");
    child.wait().unwrap();
}

async fn check(folder: &Path, told: &Told) {
    let store = open(folder).unwrap();
    let driver_id = DriverId::parse("crash").unwrap();
    let state = store.drivers.driver_load(driver_id.clone(), T0).await.unwrap();
    let last = state.last_seq.unwrap();
    assert!(last >= told.last_seq, "fixes to {} were acknowledged, those to {last} are there", told.last_seq);
    assert_eq!(last % 10, 0, "a batch is there by half");
    assert_eq!(state.newest.unwrap().seq, Some(last));
    let query = crate::store::TrackQuery { driver_id, start: T0, end: T0 + last, limit: usize::MAX, after: None };
    let stored = store.fixes.track(query).await.unwrap().points;
    assert!(stored.iter().map(|point| point.fix.seq).eq((1..=last).map(Some)), "a gap in the track");
    let fetch = async |order_id: &OrderId| store.orders.order_fetch(order_id.clone()).await.unwrap().unwrap();
    for order_id in &told.searching {
        assert!(fetch(order_id).await.version >= 3);
    }
    for order_id in &told.assigned {
        assert_eq!(fetch(order_id).await.status, Status::Assigned);
    }
    for order in store.orders.orders_open().await.unwrap() {
        let events = store.orders.order_events(order.order_id.clone(), 0).await.unwrap();
        assert!(events.iter().map(|event| event.seq).eq(1..=order.version), "an order and its events differ");
        if let Some(driver_id) = order.driver_id {
            let carried = store.drivers.driver_load(driver_id, T0).await.unwrap().assignment;
            assert_eq!(carried, Some((order.assignment_id.unwrap(), vec![order.order_id])));
        }
    }
    store.health.close().await.unwrap();
}

#[tokio::test]
async fn all_that_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Told::default();
    for lines in [1, 3, 10, 40, 41, 100, 200] {
        run_and_kill(folder.path(), lines, &mut told);
        check(folder.path(), &told).await;
    }
    assert!(!told.assigned.is_empty() && told.last_seq > 0);
}
