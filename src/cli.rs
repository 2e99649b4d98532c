//! What can be typed. Every option is an environment variable too.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory, FromArgMatches, Parser, ValueEnum};
use clap_complete::Shell;
use fullhouse_domain::{ShowId, Subject};
use fullhouse_projector::snapshots::FACTS_MIN;
use fullhouse_schemas::time::Instant;

use crate::rehearse::RehearseSettings;

/// Sells numbered seats: an event log, live seat maps, and no seat sold twice.
///
/// Without a subcommand it serves an example hall: the same as `fullhouse serve --demo`.
#[derive(Debug, Parser)]
#[command(version, name = "fullhouse", max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    subcommand: Option<Subcommand>,
}

#[derive(Debug, clap::Subcommand)]
pub enum Subcommand {
    /// Serves the HTTP interface and the pages, with everything embedded or as one process of a cluster
    Serve(ServeSettings),
    /// Makes the tables and the groups of rights in a PostgreSQL database, or brings those of an earlier release up to date
    Migrate(DatabaseSettings),
    /// Prints a token, and nothing else
    Token(TokenSettings),
    /// Replays the whole log and checks what is promised; exits with 1 when something is broken
    Verify(VerifySettings),
    /// Rehearses the opening of a sale against a running server with people who come, choose, dither and buy; exits with 1 when a
    /// promise broke
    Rehearse(RehearseSettings),
    /// Checks the drawn order of a waiting room against the digest that was published before; exit code 1 when it is not right
    VerifyDraw(VerifyDrawSettings),
    /// Writes the log in a format that others read
    Export(ExportSettings),
    /// Prints what happened to an event, one fact a line
    History(HistorySettings),
    /// Prints the seats of an event as they are, or as they were at any time
    Seats(SeatsSettings),
    /// Verifies a receipt of a reservation with nothing but the public key; exit code 1 when it is not to be believed
    VerifyReceipt(VerifyReceiptSettings),
    /// Prints the public key that checkpoints of the log are verified with, and makes the key if there is none
    CheckpointKey(CheckpointKeySettings),
    /// Forgets for good who a subject is; what they did stays in the log under the subject, and every proof stays valid
    Forget(ForgetSettings),
    /// Builds a view anew from the log beside the one in use, compares the two, and swaps them while servers go on
    Rebuild(RebuildSettings),
    /// Prints the OpenAPI description of the HTTP interface
    Openapi,
    /// Prints completions for a shell, to be put where it looks for them
    Completions {
        /// Which shell
        shell: Shell,
    },
}

impl Cli {
    /// Reads the command line and the environment; ends the program when they make no sense.
    pub fn read() -> Self {
        let mut command = Self::command();
        let matches = command.get_matches_mut();
        if let Some(("verify", verify)) = matches.subcommand()
            && verify.value_source("data") == Some(ValueSource::CommandLine)
            && verify.value_source("database_url") == Some(ValueSource::EnvVariable)
        {
            let two = "--data names one log and FULLHOUSE_DATABASE_URL another: which one? Take one of them away";
            command.error(ErrorKind::ArgumentConflict, two).exit();
        }
        Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
    }

    pub fn into_subcommand(self) -> Subcommand {
        self.subcommand.unwrap_or_else(|| Subcommand::Serve(ServeSettings::of_bare_command()))
    }
}

/// The server's settings.
#[derive(Debug, Clone, Args)]
pub struct ServeSettings {
    /// Address and port to listen on
    #[arg(long, env = "FULLHOUSE_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    pub listen: SocketAddr,

    /// Folder of the log, the views and the keys; made when it isn't there
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// Keeps the log in this PostgreSQL database instead of the folder, shared by all processes of a cluster
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Keeps seat views and timers in this Redis too: redis://HOST:PORT/, redis+sentinel://HOST:PORT,HOST:PORT/MASTER or
    /// redis+cluster://HOST:PORT,HOST:PORT
    #[arg(long, env = "FULLHOUSE_REDIS_URL", value_name = "URL", hide_env_values = true, requires = "database_url")]
    pub redis_url: Option<String>,

