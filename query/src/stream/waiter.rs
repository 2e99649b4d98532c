//! Somebody who waits in the line, as far as his stream is concerned.

use std::sync::Arc;
use std::time::Duration;

use fullhouse_domain::{InLine, Place, Timestamp};
use fullhouse_http::{Ticket, Tokens};
use fullhouse_line::Presence;
use fullhouse_line::presence::{Attendance, Wants};
use fullhouse_schemas::queue::QueueBody;
use fullhouse_views::LiveShow;
use tokio::time::Instant;

use crate::queue::told;

/// The pause between two looks at the room. What happens meanwhile is seen by the next one.
const LOOK_PAUSE: Duration = Duration::from_millis(250);
/// The pause between two messages, unless it is his turn, or it is over.
const TELL_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Waiter {
    who: InLine,
    tokens: Arc<Tokens>,
    presence: Arc<Presence>,
    /// As long as somebody has to know that he is there.
    attendance: Option<Attendance>,
    last: Option<Last>,
    /// When to look again, if anything has happened since the last time.
    look_at: Option<Instant>,
}

/// What was said last.
struct Last {
    body: QueueBody,
    said_at: Instant,
}

impl Waiter {
    pub fn new(ticket: &Ticket, tokens: Arc<Tokens>, presence: Arc<Presence>) -> Self {
        Self { who: ticket.in_line(), tokens, presence, attendance: None, last: None, look_at: Some(Instant::now()) }
    }

    /// When to look at the room, if there is a reason to.
    pub fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Notes that the show has changed, or that time has passed.
    pub fn stir(&mut self) {
        if self.look_at.is_none() {
            self.look_at = Some(Instant::now() + LOOK_PAUSE);
        }
    }

    /// Looks at the room; returns what is to be said, if anything is.
    pub fn look(&mut self, show: &LiveShow, now: Timestamp) -> Option<QueueBody> {
        self.look_at = None;
        let (place, body) = told(show, &self.who, now)?;
        self.attend(show, &place);
        if let Some(Last { body: before, said_at }) = &self.last {
            if !is_news(before, &body) {
                return None;
            }
            let next = *said_at + TELL_PAUSE;
            if before.state == body.state && Instant::now() < next {
                self.look_at = Some(next);
                return None;
            }
        }
        self.last = Some(Last { body: body.clone(), said_at: Instant::now() });
        Some(QueueBody { pass: self.tokens.pass_for(show.id(), &place), ..body })
    }

    fn attend(&mut self, show: &LiveShow, place: &Place) {
        let (number, wants) = match place {
            Place::Waiting { number, .. } => (*number, Wants::Turn),
            Place::Admitted(turn) if !turn.is_taken_up => (turn.number, Wants::Shop),
            Place::Admitted(_) | Place::BeforeDraw | Place::Over { .. } | Place::SoldOut { .. } => {
                self.attendance = None;
                return;
            }
        };
        if self.attendance.as_ref().is_none_or(|attendance| attendance.number() != number) {
            self.attendance = Some(self.presence.attend(show.id(), number, &self.who.subject));
        }
        if let Some(attendance) = &self.attendance {
            attendance.wants(wants);
        }
    }
}

/// Whether somebody would want to know.
fn is_news(before: &QueueBody, now: &QueueBody) -> bool {
    let told = |body: &QueueBody| {
        let QueueBody {
            number,
            serving,
            ahead,
            estimated_wait_seconds,
            estimated_wait_range,
            state,
            pass_expires_at,
            seats_left,
            is_paused,
            ..
        } = body;
        // Who shops is no longer interested in the line.
        let line =
            (state == "waiting").then_some((*serving, *ahead, *estimated_wait_seconds, *estimated_wait_range, *seats_left, *is_paused));
        (*number, state.clone(), *pass_expires_at, line)
    };
    told(before) != told(now)
}
