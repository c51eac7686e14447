//! What actix does and does not do when an actor panics: the directory is built on these facts, and a new version of
//! actix that changes one of them must fail here and not in the field.

use actix::Actor;
use actix::Context;
use actix::Handler;
use actix::MailboxError;
use actix::Message;
use actix::dev::SendError;

struct Clerk;

impl Actor for Clerk {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "u32")]
struct Ask;

#[derive(Message)]
#[rtype(result = "()")]
struct Boom;

impl Handler<Ask> for Clerk {
    type Result = u32;

    fn handle(&mut self, _: Ask, _: &mut Self::Context) -> u32 {
        7
    }
}

impl Handler<Boom> for Clerk {
    type Result = ();

    #[allow(clippy::panic)]
    fn handle(&mut self, _: Boom, _: &mut Self::Context) {
        panic!("a bug, on purpose");
    }
}

#[actix::test]
async fn a_panic_kills_only_its_actor_and_its_address_says_so() {
    let victim = Clerk.start();
    let neighbour = Clerk.start();
    assert!(victim.connected());

    assert_eq!(victim.send(Boom).await, Err(MailboxError::Closed), "whoever waits is told");
    assert!(!victim.connected(), "a lookup can see that the address is dead");
    assert!(matches!(victim.try_send(Ask), Err(SendError::Closed(_))), "a later message is refused, not lost");
    assert_eq!(victim.send(Ask).await, Err(MailboxError::Closed));

    assert_eq!(neighbour.send(Ask).await, Ok(7), "actors beside it on the same thread go on");
    assert_eq!(Clerk.start().send(Ask).await, Ok(7), "a new one of its kind takes its place");
}