    /// Passes the log on to this NATS server, and hears from the other processes over it
    #[arg(long, env = "FULLHOUSE_NATS_URL", value_name = "URL", hide_env_values = true, requires = "database_url")]
    pub nats_url: Option<String>,

    /// What this process does in a cluster
    #[arg(long, env = "FULLHOUSE_ROLE", default_value = "all", value_name = "ROLE")]
    pub role: ServeRole,

    /// Short name of this cluster, which the ids of its events begin with
    #[arg(long, env = "FULLHOUSE_CLUSTER", default_value = "local", value_name = "NAME", value_parser = cluster_name)]
    pub cluster: String,

    /// Schedules an example event of 2,000 seats if there is no event yet
    #[arg(long, env = "FULLHOUSE_DEMO")]
    pub demo: bool,

    /// Simulates so many people who shop for seats of the example event
    #[arg(long, env = "FULLHOUSE_DEMO_SHOPPERS", default_value_t = 0, value_name = "N", requires = "demo", value_parser = clap::value_parser!(u16).range(..=1_000))]
    pub demo_shoppers: u16,

    /// Accepts tokens of these keys too: a file with a JSON Web Key Set, each key with `kid` and `alg`
    #[arg(long, env = "FULLHOUSE_JWKS", value_name = "FILE")]
    pub jwks: Option<PathBuf>,

    /// The key that checkpoints of the log are signed with: a file with an Ed25519 key in PKCS #8, made when it isn't there. Without this it
    /// is checkpoint-key.p8 in the data folder
    #[arg(long, env = "FULLHOUSE_CHECKPOINT_KEY", value_name = "FILE")]
    pub checkpoint_key: Option<PathBuf>,

    /// Live streams open at a time; beyond, 503
    #[arg(long, env = "FULLHOUSE_MAX_STREAMS", default_value_t = 10_000, value_name = "N")]
    pub max_streams: usize,

    /// Live streams open at a time from one address; beyond, 429
    #[arg(long, env = "FULLHOUSE_MAX_STREAMS_PER_ADDRESS", default_value_t = 1_000, value_name = "N")]
    pub max_streams_per_address: usize,

    /// Connections open at a time; beyond, they are closed at once
    #[arg(long, env = "FULLHOUSE_MAX_CONNECTIONS", default_value_t = 15_000, value_name = "N")]
    pub max_connections: usize,

    /// Whether timers announce the end of holds. Off, a hold still ends on time, but its seats are shown as free only when
    /// somebody asks for them
    #[arg(long, env = "FULLHOUSE_TIMERS", default_value_t = true, value_name = "BOOL", action = ArgAction::Set)]
    pub timers: bool,

    /// A snapshot of an event is kept when so many facts were added since the last one, so that nobody reads all of them again
    #[arg(long, env = "FULLHOUSE_SNAPSHOT_FACTS", default_value_t = FACTS_MIN, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub snapshot_facts: u64,

    /// Seconds that requests in flight may take to finish after SIGTERM
    #[arg(long, env = "FULLHOUSE_DRAIN_SECONDS", default_value_t = 10, value_name = "SECONDS")]
    pub drain_seconds: u64,

    /// How the log on stderr looks
    #[arg(long, env = "FULLHOUSE_LOG_FORMAT", default_value = "auto", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// What is logged, such as `info` or `info,fullhouse_command=debug`
    #[arg(long, env = "FULLHOUSE_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,
}

/// What a process of a cluster does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServeRole {
    /// Everything
    All,
    /// Decides commands
    Command,
    /// Keeps the views in Redis and SQL, and passes the log on
    Projector,
    /// Answers reads and live streams
    Query,
}

impl ServeRole {
    pub fn has_commands(self) -> bool {
        matches!(self, ServeRole::All | ServeRole::Command)
    }

    pub fn has_queries(self) -> bool {
        matches!(self, ServeRole::All | ServeRole::Query)
    }

    pub fn has_projections(self) -> bool {
        matches!(self, ServeRole::All | ServeRole::Projector)
    }
}

