//! A TCP proxy that cuts each connection after a number of bytes of its own choice, by FIN or by RST.

use super::place::At;
use super::place::Place;
use crate::proof::Dice;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use tokio::io::AsyncReadExt;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::net::TcpStream;

/// Most bytes passed on at once: frames come in pieces.
const PIECE_MAX_BYTES: usize = 2_048;
/// A handshake and a little more.
const EARLY_BYTES: usize = 600;

/// All proxies of one run: how many cuts are wanted, and what was cut.
#[derive(Debug)]
pub struct Knife {
    wanted: usize,
    made: AtomicUsize,
    tally: Mutex<Tally>,
}

/// Cuts by kind.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    pub from_client: usize,
    pub from_server: usize,
    pub in_handshake: usize,
    pub in_frame: usize,
    pub between_frames: usize,
    pub resets: usize,
    pub fins: usize,
}

/// How one connection will end.
struct Plan {
    from_client: bool,
    after_bytes: usize,
    resets_client: bool,
    resets_server: bool,
}

/// How far the two directions are cut, at most.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    pub from_client: usize,
    pub from_server: usize,
}

impl Knife {
    pub fn new(wanted: usize) -> Arc<Self> {
        Arc::new(Self { wanted, made: AtomicUsize::new(0), tally: Mutex::default() })
    }

    pub fn made(&self) -> usize {
        self.made.load(Ordering::Relaxed)
    }

    /// Whether more is to be cut. From the last cut on every connection passes whole.
    pub fn is_cutting(&self) -> bool {
        self.made() < self.wanted
    }

    pub fn tally(&self) -> Tally {
        self.tally.lock().unwrap().clone()
    }

    fn note(&self, plan: &Plan, at: At) {
        let mut tally = self.tally.lock().unwrap();
        *(if plan.from_client { &mut tally.from_client } else { &mut tally.from_server }) += 1;
        match at {
            At::Handshake => tally.in_handshake += 1,
            At::InFrame => tally.in_frame += 1,
            At::Between => tally.between_frames += 1,
        }
        *(if plan.resets_server { &mut tally.resets } else { &mut tally.fins }) += 1;
        self.made.fetch_add(1, Ordering::Relaxed);
    }
}

/// Starts a proxy in front of `upstream`; the address to connect to.
pub async fn start(upstream: String, knife: Arc<Knife>, reach: Reach, mut dice: Dice) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let plan = knife.is_cutting().then(|| Plan::draw(reach, &mut dice));
            let (upstream, knife, dice) = (upstream.clone(), knife.clone(), dice.split());
            tokio::spawn(async move {
                let Ok(server) = TcpStream::connect(upstream).await else { return };
                carry(client, server, plan, &knife, dice).await;
            });
        }
    });
    address
}

impl Plan {
    /// A sixth of the cuts come early: in the handshake, the first frames.
    fn draw(reach: Reach, dice: &mut Dice) -> Self {
        let from_client = dice.one_in(3);
        let farthest = if from_client { reach.from_client } else { reach.from_server };
        let farthest = if dice.one_in(6) { EARLY_BYTES } else { farthest };
        let after_bytes = dice.roll(farthest);
        Self { from_client, after_bytes, resets_client: dice.one_in(2), resets_server: dice.one_in(2) }
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, plan: Option<Plan>, knife: &Knife, mut dice: Dice) {
    for side in [&client, &server] {
        // A failure here changes how the bytes are packed, nothing else.
        let _ = side.set_nodelay(true);
    }
    let cut_at = pass(&mut client, &mut server, plan.as_ref(), &mut dice).await;
    if let (Some(plan), Ok(Some(at))) = (plan, cut_at) {
        knife.note(&plan, at);
        sever(server, plan.resets_server).await;
        sever(client, plan.resets_client).await;
    }
}

/// Ends one side: with a reset, or with what had been passed and a FIN.
async fn sever(mut side: TcpStream, reset: bool) {
    if reset {
        let _ = socket2::SockRef::from(&side).set_linger(Some(std::time::Duration::ZERO));
    } else {
        let _ = side.shutdown().await;
    }
}

/// Passes bytes until the plan says stop, and tells where that was; `None` when one side ended by itself.
async fn pass(
    client: &mut TcpStream,
    server: &mut TcpStream,
    plan: Option<&Plan>,
    dice: &mut Dice,
) -> io::Result<Option<At>> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let (mut up, mut down) = ([0; PIECE_MAX_BYTES], [0; PIECE_MAX_BYTES]);
    let (mut passed, mut place) = (0, Place::default());
    loop {
        let piece = 1 + dice.roll(PIECE_MAX_BYTES);
        let (is_up, count) = tokio::select! {
            count = from_client.read(&mut up[..piece]) => (true, count?),
            count = from_server.read(&mut down[..piece]) => (false, count?),
        };
        if count == 0 {
            return Ok(None);
        }
        let mut bytes = if is_up { &up[..count] } else { &down[..count] };
        let mut is_last = false;
        if let Some(plan) = plan.filter(|plan| plan.from_client == is_up) {
            is_last = passed + bytes.len() >= plan.after_bytes;
            bytes = &bytes[..bytes.len().min(plan.after_bytes - passed)];
            passed += bytes.len();
            place.pass(bytes);
        }
        if is_up {
            to_server.write_all(bytes).await?;
        } else {
            to_client.write_all(bytes).await?;
        }
        if is_last {
            return Ok(Some(place.at()));
        }
    }
}
