//! An executor for one thread and a time of its own: tasks run until they wait, and time jumps to the next moment anybody waits for.
//!
//! Everything that could differ between two runs is in here, and nothing does: tasks become ready in the order in which they were woken, timers
//! that fall together fire in the order in which they were set. Killing an owner drops its tasks wherever they wait.

use beeline::domain::time::Millis;
use std::cell::Cell;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BinaryHeap;
use std::collections::VecDeque;
use std::future::Future;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;

/// Whose memory a task lives in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A node: its tasks die with it.
    Node(usize),
    /// The world outside, which does not crash: people, the network, the store.
    World,
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    owner: Owner,
    /// Away while it runs.
    work: Option<Work>,
}

/// See the module.
pub struct Exec {
    now: Cell<i64>,
    numbers: Cell<u64>,
    current: Cell<u64>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    ready: RefCell<VecDeque<u64>>,
    timers: RefCell<BinaryHeap<Reverse<(i64, u64, u64)>>>,
}

impl Exec {
    pub fn new(start: Millis) -> Self {
        Self {
            now: Cell::new(start.0),
            numbers: Cell::new(0),
            current: Cell::new(0),
            tasks: RefCell::default(),
            ready: RefCell::default(),
            timers: RefCell::default(),
        }
    }

    pub fn now(&self) -> Millis {
        Millis(self.now.get())
    }

    fn number(&self) -> u64 {
        self.numbers.set(self.numbers.get() + 1);
        self.numbers.get()
    }

    pub fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + 'static) {
        let id = self.number();
        self.tasks.borrow_mut().insert(id, Task { owner, work: Some(Box::pin(work)) });
        self.ready.borrow_mut().push_back(id);
    }

    /// Drops every task of an owner. The one that runs at the moment, if it is among them, ends where it waits next.
    pub fn kill(&self, owner: Owner) {
        let (dead, alive) =
            std::mem::take(&mut *self.tasks.borrow_mut()).into_iter().partition(|(_, t)| t.owner == owner);
        *self.tasks.borrow_mut() = alive;
        drop::<BTreeMap<u64, Task>>(dead);
    }

    /// Ends every task, whoever owns it.
    pub fn clear(&self) {
        let all = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(all);
    }

    /// Runs until `is_done`, or until `end`, or until nobody waits for anything; says whether it was done.
    pub fn run(&self, end: Millis, is_done: impl Fn() -> bool) -> bool {
        loop {
            while let Some(id) = self.next_ready() {
                self.poll(id);
            }
            if is_done() {
                return true;
            }
            let next = self.timers.borrow().peek().map(|Reverse((at, _, id))| (*at, *id));
            let Some((at, id)) = next.filter(|(at, _)| *at <= end.0) else { return false };
            self.timers.borrow_mut().pop();
            self.now.set(self.now.get().max(at));
            self.ready.borrow_mut().push_back(id);
        }
    }

    fn next_ready(&self) -> Option<u64> {
        self.ready.borrow_mut().pop_front()
    }

    fn poll(&self, id: u64) {
        let Some(mut work) = self.tasks.borrow_mut().get_mut(&id).and_then(|task| task.work.take()) else { return };
        self.current.set(id);
        let polled = work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let mut tasks = self.tasks.borrow_mut();
        if polled.is_ready() {
            tasks.remove(&id);
        } else if let Some(task) = tasks.get_mut(&id) {
            task.work = Some(work);
        }
    }

    fn wake_at(&self, at: i64) {
        let entry = Reverse((at, self.number(), self.current.get()));
        self.timers.borrow_mut().push(entry);
    }

    /// Waits for so many milliseconds.
    pub async fn sleep(&self, milliseconds: i64) {
        let due = self.now.get() + milliseconds;
        self.wake_at(due);
        poll_fn(|_| if self.now.get() >= due { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Waits until something is put into the slot, for so many milliseconds at most.
    pub async fn take<T>(&self, slot: &Slot<T>, timeout_ms: i64) -> Option<T> {
        let due = self.now.get() + timeout_ms;
        self.wake_at(due);
        poll_fn(|_| {
            if let Some(value) = slot.values.borrow_mut().pop_front() {
                return Poll::Ready(Some(value));
            }
            slot.waiting.set(Some(self.current.get()));
            if self.now.get() >= due { Poll::Ready(None) } else { Poll::Pending }
        })
        .await
    }

    /// Puts something into a slot and wakes who waits there.
    pub fn put<T>(&self, slot: &Slot<T>, value: T) {
        slot.values.borrow_mut().push_back(value);
        if let Some(id) = slot.waiting.take() {
            self.ready.borrow_mut().push_back(id);
        }
    }
}

/// A mailbox of one reader.
pub struct Slot<T> {
    values: RefCell<VecDeque<T>>,
    waiting: Cell<Option<u64>>,
}

impl<T> Slot<T> {
    pub fn new() -> Rc<Self> {
        Rc::new(Self { values: RefCell::default(), waiting: Cell::new(None) })
    }
}
