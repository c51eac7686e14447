//! What actix does and does not do when an actor panics or an asker goes away: the directory is built on these facts, and a new version of
//! actix that changes one of them must fail here and not in the field.

use super::mailbox::ask;
use super::mailbox::insist;
use super::mailbox::tell;
use actix::Actor;
use actix::Context;
use actix::Handler;
use actix::MailboxError;
use actix::Message;
use actix::MessageResult;
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

/// Keeps what it was told.
#[derive(Default)]
struct Book(Vec<u32>);

impl Actor for Book {
    type Context = Context<Self>;
}

#[derive(Message)]
#[rtype(result = "Vec<u32>")]
struct Note(u32);

impl Handler<Note> for Book {
    type Result = MessageResult<Note>;

    fn handle(&mut self, note: Note, _: &mut Self::Context) -> Self::Result {
        self.0.push(note.0);
        MessageResult(self.0.clone())
    }
}

#[actix::test]
async fn a_message_whose_asker_is_gone_is_passed_over_unless_it_was_insisted_on() {
    let book = Book::default().start();
    drop(ask(&book, Note(1)));
    drop(insist(&book, Note(2)));
    assert!(tell(&book, Note(3)));
    assert_eq!(book.send(Note(4)).await, Ok(vec![2, 3, 4]));
}
