//! What a team would write by hand: the same JSON through the same axum, kept by somebody else. Each serves in a process of its own, as a
//! server would.
//!
//! They do less than Fullhouse: nobody's token is checked, prices are known beforehand, there is no history, no view and no idempotency, and
//! a hold that is over is found by whoever wants its seats. What they do is as durable.

pub mod postgres;
pub mod redis;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use clap::{Args, ValueEnum};
use fullhouse_domain::Timestamp;
use fullhouse_schemas::http::{MoneyBody, PricedSeatBody, ReservationBody, ReserveBody};
use fullhouse_schemas::time::Instant;
use fullhouse_schemas::{Code, Problem};

/// How long seats are held.
const HOLD: Duration = Duration::from_secs(600);
/// What each seat costs, in cents.
const PRICE: i64 = 4_500;

/// A server of this program, and where its holds are kept.
#[derive(Args)]
pub struct Settings {
    kept: Kept,
    /// Where the database or Redis is
    #[arg(long)]
    store: String,
    /// Connections to it
    #[arg(long)]
    pool: usize,
    listen: SocketAddr,
}

/// How holds are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// A transaction of four statements in PostgreSQL
    Transaction,
    /// One call of a function in PostgreSQL
    Function,
    /// One script in Redis
    Script,
}

impl Kept {
    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Kept::Transaction => "transaction",
            Kept::Function => "function",
            Kept::Script => "script",
        }
    }
}

/// What is to be kept.
struct Hold {
    show: i32,
    seats: Vec<String>,
    subject: String,
    /// Like a UUID of version 7: those made later come later, which keeps an index small.
    number: String,
    now: i64,
    expires_at: i64,
}

/// All of the seats were free and are now held, or nothing happened.
enum Held {
    Yes,
    Taken,
}

enum Store {
    Postgres(postgres::Seats),
    Redis(redis::Seats),
}

impl Store {
    async fn hold(&self, hold: &Hold) -> anyhow::Result<Held> {
        match self {
            Store::Postgres(seats) => Ok(seats.hold(hold).await?),
            Store::Redis(seats) => Ok(seats.hold(hold).await?),
        }
    }
}

/// Serves until killed.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let store = match settings.kept {
        Kept::Transaction | Kept::Function => {
            Store::Postgres(postgres::Seats::connect(&settings.store, settings.pool, settings.kept == Kept::Function).await?)
        }
        Kept::Script => Store::Redis(redis::Seats::connect(&settings.store, settings.pool).await?),
    };
    listen(Router::new().route("/reserve", post(reserve)).with_state(Arc::new(store)), settings.listen).await
}

/// Serves a router as all servers of this program do.
pub async fn listen(router: Router, address: SocketAddr) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|socket| {
        // Only slower without it.
        let _ = socket.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

async fn reserve(State(store): State<Arc<Store>>, headers: HeaderMap, Json(body): Json<ReserveBody>) -> Response {
    let Some(hold) = Hold::read(&headers, &body) else { return StatusCode::UNPROCESSABLE_ENTITY.into_response() };
    match store.hold(&hold).await {
        Ok(Held::Yes) => (StatusCode::CREATED, Json(hold.answer(&body.event_id))).into_response(),
        Ok(Held::Taken) => {
            let problem = Problem::new(Code::SeatsTaken, "The seats are taken.");
            (StatusCode::CONFLICT, [(header::CONTENT_TYPE, "application/problem+json")], Json(problem)).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}

impl Hold {
    fn read(headers: &HeaderMap, body: &ReserveBody) -> Option<Self> {
        let token = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let random: u128 = rand::random::<u128>() >> 48;
        Some(Self {
            show: postgres::show_number(&body.event_id)?,
            seats: body.seats.clone()?,
            subject: token.trim_start_matches('.').to_owned(),
            number: format!("{:032x}", now.as_millis() << 80 | random),
            now: now.as_micros() as i64,
            expires_at: (now + HOLD).as_micros() as i64,
        })
    }

    fn answer(self, event_id: &str) -> ReservationBody {
        let money = |amount| MoneyBody { amount, currency: "EUR".into() };
        ReservationBody {
            reservation_id: format!("{event_id}-{}", self.number),
            event_id: event_id.to_owned(),
            status: "pending".into(),
            total: money(PRICE * self.seats.len() as i64),
            seats: self.seats.into_iter().map(|seat| PricedSeatBody { seat, price: money(PRICE) }).collect(),
            expires_at: Instant(Timestamp::from_micros(self.expires_at)),
            expires_in_seconds: HOLD.as_secs(),
            // Nothing here has positions; the answer is to be as long.
            position: 1,
            payment_reference: None,
        }
    }
}
