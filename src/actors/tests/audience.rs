//! Readers and those who have fallen behind: whoever reads gets the newest, however long they did not, and nothing that was taken back.

use super::read;
use crate::actors::audience::Audience;
use crate::actors::audience::Member;
use crate::actors::outbox::Event;
use crate::actors::outbox::Out;
use crate::actors::outbox::Outbox;
use crate::domain::ids::OrderId;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Instant;

const MEMBERS: usize = 3;

#[derive(Debug, Clone, Copy)]
enum Act {
    Push,
    TakeBack,
    Read(usize),
    /// Subscribes, as often as one likes, and is shown the present.
    Join(usize),
    /// Shows one member something newer than all have seen.
    Show(usize),
    Leave(usize),
}

/// A member as it should be.
#[derive(Default)]
struct Viewer {
    outbox: Arc<Outbox>,
    joined: bool,
    /// What they must get when they read next.
    due: Option<u32>,
    seen: u32,
}

struct Model {
    order: OrderId,
    audience: Arc<Audience>,
    viewers: [Viewer; MEMBERS],
    frame: u32,
}

impl Model {
    fn new() -> Self {
        let order = OrderId::parse("o").unwrap();
        Self { order, audience: Arc::default(), viewers: Default::default(), frame: 0 }
    }

    fn act(&mut self, act: Act) {
        let Self { order, audience, viewers, frame } = self;
        match act {
            Act::Push => {
                *frame += 1;
                audience.latest(order, &frame.to_string().into(), Instant::now());
                viewers.iter_mut().filter(|viewer| viewer.joined).for_each(|viewer| viewer.due = Some(*frame));
            }
            Act::TakeBack => {
                audience.clear_latest(order);
                viewers.iter_mut().for_each(|viewer| viewer.due = None);
            }
            Act::Join(who) => {
                audience.join(Member { session: who as u64, outbox: viewers[who].outbox.clone() });
                viewers[who].joined = true;
                self.show(who);
            }
            Act::Show(who) if viewers[who].joined => self.show(who),
            Act::Leave(who) => {
                let viewer = &mut viewers[who];
                viewer.outbox.clear_latest(order);
                audience.leave(who as u64);
                (viewer.joined, viewer.due) = (false, None);
            }
            Act::Read(_) | Act::Show(_) => {}
        }
    }

    fn show(&mut self, who: usize) {
        self.frame += 1;
        let member = Member { session: who as u64, outbox: self.viewers[who].outbox.clone() };
        self.audience.show(&member, &self.order, self.frame.to_string().into());
        self.viewers[who].due = Some(self.frame);
    }

    /// Reads, and answers what came and what should have.
    fn read(&mut self, who: usize) -> (Vec<u32>, Option<u32>) {
        let viewer = &mut self.viewers[who];
        let got: Vec<u32> = read(&viewer.outbox).iter().map(|frame| frame.as_u64().unwrap() as u32).collect();
        let due = viewer.due.take().filter(|due| *due > viewer.seen);
        viewer.seen = got.last().copied().unwrap_or(viewer.seen);
        (got, due)
    }
}

fn act() -> impl Strategy<Value = Act> {
    let who = 0..MEMBERS;
    prop_oneof![
        4 => Just(Act::Push),
        1 => Just(Act::TakeBack),
        3 => who.clone().prop_map(Act::Read),
        2 => who.clone().prop_map(Act::Join),
        1 => who.clone().prop_map(Act::Show),
        1 => who.prop_map(Act::Leave),
    ]
}

proptest! {
    #[test]
    fn whoever_reads_gets_the_newest_once_and_nothing_that_was_taken_back(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        let mut model = Model::new();
        for act in acts.into_iter().chain((0..MEMBERS).map(Act::Read)) {
            model.act(act);
            if let Act::Read(who) = act {
                let (got, due) = model.read(who);
                prop_assert_eq!(got, Vec::from_iter(due), "member {}", who);
            }
        }
    }
}

#[test]
fn nothing_is_written_to_one_who_has_fallen_behind_and_all_that_went_by_is_counted() {
    let (mut model, who) = (Model::new(), 0);
    model.act(Act::Join(who));
    model.read(who);
    let outbox = model.viewers[who].outbox.clone();
    model.act(Act::Push);
    model.act(Act::Push);
    let text: bytestring::ByteString = "5".into();
    model.audience.latest(&model.order, &text, Instant::now());
    assert_eq!(outbox.state().latest, 1, "one order, one slot");
    let mut got = Vec::new();
    outbox.drain(|out| got.push(out));
    let [Out::Latest(latest)] = got.as_slice() else { panic!("{got:?}") };
    assert_eq!((latest.text.as_ref(), latest.replaced), ("5", 2));
    assert_eq!(latest.text.as_ptr(), text.as_ptr(), "shared by all who are behind");
    model.act(Act::Push);
    assert_eq!(model.read(who).0, [4], "a reader again");
}

#[test]
fn what_an_order_owed_is_forgotten_with_it() {
    let (mut model, who) = (Model::new(), 0);
    model.act(Act::Join(who));
    model.act(Act::Push);
    model.act(Act::Push);
    model.audience = Arc::default();
    assert_eq!(model.read(who).0, [0_u32; 0]);
}

#[test]
fn one_who_is_shown_something_while_they_catch_up_is_never_set_back() {
    let (mut model, who) = (Model::new(), 0);
    model.act(Act::Join(who));
    model.act(Act::Push);
    let outbox = model.viewers[who].outbox.clone();
    // Events come before positions: what happens as this one is sent happens after the slot was taken out and before what it owes is asked for.
    outbox.event(Event { text: "0".into(), tag: None });
    let mut got = Vec::new();
    outbox.drain(|out| match out {
        Out::Event(_) => {
            model.act(Act::Show(who));
            model.act(Act::Push);
        }
        Out::Latest(latest) => got.push(latest.text.parse::<u32>().unwrap()),
        other => panic!("{other:?}"),
    });
    got.extend(model.read(who).0);
    assert_eq!(got, [4], "joined with 1, then 2, shown 3, then 4");
}
