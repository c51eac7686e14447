//! Actors together: real ones on two threads, over the real store in a folder of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod audience;
mod crossing;
mod deaths;
mod offers;
mod recording;
mod stewarding;
mod watching;

use crate::actors::audience::Member;
use crate::actors::cell::Cell;
use crate::actors::desk;
use crate::actors::desk::Draft;
use crate::actors::desk::Placement;
use crate::actors::driver::AttachSession;
use crate::actors::driver::DriverActor;
use crate::actors::driver::ReportFix;
use crate::actors::live::LiveDriver;
use crate::actors::mailbox::tell;
use crate::actors::order::OrderActor;
use crate::actors::order::SubscribeOrder;
use crate::actors::outbox::Event;
use crate::actors::outbox::Out;
use crate::actors::outbox::Outbox;
use crate::actors::payment::InstantMock;
use crate::actors::recorder::Recorder;
use crate::actors::world::Tuning;
use crate::actors::world::World;
use crate::clock;
use crate::domain::cell::CellResolution;
use crate::domain::dispatch::Policy;
use crate::domain::driver::DriverStatus;
use crate::domain::driver::Shift;
use crate::domain::fix::Fix;
use crate::domain::fleet::Needs;
use crate::domain::geo::Position;
use crate::domain::ids::CustomerId;
use crate::domain::ids::DriverId;
use crate::domain::ids::OrderId;
use crate::domain::order::By;
use crate::domain::order::Kind;
use crate::domain::order::Order;
use crate::domain::order::Place;
use crate::domain::order::Step;
use crate::domain::time::Millis;
use crate::store::Claim;
use crate::store::FixRow;
use crate::store::FixStore;
use crate::store::Store;
use crate::store::StoreError;
use crate::store::StoreFuture;
use crate::store::TrackPage;
use crate::store::TrackQuery;
use crate::store::sqlite::Ack;
use crate::store::sqlite::SqliteStore;
use crate::telemetry::Metrics;
use actix::Arbiter;
use actix::Handler;
use actix::Message;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;
use tokio::sync::watch;

const DEADLINE: Duration = Duration::from_secs(15);
const METRES_A_DEGREE: f64 = 111_195.0;

/// Kills an actor as a bug would.
#[derive(Message)]
#[rtype(result = "()")]
struct Boom;

macro_rules! mortal {
    ($($actor:ty),+) => {$(
        impl Handler<Boom> for $actor {
            type Result = ();

            fn handle(&mut self, _: Boom, _: &mut Self::Context) {
                panic!("a bug, on purpose");
            }
        }
    )+};
}
mortal!(Cell, OrderActor, DriverActor, Recorder);

/// What the store does with fixes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Fine,
    Refuses,
    Hangs,
}

struct MoodyFixes {
    inner: Arc<dyn FixStore>,
    mood: watch::Sender<Mood>,
}

impl FixStore for MoodyFixes {
    fn fixes_append(&self, rows: Vec<FixRow>) -> StoreFuture<'_, ()> {
        let mut mood = self.mood.subscribe();
        Box::pin(async move {
            let now = *mood.wait_for(|mood| *mood != Mood::Hangs).await.unwrap();
            match now {
                Mood::Refuses => Err(StoreError::Aborted("on purpose".into())),
                _ => self.inner.fixes_append(rows).await,
            }
        })
    }

    fn track(&self, query: TrackQuery) -> StoreFuture<'_, TrackPage> {
        self.inner.track(query)
    }
}

/// A world with its actors, on two threads.
struct Stage {
    world: Arc<World>,
    mood: watch::Sender<Mood>,
    arbiters: Vec<Arbiter>,
    folder: Arc<TempDir>,
}

fn tuning() -> Tuning {
    Tuning {
        fix_interval_ms: 0,
        fix_burst: 1,
        push_interval_ms: 0,
        stale_ms: 30_000,
        gone_ms: 300_000,
        offer_timeout_ms: 20_000,
        match_radius_m: 5_000.0,
        driver_capacity: 1,
        policy: Policy::Optimal,
        driver_lost_ms: 60_000,
        driver_stalled_ms: 300_000,
        tries_max: 10,
        cell_resolution: CellResolution::new(8).unwrap(),
    }
}

impl Stage {
    fn new() -> Self {
        Self::with(tuning())
    }

