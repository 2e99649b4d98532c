//! Simulated people who shop, so that a visitor sees a map that lives.

use std::sync::Arc;
use std::time::Duration;

use fullhouse_command::sequencer::Submission;
use fullhouse_command::{Action, Outcome, Sequencer};
use fullhouse_domain::{Command, ReservationId, SeatStatus, Subject, Wanted};
use fullhouse_views::LiveShow;
use rand::RngExt;
use tokio_util::sync::CancellationToken;

use crate::serve::Parts;

/// Beyond this share of sold seats nobody buys any more: the visitor must find something to choose.
const SOLD_SHARE_MAX: f64 = 0.6;
/// One in so many who hold seats buys them.
const BUYERS_ONE_IN: u32 = 3;
/// Between two steps of one person, in milliseconds.
const PAUSE_MS: std::ops::Range<u64> = 1_500..12_000;
/// How many seats a person wants.
const SEATS: std::ops::RangeInclusive<u32> = 1..=5;

/// Lets `count` people shop for seats of the example event until the server stops.
pub async fn start_shoppers(count: u16, parts: &Parts, show: &Arc<LiveShow>) -> anyhow::Result<()> {
    anyhow::ensure!(
        super::is_example(&parts.log, show).await?,
        "{} is not the example event: simulated people (--demo-shoppers, FULLHOUSE_DEMO_SHOPPERS) shop nowhere else",
        show.id()
    );
    let Some(commands) = &parts.commands else { return Ok(()) };
    for number in 1..=count {
        let subject = Subject::parse(&format!("shopper-{number}")).expect("visible characters");
        let shopper = Shopper { subject, show: show.clone(), sequencer: commands.sequencer.clone() };
        parts.senders.running.spawn(shopper.shop(parts.senders.stop.clone()));
    }
    Ok(())
}

struct Shopper {
    subject: Subject,
    show: Arc<LiveShow>,
    sequencer: Sequencer,
}

impl Shopper {
    async fn shop(self, stop: CancellationToken) {
        let shopping = async {
            loop {
                pause().await;
                let Some(reservation) = self.hold().await else { continue };
                pause().await;
                self.decide(reservation).await;
            }
        };
        stop.run_until_cancelled(shopping).await;
    }

    async fn hold(&self) -> Option<ReservationId> {
        let show = self.show.id();
        let reservation = ReservationId::of_show(show, &format!("{:016x}", rand::random::<u64>()))?;
        let command = Command::HoldSeats { reservation, subject: self.subject.clone(), wanted: self.wish(), pass: None };
        match self.submit(command).await? {
            Outcome::Held(claimed) => Some(claimed.reservation.id),
            _ => None,
        }
    }

    /// Half of them take what is best; the others point at the map and take the neighbours too.
    fn wish(&self) -> Wanted {
        let count = rand::rng().random_range(SEATS);
        if rand::random() {
            return Wanted::BestAvailable { count, section: None };
        }
        let chart = self.show.chart();
        let view = self.show.view();
        let first = rand::rng().random_range(0..chart.seats());
        let seats = (first..chart.seats()).take(count as usize);
        let free =
            seats.take_while(|&seat| chart.row_of(seat) == chart.row_of(first) && view.statuses()[seat as usize] == SeatStatus::Available);
        Wanted::Seats(free.map(|seat| chart.label(seat)).collect())
    }

    async fn decide(&self, reservation: ReservationId) {
        let counts = self.show.view().counts();
        let sold = f64::from(counts.reserved) / f64::from(self.show.chart().seats());
        let buys = sold < SOLD_SHARE_MAX && rand::rng().random_range(0..BUYERS_ONE_IN) == 0;
        let subject = self.subject.clone();
        let command = if buys {
            Command::Checkout { reservation, subject, payment_reference: "demo".into() }
        } else {
            Command::ReleaseHold { reservation, subject }
        };
        self.submit(command).await;
    }

    async fn submit(&self, command: Command) -> Option<Outcome> {
        let submission =
            Submission::of_server(self.show.id().clone(), Some(self.subject.clone()), "demo-shopper", Action::Command(command));
        self.sequencer.submit(submission).await.ok()
    }
}

async fn pause() {
    let milliseconds = rand::rng().random_range(PAUSE_MS);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}
