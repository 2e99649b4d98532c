//! Joining and leaving the lines of waiting rooms, and letting people in.
//!
//! The line says who came when; the log, who was let in. Both are asked here, the line first: a place is given before anything
//! else is known, and never taken back by what follows.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fullhouse_domain::{Command, InLine, Place, ShowId, Subject};
use fullhouse_http::{Ticket, Tokens};
use fullhouse_line::{Line, LineError, Presence};
use fullhouse_schemas::draw;
use fullhouse_schemas::queue::QueueBody;
use fullhouse_schemas::room_messages::RoomOrder;

use crate::outcome::{Outcome, Rejected, Standing};
use crate::sequencer::{Action, Sequencer, Submission};

/// How many people are read from the line at a time.
const READ_MEMBERS: usize = 10_000;

/// A change to nothing: it is answered with the room as it is, and refused where there is none.
const LOOK: Command = Command::ChangeRoom { max_active: None, is_paused: None };
/// How many shows are remembered to have a room.
const KNOWN_MAX: usize = 10_000;

/// The waiting rooms, as far as commands are concerned.
#[derive(Debug, Clone)]
pub struct Rooms {
    sequencer: Sequencer,
    line: Line,
    presence: Arc<Presence>,
    tokens: Arc<Tokens>,
    /// Shows that are known to have a room: that never changes, and need not be asked for each one who joins.
    with_room: Arc<Mutex<HashSet<ShowId>>>,
    /// Shows whose order is being drawn here.
    opening: Arc<Mutex<HashSet<ShowId>>>,
}

/// Why somebody could not join or leave.
#[derive(Debug)]
pub enum NotDone {
    /// The command was refused.
    Refused(Outcome),
    /// It was not decided.
    Rejected(Rejected),
    /// The line failed.
    Line(LineError),
}

impl From<Rejected> for NotDone {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<LineError> for NotDone {
    fn from(error: LineError) -> Self {
        Self::Line(error)
    }
}

impl Rooms {
    /// With the line, and with those who are there at this server.
    pub fn new(sequencer: Sequencer, line: Line, presence: Arc<Presence>, tokens: Arc<Tokens>) -> Self {
        Self { sequencer, line, presence, tokens, with_room: Arc::default(), opening: Arc::default() }
    }

    /// Gives somebody a place, the one that he has or a new one, and says where it is. When his turn was over, he gets a new
    /// place at the end.
    pub async fn join(&self, show: &ShowId, subject: &Subject) -> Result<QueueBody, NotDone> {
        self.must_have_room(show).await?;
        let mut entry = self.line.join(show, subject, None).await?;
        let mut standing = self.take_place(show, subject, entry).await?;
        if let Place::Over { .. } = standing.place {
            entry = self.line.join(show, subject, Some(entry)).await?;
            standing = self.take_place(show, subject, entry).await?;
        }
        let Standing { mut body, place } = standing;
        if let Place::Waiting { number, .. } = &place {
            self.presence.joined(show, *number, subject);
        }
        body.pass = self.tokens.pass_for(show, &place);
        body.ticket = Some(self.tokens.sign_ticket(&Ticket { show: show.clone(), subject: subject.clone(), number: entry }));
        Ok(body)
    }

    /// Before anything is written: whether there is such a room at all.
    async fn must_have_room(&self, show: &ShowId) -> Result<(), NotDone> {
        if lock(&self.with_room).contains(show) {
            return Ok(());
        }
        self.ask(show, None, LOOK).await?;
        let mut known = lock(&self.with_room);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(show.clone());
        Ok(())
    }

    async fn take_place(&self, show: &ShowId, subject: &Subject, entry: u64) -> Result<Standing, NotDone> {
        let who = InLine { entry, member: draw::member_hash(show, subject), subject: subject.clone() };
        match self.ask(show, Some(subject), Command::TakePlace(who)).await? {
            Outcome::Standing(standing) => Ok(*standing),
            other => Err(NotDone::Refused(other)),
        }
    }

