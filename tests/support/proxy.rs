//! A proxy before PostgreSQL that can lose an answer at the worst moment, or everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Where connections to a server go through.
#[derive(Clone)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    /// Whether nothing gets through.
    is_cut_off: watch::Sender<bool>,
    /// Every so many commits one loses its answer; 0 for none.
    lose_one_in: AtomicU32,
    commits: AtomicU64,
    lost: AtomicU64,
}

impl Proxy {
    /// A proxy before this port.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_cut_off, _) = watch::channel(false);
        let counters = || AtomicU64::new(0);
        let shared = Arc::new(Shared { is_cut_off, lose_one_in: AtomicU32::new(0), commits: counters(), lost: counters() });
        let accepting = shared.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass(client, to, accepting.clone()));
            }
        });
        Self { port, shared }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on every so many commits are done, but their answers are lost with the connection.
    pub fn lose_answers(&self, one_in: u32) {
        self.shared.lose_one_in.store(one_in, Ordering::SeqCst);
    }

    /// How many answers were lost.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::SeqCst)
    }

    /// Lets nothing through any more, and tells nobody; or everything again.
    pub fn cut_off(&self, is_cut_off: bool) {
        self.shared.is_cut_off.send_replace(is_cut_off);
    }
}

impl Shared {
    async fn let_through(&self) {
        let _ = self.is_cut_off.subscribe().wait_for(|is_cut_off| !is_cut_off).await;
    }

    fn loses_this_commit(&self) -> bool {
        let one_in = u64::from(self.lose_one_in.load(Ordering::SeqCst));
        let commits = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        let loses = one_in > 0 && commits.is_multiple_of(one_in);
        self.lost.fetch_add(u64::from(loses), Ordering::SeqCst);
        loses
    }
}

async fn pass(client: TcpStream, to: u16, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let questions = forward(from_client, to_server, shared.clone());
    let answers = forward_answers(from_server, to_client, shared);
    // When one direction ends, both do.
    tokio::select! {
        () = questions => {}
        () = answers => {}
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: Arc<Shared>) {
    let mut buffer = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        shared.let_through().await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// Message by message (PostgreSQL, "Message Formats": a letter, then the length of the rest with itself), until one that is
/// to be lost.
async fn forward_answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, shared: Arc<Shared>) {
    loop {
        let mut message = vec![0; 5];
        if from.read_exact(&mut message).await.is_err() {
            return;
        }
        let length = u32::from_be_bytes(message[1..5].try_into().unwrap()) as usize;
        message.resize(1 + length, 0);
        if from.read_exact(&mut message[5..]).await.is_err() {
            return;
        }
        let is_committed = message[0] == b'C' && message[5..].starts_with(b"COMMIT");
        if is_committed && shared.loses_this_commit() {
            return;
        }
        shared.let_through().await;
        if to.write_all(&message).await.is_err() {
            return;
        }
    }
}
