#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::pending::ACK_MAX_CONFLATED;
use super::pending::CONFLATED_MAX_WAITING;
use super::*;
use crate::limits::OUTBOX_MAX_EVENTS;
use actix::Actor;
use actix::AsyncContext as _;
use actix::Context;
use actix::Handler;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

/// A session that keeps what it drains.
struct Probe {
    outbox: Arc<Outbox>,
    wakes: u32,
    got: Vec<Out>,
}

impl Actor for Probe {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.outbox.attach(ctx.address().recipient());
        self.take();
    }
}

impl Probe {
    fn start_on(outbox: &Arc<Outbox>) -> actix::Addr<Probe> {
        Probe { outbox: Arc::clone(outbox), wakes: 0, got: Vec::new() }.start()
    }

    fn take(&mut self) {
        let Probe { outbox, got, .. } = self;
        outbox.drain(|out| got.push(out));
    }
}

impl Handler<Wake> for Probe {
    type Result = ();

    fn handle(&mut self, _: Wake, _: &mut Self::Context) {
        self.wakes += 1;
        self.take();
    }
}

/// Takes what the probe has got, and how often it was woken.
#[derive(Message)]
#[rtype(result = "Seen")]
struct Report;

#[derive(actix::MessageResponse)]
struct Seen {
    wakes: u32,
    got: Vec<Out>,
}

impl Handler<Report> for Probe {
    type Result = Seen;