/// How the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people on a terminal, else JSON
    Auto,
    /// For people
    Text,
    /// One object a line
    Json,
}

impl ServeSettings {
    /// What `fullhouse` alone means; the environment counts.
    fn of_bare_command() -> Self {
        let parsed = Cli::parse_from(["fullhouse", "serve", "--demo"]);
        match parsed.subcommand {
            Some(Subcommand::Serve(settings)) => settings,
            _ => unreachable!("`serve` was asked for"),
        }
    }
}

/// What a token should say.
#[derive(Debug, Args)]
pub struct TokenSettings {
    /// The data folder of the server that the token is for
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// What the bearer may do
    #[arg(long, env = "FULLHOUSE_ROLE", value_parser = role, value_name = "customer|organizer|auditor|analyst|operator")]
    pub role: fullhouse_http::Role,

    /// Who the bearer is: 1 to 255 visible characters
    #[arg(long, env = "FULLHOUSE_SUBJECT", value_parser = subject)]
    pub subject: Subject,

    /// How many hours the token is good
    #[arg(long, env = "FULLHOUSE_HOURS", default_value_t = 24, value_name = "HOURS", value_parser = clap::value_parser!(u64).range(1..=8_784))]
    pub hours: u64,
}

/// Which database.
#[derive(Debug, Args)]
pub struct DatabaseSettings {
    /// The database, as its owner
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: String,
}

/// What is built anew.
#[derive(Debug, Args)]
pub struct RebuildSettings {
    /// Which view
    pub view: RebuiltView,

    /// The database, as its owner
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: String,
}

/// A view that can be built anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RebuiltView {
    /// The SQL views, all tables together
    Sql,
}

/// Who is forgotten.
#[derive(Debug, Args)]
pub struct ForgetSettings {
    /// The subject, as in their tokens
    #[arg(value_parser = subject)]
    pub subject: Subject,

    /// The data folder of the server, which must not be running; while it is, send it DELETE /people/{subject}
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// The database of a cluster, instead of a folder; servers may be running
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Short name of the cluster
    #[arg(long, env = "FULLHOUSE_CLUSTER", default_value = "local", value_name = "NAME", value_parser = cluster_name)]
    pub cluster: String,
}

/// Which draw is verified.
#[derive(Debug, Args)]
pub struct VerifyDrawSettings {
    /// The SHA-256 that was published before the sale, if you have noted it; else the one that the answer itself names is believed
    #[arg(long, env = "FULLHOUSE_SEED_SHA256", value_name = "DIGITS")]
    pub seed_sha256: Option<String>,

    /// The answer to `GET /events/{event_id}/draw`; without it, standard input
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// What is exported, and how.
#[derive(Debug, Args)]
pub struct ExportSettings {
    /// The data folder of the server; it may be running
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// The database of a cluster, instead of a folder
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// What is exported
    #[arg(long, env = "FULLHOUSE_OF", default_value = "facts", value_name = "WHAT")]
    pub of: Exported,

    /// How it is written
    #[arg(long, env = "FULLHOUSE_FORMAT", default_value = "ndjson", value_name = "FORMAT")]
    pub format: ExportFormat,

    /// Only facts after this log position
    #[arg(long, env = "FULLHOUSE_AFTER", default_value_t = 0, value_name = "LOG_POSITION")]
    pub after: u64,

    /// Only facts up to this log position; without it, up to the end that the log has now
    #[arg(long, env = "FULLHOUSE_UP_TO", value_name = "LOG_POSITION")]
    pub up_to: Option<u64>,

    /// The file that is written, which must not be there yet; without it, standard output
    #[arg(long, env = "FULLHOUSE_OUT", value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Goes on with a file of lines that is there: an unfinished last line is cut off, and what follows is added
    #[arg(long, env = "FULLHOUSE_RESUME", requires = "out")]
    pub resume: bool,