    fn with(tuning: Tuning) -> Self {
        Self::at(tuning, Arc::new(tempfile::tempdir().unwrap()))
    }

    /// One over a store in which something was replaced.
    fn changed(change: impl FnOnce(&mut Store)) -> Self {
        Self::over(tuning(), Arc::new(tempfile::tempdir().unwrap()), change)
    }

    fn at(tuning: Tuning, folder: Arc<TempDir>) -> Self {
        Self::over(tuning, folder, |_| {})
    }

    fn over(tuning: Tuning, folder: Arc<TempDir>, change: impl FnOnce(&mut Store)) -> Self {
        let mut store = SqliteStore::open(&folder.path().join("beeline.db"), Ack::Fast, |_, _| {}).unwrap();
        change(&mut store);
        let mood = watch::Sender::new(Mood::Fine);
        store.fixes = Arc::new(MoodyFixes { inner: store.fixes.clone(), mood: mood.clone() });
        let arbiters = vec![Arbiter::new(), Arbiter::new()];
        let world = start(tuning, store, &arbiters);
        Self { world, mood, arbiters, folder }
    }

    /// The next process on the same folder.
    async fn restart(self, tuning: Tuning) -> Self {
        self.arbiters.iter().for_each(|arbiter| assert!(arbiter.stop()));
        self.world.store.health.close().await.unwrap();
        Self::at(tuning, self.folder.clone())
    }

    async fn shift(&self, driver_id: &DriverId, shift: Shift, share: Option<bool>) {
        desk::shift(&self.world, driver_id, shift, share).await.unwrap();
    }

    /// A driver who shares, is available, and stands `north_m` of the centre.
    async fn driver(&self, name: &str, north_m: f64) -> Phone {
        let driver_id = DriverId::parse(name).unwrap();
        self.shift(&driver_id, Shift::Available, Some(true)).await;
        let mut phone = Phone::connect(&self.world, driver_id, 0);
        phone.send(north_m);
        self.until("the driver is live", || self.live(&phone.driver_id).is_some()).await;
        phone
    }

    /// An order from the centre to a kilometre north, looking for a driver.
    async fn order(&self) -> Arc<Order> {
        self.order_with(None).await
    }

    async fn order_with(&self, claim: Option<Claim>) -> Arc<Order> {
        let place = |north_m| Place { position: north(north_m), address: None };
        let draft = Draft {
            kind: Kind::Parcel,
            customer_id: CustomerId::parse("c").unwrap(),
            merchant_id: None,
            pickup: place(0.0),
            dropoff: place(1_000.0),
            items: Vec::new(),
            prep_seconds: 0,
            needs: Needs::default(),
            note: None,
        };
        match desk::place(&self.world, draft, claim).await {
            Ok(Placement::Placed(order)) => order,
            _ => panic!("not placed"),
        }
    }

    async fn assign(&self, order_id: &OrderId, driver_id: &DriverId) -> Arc<Order> {
        desk::assign(&self.world, order_id.clone(), driver_id.clone(), "op".into()).await.unwrap()
    }

    async fn step(&self, order_id: &OrderId, step: Step, by: By) -> Arc<Order> {
        desk::take_step(&self.world, desk::Request::new(order_id.clone(), step, by)).await.unwrap()
    }

    fn live(&self, driver_id: &DriverId) -> Option<LiveDriver> {
        self.world.live.get(driver_id)
    }

    async fn until_status(&self, driver_id: &DriverId, status: DriverStatus) {
        let what = format!("{driver_id} is {}", status.as_str());
        self.until(&what, || self.live(driver_id).is_some_and(|live| live.status == status)).await;
    }

    /// Waits until something is so; fails when it never is.
    async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(begun.elapsed() < DEADLINE, "never: {what}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    async fn stored(&self, driver_id: &DriverId) -> Vec<Fix> {
        let (start, end) = (Millis(0), clock::now() + 60_000);
        let query = TrackQuery { driver_id: driver_id.clone(), start, end, limit: 100_000, after: None };
        self.world.store.fixes.track(query).await.unwrap().points.into_iter().map(|point| point.fix).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for arbiter in &self.arbiters {
            arbiter.stop();
        }
    }
}

fn start(tuning: Tuning, store: Store, arbiters: &[Arbiter]) -> Arc<World> {
    let world = World::new(tuning, store, Metrics::new(), Arc::new(InstantMock));
    arbiters.iter().for_each(|arbiter| world.directory.add_worker(arbiter.handle()));
    world
}

