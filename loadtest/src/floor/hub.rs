//! Who watches which driver, and the writing end of each watcher.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Bytes a watcher may leave unread before the floor gives up on it.
const BACKLOG_MAX: usize = 1 << 20;

/// One socket's writing end. Written to by whoever has something for it; what the kernel does not take waits here for
/// the socket's own task.
#[derive(Debug)]
pub struct Sink {
    /// The connection, shared with the task that reads it.
    pub stream: TcpStream,
    backlog: Mutex<Vec<u8>>,
    blocked: Notify,
}

impl Sink {
    /// The writing end of a stream.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, backlog: Mutex::new(Vec::new()), blocked: Notify::new() }
    }

    /// Sends a frame, or as much of it as the kernel takes now. Past the backlog's bound frames are dropped whole.
    pub fn send(&self, frame: &[u8]) {
        let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = 0;
        if backlog.is_empty() {
            written = match self.stream.try_write(frame) {
                Ok(written) => written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                // The reading task sees the same error and ends the connection.
                Err(_) => return,
            };
        }
        if let Some(rest) = frame.get(written..).filter(|rest| !rest.is_empty())
            && backlog.len() < BACKLOG_MAX
        {
            backlog.extend_from_slice(rest);
            self.blocked.notify_one();
        }
    }

    /// Waits until there is a backlog, then writes it out; returns on an error only.
    pub async fn drain(&self) -> std::io::Result<()> {
        loop {
            self.blocked.notified().await;
            loop {
                self.stream.writable().await?;
                let mut backlog = self.backlog.lock().unwrap_or_else(PoisonError::into_inner);
                if backlog.is_empty() {
                    break;
                }
                match self.stream.try_write(&backlog) {
                    Ok(written) => drop(backlog.drain(..written)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => (),
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// The relay's only state.
#[derive(Debug)]
pub struct Hub {
    watchers: RwLock<HashMap<String, Vec<Arc<Sink>>>>,
    /// Whether fixes are acknowledged.
    pub acks: bool,
    left: Option<AtomicU64>,
}

impl Hub {
    /// Nobody watches yet.
    pub fn new(acks: bool, stop_after: Option<u64>) -> Self {
        Self { watchers: RwLock::default(), acks, left: stop_after.map(AtomicU64::new) }
    }

    /// From now on `sink` gets what `driver` sends.
    pub fn watch(&self, driver: &str, sink: &Arc<Sink>) {
        let mut watchers = self.watchers.write().unwrap_or_else(PoisonError::into_inner);
        watchers.entry(driver.to_owned()).or_default().push(Arc::clone(sink));
    }

    /// `sink` is gone.
    pub fn forget(&self, drivers: &[String], sink: &Arc<Sink>) {
        let mut watchers = self.watchers.write().unwrap_or_else(PoisonError::into_inner);
        for driver in drivers {
            if let Some(sinks) = watchers.get_mut(driver) {
                sinks.retain(|other| !Arc::ptr_eq(other, sink));
            }
        }
    }

    /// Writes to each watcher of `driver` the frame that `encode` makes; it is made only if somebody watches.
    pub fn relay(&self, driver: &str, encode: impl FnOnce() -> Vec<u8>) {
        let watchers = self.watchers.read().unwrap_or_else(PoisonError::into_inner);
        let Some(sinks) = watchers.get(driver).filter(|sinks| !sinks.is_empty()) else { return };
        let frame = encode();
        sinks.iter().filter(|_| self.may_deliver()).for_each(|sink| sink.send(&frame));
    }

    fn may_deliver(&self) -> bool {
        self.left.as_ref().is_none_or(|left| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        })
    }
}