    /// Short name of the cluster, which CloudEvents name as their source
    #[arg(long, env = "FULLHOUSE_CLUSTER", default_value = "local", value_name = "NAME", value_parser = cluster_name)]
    pub cluster: String,
}

/// What can be exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Exported {
    /// The log
    Facts,
    /// How many holds were refused because of which seat, by minute
    Refusals,
}

/// How it can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Canonical bytes, one fact a line
    Ndjson,
    /// CloudEvents 1.0, one a line
    Cloudevents,
    /// Columns
    Parquet,
}

/// Which facts are printed.
#[derive(Debug, Args)]
pub struct HistorySettings {
    /// The event's id
    #[arg(value_parser = event_id)]
    pub event: ShowId,

    /// The data folder of the server; it may be running
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// The database of a cluster, instead of a folder
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Only facts about this seat, by its label
    #[arg(long, env = "FULLHOUSE_SEAT", value_name = "LABEL")]
    pub seat: Option<String>,

    /// Only facts about this reservation
    #[arg(long, env = "FULLHOUSE_RESERVATION", value_name = "ID")]
    pub reservation: Option<String>,

    /// Only facts that came of this person's commands
    #[arg(long, env = "FULLHOUSE_SUBJECT", value_parser = subject)]
    pub subject: Option<Subject>,

    /// Only facts of this type, such as seats_held
    #[arg(long, env = "FULLHOUSE_TYPE", value_name = "TYPE")]
    pub r#type: Option<String>,

    /// Only facts recorded at this instant or later, such as 2030-01-31T19:30:00Z
    #[arg(long, env = "FULLHOUSE_SINCE", value_name = "INSTANT", value_parser = instant)]
    pub since: Option<Instant>,

    /// Only facts recorded before this instant
    #[arg(long, env = "FULLHOUSE_UNTIL", value_name = "INSTANT", value_parser = instant)]
    pub until: Option<Instant>,

    /// Only facts after this position
    #[arg(long, env = "FULLHOUSE_AFTER", default_value_t = 0, value_name = "POSITION")]
    pub after: u64,

    /// So many facts at most
    #[arg(long, env = "FULLHOUSE_LIMIT", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,

    /// Waits for more, until it is interrupted
    #[arg(long, env = "FULLHOUSE_FOLLOW")]
    pub follow: bool,

    /// Prints the facts as JSON: their canonical bytes
    #[arg(long, env = "FULLHOUSE_JSON")]
    pub json: bool,
}

/// Which seat map is printed.
#[derive(Debug, Args)]
pub struct SeatsSettings {
    /// The event's id
    #[arg(value_parser = event_id)]
    pub event: ShowId,

    /// The data folder of the server; it may be running
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// The database of a cluster, instead of a folder
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// The map as it was at this instant, such as 2030-01-31T19:30:00Z
    #[arg(long, env = "FULLHOUSE_AT", value_name = "INSTANT", value_parser = instant, conflicts_with = "position")]
    pub at: Option<Instant>,

    /// The map as it was at this position
    #[arg(long, env = "FULLHOUSE_POSITION", value_name = "POSITION", value_parser = clap::value_parser!(u64).range(1..))]
    pub position: Option<u64>,

    /// Prints the map as JSON
    #[arg(long, env = "FULLHOUSE_JSON")]
    pub json: bool,
}

/// Which receipt is verified.
#[derive(Debug, Args)]
pub struct VerifyReceiptSettings {
    /// The log's public key: what `fullhouse checkpoint-key` prints, or the answer to `GET /checkpoint/key`, from somebody whom you
    /// trust
    #[arg(long, env = "FULLHOUSE_VERIFIER_KEY", value_name = "NAME+ID+KEY")]
    pub verifier_key: String,

    /// Prints what the receipt says as JSON
    #[arg(long, env = "FULLHOUSE_JSON")]
    pub json: bool,

    /// The answer to `GET /reserve/{reservation_id}/proof`; without it, standard input
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// Which key.
#[derive(Debug, Args)]
pub struct CheckpointKeySettings {
    /// The data folder of the server
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// Short name of the cluster, which is a part of the key's name
    #[arg(long, env = "FULLHOUSE_CLUSTER", default_value = "local", value_name = "NAME", value_parser = cluster_name)]
    pub cluster: String,