    fn handle(&mut self, _: Report, _: &mut Self::Context) -> Seen {
        Seen { wakes: self.wakes, got: std::mem::take(&mut self.got) }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Stop;

impl Handler<Stop> for Probe {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        actix::ActorContext::stop(ctx);
    }
}

fn order(name: &str) -> OrderId {
    OrderId::parse(name).unwrap()
}

fn event(text: &'static str) -> Event {
    Event { text: text.into(), tag: None }
}

fn push_latest(outbox: &Outbox, name: &str, text: impl Into<ByteString>) -> bool {
    outbox.latest(&order(name), text.into(), Instant::now())
}

fn drained(outbox: &Outbox) -> Vec<Out> {
    let mut all = Vec::new();
    outbox.drain(|out| all.push(out));
    all
}

fn texts(outs: &[Out]) -> Vec<String> {
    let text = |out: &Out| match out {
        Out::Ping => "ping".to_owned(),
        Out::Ack { up_to, .. } => format!("ack {up_to}"),
        Out::Event(event) => event.text.to_string(),
        Out::Latest(latest) => latest.text.to_string(),
        Out::Poke => "poke".to_owned(),
        Out::Close(code, reason) => format!("close {} {reason}", code.number()),
    };
    outs.iter().map(text).collect()
}

#[test]
fn the_newest_frame_of_an_order_replaces_the_older() {
    let outbox = Outbox::default();
    for text in ["a1", "a2", "a3"] {
        assert!(push_latest(&outbox, "a", text));
    }
    push_latest(&outbox, "b", "b1");
    let all = drained(&outbox);
    assert_eq!(texts(&all), ["a3", "b1"]);
    let Out::Latest(newest) = &all[0] else { panic!("{all:?}") };
    assert_eq!(newest.replaced, 2);
    assert_eq!(drained(&outbox), []);
}

#[test]
fn a_position_taken_back_is_never_sent() {
    let outbox = Outbox::default();
    push_latest(&outbox, "a", "a1");
    push_latest(&outbox, "b", "b1");
    outbox.clear_latest(&order("a"));
    assert_eq!(texts(&drained(&outbox)), ["b1"]);
}

#[test]
fn heartbeat_first_and_close_last_whatever_the_order_of_the_pushes() {
    let outbox = Outbox::default();
    outbox.poke();
    push_latest(&outbox, "a", "a1");
    outbox.event(event("e1"));
    outbox.event(event("e2"));
    outbox.ack(9, &[]);
    outbox.ping();
    assert!(outbox.close(CloseCode::Restarting, "retry_ms=5"));
    assert_eq!(texts(&drained(&outbox)), ["ping", "e1", "e2", "ack 9", "a1", "poke", "close 1012 retry_ms=5"]);
}

#[test]
fn nothing_is_taken_in_after_a_close_and_the_first_close_counts() {
    let outbox = Outbox::default();
    assert!(outbox.close(CloseCode::Replaced, "newer"));
    assert!(!outbox.is_open());
    assert!(!outbox.close(CloseCode::Bug, "later"));
    assert!(!push_latest(&outbox, "a", "a1"));
    assert!(!outbox.event(event("e1")));
    assert!(!outbox.ack(1, &[]) && !outbox.ping() && !outbox.poke());
    assert_eq!(texts(&drained(&outbox)), ["close 4409 newer"]);
    assert_eq!(drained(&outbox), [], "it is told once");
    assert!(!outbox.is_open(), "and holds after it was told");
}

#[test]
fn a_cut_drops_what_waits_and_leaves_an_end_that_came_before_it() {
    let outbox = Outbox::default();
    outbox.event(event("waits"));
    push_latest(&outbox, "o-1", "waits");
    outbox.ack(1, &[]);
    assert!(!outbox.is_cut() && outbox.cut(CloseCode::Token, "revoked") && outbox.is_cut());
    assert!(!outbox.cut(CloseCode::Policy, "again") && !outbox.event(event("late")));
    assert_eq!(drained(&outbox), [Out::Close(CloseCode::Token, "revoked".into())]);
    assert!(!outbox.cut(CloseCode::Policy, "after it was told"));
    assert_eq!(drained(&outbox), []);

    let leaving = Outbox::default();
    leaving.event(event("waits"));
    leaving.close(CloseCode::Restarting, "retry_ms=1");
    assert!(!leaving.cut(CloseCode::Token, "revoked"));
    assert_eq!(drained(&leaving), [Out::Close(CloseCode::Restarting, "retry_ms=1".into())]);
}

#[test]
fn one_event_too_many_drops_them_all_and_closes_with_4413() {
    let outbox = Outbox::default();
    for _ in 0..OUTBOX_MAX_EVENTS {
        assert!(outbox.event(event("e")));
    }
    assert_eq!(outbox.state().events, OUTBOX_MAX_EVENTS);
    assert!(!outbox.event(event("one more")), "the producer is told to forget this client");
    assert_eq!(outbox.state().events, 0);
    assert!(matches!(drained(&outbox)[..], [Out::Close(CloseCode::SlowReader, _)]));
}

#[test]
fn acks_are_told_as_one_with_the_highest_seq_and_all_that_was_conflated() {
    let outbox = Outbox::default();
    outbox.ack(10, &[4, 2]);
    outbox.ack(7, &[3]);
    outbox.ack(12, &[]);
    assert_eq!(drained(&outbox), [Out::Ack { up_to: 12, conflated: vec![2, 3, 4] }]);
    outbox.ack(11, &[]);
    assert_eq!(drained(&outbox), [Out::Ack { up_to: 12, conflated: vec![] }], "an ack never goes back");
}

#[test]
fn no_part_of_a_long_ack_claims_a_seq_that_a_later_part_lists_as_conflated() {
    let outbox = Outbox::default();
    let conflated: Vec<i64> = (1..=2_500).map(|n| n * 2).collect();
    let (late, early) = conflated.split_at(1_300);
    outbox.ack(5_100, early);
    outbox.ack(5_001, late);
    let mut told = Vec::new();
    let parts = drained(&outbox);
    assert_eq!(parts.len(), 3);
    for part in &parts {
        let Out::Ack { up_to, conflated: here } = part else { panic!("{part:?}") };
        assert!(here.len() <= ACK_MAX_CONFLATED);
        told.extend_from_slice(here);
        let untold = conflated.iter().filter(|seq| !told.contains(seq)).min();
        assert!(untold.is_none_or(|seq| seq > up_to), "{up_to} claims {untold:?}");
    }
    assert_eq!(told, conflated);
    assert!(matches!(parts[2], Out::Ack { up_to: 5_100, .. }));
}

#[test]
fn acks_that_nobody_reads_are_bounded() {
    let outbox = Outbox::default();
    let batch: Vec<i64> = (0..1_024).collect();
    for _ in 0..CONFLATED_MAX_WAITING / batch.len() {
        assert!(outbox.ack(1_024, &batch));
    }
    assert!(!outbox.ack(1_025, &[1_025]));
    assert_eq!(outbox.state().conflated, 0);
    assert_eq!(outbox.state().closed, Some(4413));
}

#[actix::test]
async fn what_was_pushed_before_the_session_started_is_not_lost() {
    let outbox = Arc::new(Outbox::default());
    assert!(outbox.event(event("early")));
    let probe = Probe::start_on(&outbox);
    assert_eq!(texts(&probe.send(Report).await.unwrap().got), ["early"]);
    outbox.event(event("later"));
    assert_eq!(texts(&probe.send(Report).await.unwrap().got), ["later"], "and the bell works from there on");
}

#[actix::test]
async fn many_pushes_wake_the_session_once() {
    let outbox = Arc::new(Outbox::default());
    let probe = Probe::start_on(&outbox);
    probe.send(Report).await.unwrap();
    for n in 0..1_000 {
        push_latest(&outbox, "a", n.to_string());
    }
    assert!(outbox.is_ringing());
    let seen = probe.send(Report).await.unwrap();
    assert_eq!((texts(&seen.got), seen.wakes), (vec!["999".to_owned()], 1));
    assert!(!outbox.is_ringing());
}

#[actix::test]
async fn a_full_mailbox_loses_no_wake_up() {
    let outbox = Arc::new(Outbox::default());
    let probe = Probe::start_on(&outbox);
    let before = probe.send(Report).await.unwrap().wakes;
    // The probe does not run until the next await. Each drain here lowers the flag, so that each push sends a message;
    // the mailbox holds sixteen.
    for n in 0..40 {
        assert!(push_latest(&outbox, "a", n.to_string()), "push {n}");
        if n < 39 {
            outbox.drain(|_| ());
        }
    }
    let seen = probe.send(Report).await.unwrap();
    assert_eq!(seen.wakes - before, 40);
    assert_eq!(texts(&seen.got), ["39"]);
}

#[actix::test]
async fn pushes_to_a_session_that_is_gone_are_refused() {
    let outbox = Arc::new(Outbox::default());
    let probe = Probe::start_on(&outbox);
    probe.send(Stop).await.unwrap();
    let gone = async {
        while push_latest(&outbox, "a", "a1") {
            outbox.drain(|_| ());
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the outbox notices");
    assert!(outbox.state().dead && !outbox.is_open());
    assert_eq!(outbox.state().latest, 0, "and keeps nothing");
    assert!(!outbox.event(event("e")));
}

#[actix::test]
async fn pushes_from_many_threads_end_with_the_newest_of_each_order() {
    const THREADS: usize = 4;
    const PUSHES: usize = 5_000;
    let outbox = Arc::new(Outbox::default());
    let probe = Probe::start_on(&outbox);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let outbox = Arc::clone(&outbox);
            std::thread::spawn(move || {
                let name = format!("order-{thread}");
                for n in 1..=PUSHES {
                    assert!(push_latest(&outbox, &name, n.to_string()));
                }
            })
        })
        .collect();
    let mut newest = [0; THREADS];
    let finish = async {
        while newest != [PUSHES; THREADS] {
            for out in probe.send(Report).await.unwrap().got {
                let Out::Latest(latest) = out else { panic!("{out:?}") };
                let thread: usize = latest.order.as_str()["order-".len()..].parse().unwrap();
                let n: usize = latest.text.parse().unwrap();
                assert!(n > newest[thread], "never older than one already sent");
                newest[thread] = n;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), finish).await.expect("no wake-up is lost");
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn what_is_pushed_while_the_session_drains_is_announced() {
    const ROUNDS: usize = 20_000;
    let outboxes: Vec<Outbox> = (0..ROUNDS).map(|_| Outbox::default()).collect();
    // Both threads stay within one round of each other.
    let (pushed, drained) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let keep_step = |mine: &AtomicUsize, other: &AtomicUsize, round| {
        mine.store(round, Ordering::Release);
        while other.load(Ordering::Acquire) < round {
            std::hint::spin_loop();
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (round, outbox) in outboxes.iter().enumerate() {
                push_latest(outbox, "a", "first");
                keep_step(&pushed, &drained, round + 1);
                push_latest(outbox, "a", "second");
            }
        });
        scope.spawn(|| {
            for (round, outbox) in outboxes.iter().enumerate() {
                keep_step(&drained, &pushed, round + 1);
                outbox.drain(|_| ());
            }
        });
    });
    let unannounced = outboxes.iter().filter(|outbox| outbox.state().latest > 0 && !outbox.is_ringing()).count();
    assert_eq!(unannounced, 0);
}
