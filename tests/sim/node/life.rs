//! How a node begins, dies and learns of the other one.

use crate::exec::Owner;
use crate::node::Node;
use crate::sim::Here;
use crate::trace::Subject;

/// Time between two decisions, in milliseconds.
const TICK_MS: i64 = 1_000;
/// Ticks between two announcements of every open order.
const TICKS_AN_ANNOUNCEMENT: i64 = 5;
/// Ticks between two looks at the store.
const TICKS_A_LOOK: i64 = 10;

impl Here {
    /// Starts with an empty memory.
    pub fn boot(&self) {
        *self.me().borrow_mut() = Node { is_up: true, ..Node::default() };
        self.note("up", Subject::Node(self.node), 0);
        let here = self.clone();
        self.spawn(async move {
            let mut round = 0;
            loop {
                if round % TICKS_A_LOOK == 0 {
                    let looking = here.clone();
                    here.spawn(async move { looking.look_over().await });
                    here.notice_loss();
                }
                if round % TICKS_AN_ANNOUNCEMENT == 0 {
                    here.announce_all();
                }
                here.tick();
                round += 1;
                here.exec.sleep(TICK_MS).await;
            }
        });
    }

    /// Loses its memory and all that it was doing, and begins again after a while. The other node notices sooner or later.
    pub fn crash(&self, node: usize) {
        let victim = Here { sim: self.sim.clone(), node };
        if !victim.me().borrow().is_up {
            return;
        }
        self.note("down", Subject::Node(node), 0);
        victim.cut_streams();
        *victim.me().borrow_mut() = Node::default();
        let down_ms = self.rng.between(100, 20_000);
        let notices_ms = self.rng.between(1_000, 15_000);
        let other = victim.other();
        self.exec.spawn(Owner::World, async move {
            victim.exec.sleep(notices_ms.min(down_ms)).await;
            other.me().borrow_mut().is_alone = true;
            victim.exec.sleep((down_ms - notices_ms).max(0)).await;
            victim.boot();
            // Both believe that every cell is theirs until the word is round.
            victim.exec.sleep(notices_ms).await;
            other.me().borrow_mut().is_alone = false;
        });
    }

    /// The nodes do not hear each other for a while, and each believes to be alone.
    pub async fn part(&self, milliseconds: i64) {
        self.note("parted", Subject::Node(self.node), milliseconds);
        self.is_cut.set(true);
        for node in &self.nodes {
            node.borrow_mut().is_alone = true;
        }
        self.exec.sleep(milliseconds).await;
        self.is_cut.set(false);
        for node in &self.nodes {
            node.borrow_mut().is_alone = false;
        }
    }
}