    /// The file with the key; without this it is checkpoint-key.p8 in the data folder
    #[arg(long, env = "FULLHOUSE_CHECKPOINT_KEY", value_name = "FILE")]
    pub checkpoint_key: Option<PathBuf>,
}

/// What is verified.
#[derive(Debug, Args)]
pub struct VerifySettings {
    /// The data folder of the server; it may be running
    #[arg(long, env = "FULLHOUSE_DATA", default_value = "fullhouse-data", value_name = "DIR")]
    pub data: PathBuf,

    /// The database of a cluster, instead of a folder
    #[arg(long, env = "FULLHOUSE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    pub database_url: Option<String>,

    /// Compares the seat views in this Redis too
    #[arg(long, env = "FULLHOUSE_REDIS_URL", value_name = "URL", hide_env_values = true, requires = "database_url")]
    pub redis_url: Option<String>,

    /// Short name of the cluster, which the keys in Redis begin with
    #[arg(long, env = "FULLHOUSE_CLUSTER", default_value = "local", value_name = "NAME", value_parser = cluster_name)]
    pub cluster: String,

    /// An export of a whole log instead of a log: a file with one fact a line
    #[arg(long, env = "FULLHOUSE_EXPORT", value_name = "FILE", conflicts_with_all = ["redis_url"])]
    pub export: Option<PathBuf>,

    /// A checkpoint that you have kept: an answer to `GET /checkpoint`. All that it covers must be as it was then
    #[arg(long, env = "FULLHOUSE_CHECKPOINT", value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,

    /// The log's public key that you have noted, as `fullhouse checkpoint-key` prints it; without it the key that is kept beside the
    /// checkpoints is believed
    #[arg(long, env = "FULLHOUSE_VERIFIER_KEY", value_name = "NAME+ID+KEY")]
    pub verifier_key: Option<String>,

    /// Builds views that are wrong anew from the log, then verifies again. The log itself is never changed. A server on the same
    /// folder must be stopped before; a cluster may go on, and the login must be the database's owner
    #[arg(long, env = "FULLHOUSE_REPAIR", conflicts_with = "export")]
    pub repair: bool,

    /// Prints the report as JSON
    #[arg(long, env = "FULLHOUSE_JSON")]
    pub json: bool,
}

fn cluster_name(text: &str) -> Result<String, String> {
    let is_name = (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if is_name { Ok(text.into()) } else { Err("1 to 16 lower-case letters and digits, please".into()) }
}

fn role(text: &str) -> Result<fullhouse_http::Role, String> {
    let found = fullhouse_http::Role::ALL.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| "the roles are customer, organizer, auditor, analyst and operator".into())
}

/// The id of an event, as it may stand in a path.
pub fn event_id(text: &str) -> Result<ShowId, String> {
    ShowId::parse(text).ok_or_else(|| "this is not the id of an event".into())
}

fn instant(text: &str) -> Result<Instant, String> {
    Instant::parse(text).ok_or_else(|| "an instant is written like 2030-01-31T19:30:00Z".into())
}

fn subject(text: &str) -> Result<Subject, String> {
    Subject::parse(text).ok_or_else(|| "1 to 255 visible characters without spaces, please".into())
}

/// Writes completions for a shell to stdout.
pub fn print_completions(shell: Shell) {
    clap_complete::generate(shell, &mut Cli::command(), "fullhouse", &mut std::io::stdout());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_option_is_an_environment_variable_too() {
        let command = Cli::command();
        let options = command.get_subcommands().flat_map(clap::Command::get_arguments);
        for option in options.filter(|argument| argument.get_long().is_some_and(|long| long != "help" && long != "version")) {
            let long = option.get_long().unwrap_or_default();
            let expected = format!("FULLHOUSE_{}", long.replace('-', "_").to_uppercase());
            assert_eq!(option.get_env().and_then(|name| name.to_str()), Some(expected.as_str()), "--{long}");
        }
    }
}
