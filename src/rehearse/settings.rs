//! What a rehearsal is like: options, and what they come to.

use std::time::Duration;

use axum::http::Uri;
use clap::Args;
use fullhouse_domain::ShowId;

use super::arrivals::Arrivals;
use super::mind::Habits;
use crate::cli::event_id;

/// Which sale is rehearsed, and by whom.
#[derive(Debug, Clone, Args)]
pub struct RehearseSettings {
    /// The server, or the gateway of a cluster: http://HOST:PORT
    #[arg(long, env = "FULLHOUSE_URL", default_value = "http://127.0.0.1:8080", value_name = "URL", value_parser = server_url)]
    pub url: String,

    /// The event whose seats are bought; without it, the first event listed that is on sale, or else the one whose sale opens next
    #[arg(long, env = "FULLHOUSE_EVENT", value_name = "ID", value_parser = event_id)]
    pub event: Option<ShowId>,

    /// People who arrive
    #[arg(long, env = "FULLHOUSE_USERS", default_value_t = 1_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub users: u32,

    /// Seconds within which they arrive
    #[arg(long, env = "FULLHOUSE_SECONDS", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub seconds: u32,

    /// How they arrive
    #[arg(long, env = "FULLHOUSE_ARRIVALS", default_value = "poisson", value_name = "SHAPE")]
    pub arrivals: Arrivals,

    /// Seconds that people who have arrived may still go on after the last arrival
    #[arg(long, env = "FULLHOUSE_PATIENCE_SECONDS", default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=86_400))]
    pub patience_seconds: u32,

    /// Requests that are under way at once, each on a kept connection; what is beyond waits, and its waiting counts
    #[arg(long, env = "FULLHOUSE_CONNECTIONS", default_value_t = 512, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,

    /// Of the people, so many open a live stream too, and keep it open until the end. A server allows 1,000 from one address unless
    /// it is told otherwise
    #[arg(long, env = "FULLHOUSE_WATCHERS", default_value_t = 500, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub watchers: u32,

    /// The most seats that somebody wants; never more than the event allows
    #[arg(long, env = "FULLHOUSE_PARTY_MAX", default_value_t = 6, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=50))]
    pub party_max: u32,

    /// Of a hundred people, how many let the server choose their seats
    #[arg(long, env = "FULLHOUSE_BEST_AVAILABLE_PERCENT", default_value_t = 20, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub best_available_percent: u32,

    /// Of a hundred people who hold seats, how many check out
    #[arg(long, env = "FULLHOUSE_CHECKOUT_PERCENT", default_value_t = 70, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub checkout_percent: u32,

    /// Of a hundred people who hold seats, how many release them. The rest walk away without a word, and their holds expire
    #[arg(long, env = "FULLHOUSE_RELEASE_PERCENT", default_value_t = 20, value_name = "PERCENT", value_parser = clap::value_parser!(u32).range(0..=100))]
    pub release_percent: u32,

    /// How many seconds people hold seats before they decide, on average; exponentially distributed
    #[arg(long, env = "FULLHOUSE_DITHER_SECONDS", default_value_t = 10.0, value_name = "SECONDS", value_parser = seconds)]
    pub dither_seconds: f64,

    /// What chance is drawn from: the same number brings the same people at the same moments
    #[arg(long, env = "FULLHOUSE_SEED", default_value_t = 1, value_name = "NUMBER")]
    pub seed: u64,

    /// Prints the report as JSON
    #[arg(long, env = "FULLHOUSE_JSON")]
    pub json: bool,
}

/// Descriptors that are kept for the terminal, the runtime and the one shared stream.
const DESCRIPTORS_RESERVED: u64 = 64;

impl RehearseSettings {
    /// What no single option can see. Shares that are too much are refused here, so that nobody reads figures of a mixture that was not asked for.
    pub fn check(&self) -> anyhow::Result<()> {
        let decided = self.checkout_percent + self.release_percent;
        anyhow::ensure!(
            decided <= 100,
            "--checkout-percent and --release-percent (FULLHOUSE_CHECKOUT_PERCENT, FULLHOUSE_RELEASE_PERCENT) come to {decided}: more than all"
        );
        // A connection that is being opened while another one gets free is kept too.
        let wanted = 2 * u64::from(self.connections) + u64::from(self.watchers) + DESCRIPTORS_RESERVED;
        let allowed = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
        anyhow::ensure!(
            wanted <= allowed,
            "so many --connections and --watchers need {wanted} open files, and the system allows {allowed}: `ulimit -n {wanted}`, or fewer of them"
        );
        Ok(())
    }

    /// What people are like, in a show that sells up to so many seats at a time.
    pub fn habits(&self, seats_max: u32) -> Habits {
        Habits {
            users: self.users,
            watchers: self.watchers.min(self.users),
            party_max: self.party_max.min(seats_max).max(1),
            best_available_share: f64::from(self.best_available_percent) / 100.0,
            checkout_share: f64::from(self.checkout_percent) / 100.0,
            release_share: f64::from(self.release_percent) / 100.0,
            dither: Duration::from_secs_f64(self.dither_seconds),
            seed: self.seed,
        }
    }

    /// How long people arrive.
    pub fn arrival_time(&self) -> Duration {
        Duration::from_secs(self.seconds.into())
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, please")?;
    if (0.0..=86_400.0).contains(&seconds) { Ok(seconds) } else { Err("0 to 86400 seconds, please".into()) }
}

/// The address that paths are appended to.
fn server_url(text: &str) -> Result<String, String> {
    let url: Uri = text.parse().map_err(|_| "this is not a URL such as http://127.0.0.1:8080")?;
    match url.scheme_str() {
        Some("http") => {}
        Some("https") => {
            return Err("a rehearsal speaks no TLS: name the http:// address of a server, or a plain port of the gateway".into());
        }
        _ => return Err("the URL must begin with http://".into()),
    }
    let authority = url.authority().ok_or("the URL names no host")?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err("only the address, please, without a path".into());
    }
    Ok(format!("http://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_and_anything_else_is_refused_with_a_reason() {
        assert_eq!(server_url("http://localhost:8080/").as_deref(), Ok("http://localhost:8080"));
        let refused = [
            ("https://example.org", "speaks no TLS"),
            ("localhost:8080", "http://"),
            ("ftp://example.org", "http://"),
            ("http://example.org/events", "without a path"),
            ("http://", "not a URL"),
        ];
        for (text, reason) in refused {
            assert!(server_url(text).is_err_and(|error| error.contains(reason)), "{text}: {:?}", server_url(text));
        }
        assert!(seconds("-1").is_err() && seconds("NaN").is_err() && seconds("0.5") == Ok(0.5));
    }
}