fn north(metres: f64) -> Position {
    Position::new(43.77 + metres / METRES_A_DEGREE, 11.25).unwrap()
}

fn fix(seq: i64, at: Millis, north_m: f64) -> Fix {
    Fix {
        position: north(north_m),
        timestamp: at,
        seq: Some(seq),
        speed: None,
        heading: None,
        accuracy: None,
        altitude: None,
        order_id: None,
        battery: None,
        signal: None,
    }
}

/// What lies in an outbox, as JSON, with what is no text by its name.
fn read(outbox: &Outbox) -> Vec<serde_json::Value> {
    let mut frames = Vec::new();
    outbox.drain(|out| {
        frames.push(match out {
            Out::Event(Event { text, .. }) => serde_json::from_str(&text).unwrap(),
            Out::Latest(latest) => serde_json::from_str(&latest.text).unwrap(),
            Out::Ack { up_to, conflated } => serde_json::json!({ "type": "ack", "seq": up_to, "conflated": conflated }),
            Out::Poke => serde_json::json!({ "type": "poke" }),
            Out::Ping => serde_json::json!({ "type": "ping" }),
            Out::Close(code, reason) => {
                serde_json::json!({ "type": "close", "code": code.number(), "reason": reason.as_ref() })
            }
        });
    });
    frames
}

/// Somebody with an outbox who reads it.
#[derive(Default)]
struct Reader {
    outbox: Arc<Outbox>,
    got: Vec<serde_json::Value>,
}

impl Reader {
    fn look(&mut self) -> &[serde_json::Value] {
        self.got.extend(read(&self.outbox));
        &self.got
    }

    fn of(&mut self, kind: &str) -> Vec<serde_json::Value> {
        self.look().iter().filter(|frame| frame["type"] == kind).cloned().collect()
    }

    fn has(&mut self, kind: &str) -> bool {
        !self.of(kind).is_empty()
    }

    fn seqs(&mut self, kind: &str) -> Vec<i64> {
        self.of(kind).iter().map(|frame| frame["seq"].as_i64().unwrap()).collect()
    }
}

/// A driver's socket.
struct Phone {
    world: Arc<World>,
    driver_id: DriverId,
    session: u64,
    reader: Reader,
    seq: i64,
    at: Millis,
}

impl Phone {
    fn connect(world: &Arc<World>, driver_id: DriverId, seq: i64) -> Self {
        let (reader, session) = (Reader::default(), world.next_session());
        let attach = AttachSession { session, outbox: reader.outbox.clone() };
        assert!(tell(&world.driver(&driver_id).unwrap(), attach));
        Self { world: world.clone(), driver_id, session, reader, seq, at: clock::now() - 20_000 }
    }

    /// Sends the next fix, and answers its `seq`. Its time runs a millisecond a fix, as if they had been taken a while ago.
    fn send(&mut self, north_m: f64) -> i64 {
        self.seq += 1;
        self.at = self.at + 1;
        self.send_this(fix(self.seq, self.at, north_m));
        self.seq
    }

    fn send_this(&self, fix: Fix) {
        let report = ReportFix { session: self.session, fix: Ok(fix), read_at: Instant::now() };
        assert!(tell(&self.world.driver(&self.driver_id).unwrap(), report));
    }

    fn acked(&mut self) -> i64 {
        self.reader.seqs("ack").last().copied().unwrap_or(0)
    }
}

/// A customer's socket that follows one order.
struct Viewer {
    session: u64,
    reader: Reader,
}

impl Viewer {
    fn follow(world: &Arc<World>, order_id: &OrderId, after: Option<i64>) -> Self {
        let viewer = Self { session: world.next_session(), reader: Reader::default() };
        viewer.subscribe(world, order_id, after);
        viewer
    }

    fn subscribe(&self, world: &Arc<World>, order_id: &OrderId, after: Option<i64>) {
        let member = Member { session: self.session, outbox: self.reader.outbox.clone() };
        assert!(tell(&world.order(order_id).unwrap(), SubscribeOrder { member, after }));
    }

    fn timestamps(&mut self) -> Vec<String> {
        self.reader.of("location").iter().map(|frame| frame["timestamp"].as_str().unwrap().to_owned()).collect()
    }
}
