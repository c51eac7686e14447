//! A healthy driver and the customer who watches, beside all that: a fix must reach the screen within a second, always.

use crate::line::Heard;
use crate::line::Line;
use crate::support::CENTRE;
use crate::support::Customer;
use crate::support::Driver;
use crate::support::PATIENCE;
use crate::support::Server;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

/// Longer than this is a hang.
const HANG: Duration = Duration::from_secs(1);
/// A wait is cut into slices; when the machine let us sleep through one, that time is ours, not the server's.
const SLICE: Duration = Duration::from_millis(10);
/// Between two fixes.
const PACE: Duration = Duration::from_millis(40);

/// What the pair went through.
#[derive(Debug, Default)]
pub struct Health {
    pub fixes: u64,
    pub slowest: Duration,
    pub hangs: Vec<String>,
}

/// See the module.
pub struct Pair {
    driver: Driver,
    screen: Line,
}

impl Pair {
    /// A driver at work, and their customer.
    async fn meet(server: &Server) -> Self {
        let driver = Driver::on_shift(server, "healthy", CENTRE).await;
        let customer = Customer::new(server, "healthy");
        let order_id = customer.order(CENTRE.north(300.0), CENTRE.north(900.0)).await;
        let assign = format!("/orders/{order_id}/assign");
        server.operator().post(&assign, json!({ "driver_id": "healthy" })).await.expect(200);
        let address = server.base.strip_prefix("http://").unwrap();
        let screen = Line::open(address, "/ws/customer", customer.caller.token.as_deref()).await;
        let mut screen = screen.expect("a socket");
        assert!(screen.say(&json!({ "type": "subscribe", "order_id": order_id })).await);
        Self { driver, screen }
    }

    /// Goes on until told to stop, in a runtime of its own on a thread of its own.
    pub fn live(server: Arc<Server>) -> Life {
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (mut pair, mut health) = (Self::meet(&server).await, Health::default());
                let mut beat = tokio::time::interval(PACE);
                while !told.load(Ordering::Acquire) && health.hangs.is_empty() {
                    beat.tick().await;
                    pair.try_once(&mut health).await;
                }
                health
            })
        });
        Life { stop, thread: Some(thread) }
    }

    async fn try_once(&mut self, health: &mut Health) {
        // Pings are answered while the driver's socket is read.
        self.driver.socket.listen(Duration::from_millis(1)).await;
        self.driver.socket.all.clear();
        let there = CENTRE.north(f64::from(u32::try_from(health.fixes % 500).unwrap()) * 0.1);
        self.driver.at(there).await;
        health.fixes += 1;
        let (sent, mut waited) = (Instant::now(), Duration::ZERO);
        while waited < HANG && sent.elapsed() < PATIENCE {
            let slice = Instant::now();
            match self.screen.hear(SLICE).await {
                Heard::Frame(frame) if frame["type"] == "location" && there.is_at(&frame) => {
                    health.slowest = health.slowest.max(sent.elapsed());
                    return;
                }
                Heard::Frame(_) => {}
                Heard::Nothing => waited += slice.elapsed().min(SLICE * 2),
                Heard::End(code) => {
                    health.hangs.push(format!("the healthy customer was closed with {code}"));
                    return;
                }
            }
        }
        health.hangs.push(format!("fix {} was not shown within {:?}", health.fixes, sent.elapsed()));
    }
}

/// A pair that goes on. It ends when this does, so that a test that fails leaves no server behind.
pub struct Life {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Health>>,
}

impl Life {
    /// Ends it, and tells how it was.
    pub fn end(mut self) -> Health {
        self.stop.store(true, Ordering::Release);
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