    /// Gives up a place, or a turn.
    pub async fn leave(&self, ticket: &Ticket) -> Result<(), NotDone> {
        self.ask(&ticket.show, Some(&ticket.subject), Command::LeaveRoom(ticket.in_line())).await?;
        self.line.leave(&ticket.show, &ticket.subject, ticket.number).await?;
        // The order may have been drawn in between, with him in it.
        self.ask(&ticket.show, Some(&ticket.subject), Command::LeaveRoom(ticket.in_line())).await?;
        Ok(())
    }

    /// Does what was found to be due.
    pub async fn carry_out(&self, order: RoomOrder) -> Result<(), NotDone> {
        match order {
            RoomOrder::Open { show } => {
                // It is ordered again and again until it is done, which takes a while for a long line.
                if !lock(&self.opening).insert(show.0.clone()) {
                    return Ok(());
                }
                let opened = self.open(&show.0).await;
                lock(&self.opening).remove(&show.0);
                if let Err(why) = &opened {
                    tracing::warn!(show = %show.0, ?why, "the order of those who came before the sale could not be drawn; it is tried again");
                }
                opened
            }
            RoomOrder::Admit { show, candidates, taken_up } => {
                let candidates = candidates.into_iter().map(Into::into).collect();
                self.order(&show.0, Command::AdmitShoppers { candidates, taken_up }).await.map(drop)
            }
        }
    }

    /// Draws the order of those who came before the sale, and begins it.
    async fn open(&self, show: &ShowId) -> Result<(), NotDone> {
        let room = match self.order(show, LOOK).await? {
            Outcome::Room(room) => room,
            other => return Err(NotDone::Refused(other)),
        };
        // Numbers are committed in their order, so everybody up to this one can be read now.
        let last_entry = self.line.last_number(show).await?;
        let mut members = Vec::new();
        let mut after = 0;
        while after < last_entry {
            let page = self.line.members(show, after, READ_MEMBERS).await?;
            let Some((last, _)) = page.last() else { break };
            after = *last;
            members.extend(page.iter().filter(|(number, _)| *number <= last_entry).map(|(_, subject)| draw::member_hash(show, subject)));
        }
        let seed = room.seed_sha256.as_ref().map(|published| {
            let seed = self.tokens.draw_seed(show);
            if fullhouse_schemas::hex::encode(&draw::seed_sha256(&seed)) != *published {
                tracing::error!(%show, "the key of the tokens is another one than when the event was scheduled: the draw can't be verified");
            }
            seed
        });
        if let Some(seed) = seed {
            let drawing = tokio::task::spawn_blocking(move || draw::order(&seed, &members));
            // It is pure, and does not panic.
            members = drawing.await.map_err(|_panicked| NotDone::Rejected(Rejected::Unknown))?;
        }
        tracing::info!(%show, people = members.len(), "the sale begins, and the order of those who came before is drawn");
        self.order(show, Command::OpenRoom { members, seed, last_entry }).await.map(drop)
    }

    /// For somebody who can ask again: he must not keep out those who hold and buy.
    async fn ask(&self, show: &ShowId, subject: Option<&Subject>, command: Command) -> Result<Outcome, NotDone> {
        decided(self.sequencer.submit(submission(show, subject, command)).await)
    }

    /// For the room's own sake: however much is going on, people must be let in.
    async fn order(&self, show: &ShowId, command: Command) -> Result<Outcome, NotDone> {
        decided(self.sequencer.submit_when_there_is_room(submission(show, None, command)).await)
    }
}

fn submission(show: &ShowId, subject: Option<&Subject>, command: Command) -> Submission {
    Submission::of_server(show.clone(), subject.cloned(), "waiting room", Action::Command(command))
}

fn decided(outcome: Result<Outcome, Rejected>) -> Result<Outcome, NotDone> {
    match outcome? {
        refused @ Outcome::Refused { .. } => Err(NotDone::Refused(refused)),
        outcome => Ok(outcome),
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
