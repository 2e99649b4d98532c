//! What there is to know before the first buyer comes: which event, and what its hall looks like.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use fullhouse_schemas::http::{ChartBody, ShowWithCountsBody, ShowsBody};
use serde::de::DeserializeOwned;

use super::client::{Client, Request};
use super::lag::clock;
use crate::cli::event_id;
use crate::rehearse::settings::RehearseSettings;

/// How long the server may take to answer before anything has begun.
const PATIENCE: Duration = Duration::from_secs(10);

/// An event, and why it was chosen.
pub struct Chosen {
    pub show: ShowWithCountsBody,
    pub why: &'static str,
    pub chart: ChartBody,
}

/// Finds the event, and reads its chart.
pub async fn choose_event(client: &Client, settings: &RehearseSettings) -> anyhow::Result<Chosen> {
    let (show, why) = match &settings.event {
        Some(event) => (read(client, &format!("/events/{event}")).await?, "the one that was named"),
        None => first_on_sale(client).await?,
    };
    // What a server says goes into paths.
    event_id(&show.show.event_id).map_err(|error| anyhow::anyhow!("the server lists {:?}: {error}", show.show.event_id))?;
    let lasts = settings.arrival_time() + Duration::from_secs(settings.patience_seconds.into());
    let opens_in = show.show.on_sale_at.map_or(0, |instant| instant.0.as_micros() - clock());
    if opens_in > lasts.as_micros() as i64 {
        bail!("the sale of {} opens only after the rehearsal: name another --event (FULLHOUSE_EVENT)", show.show.event_id);
    }
    let chart = read(client, &format!("/events/{}/chart", show.show.event_id)).await?;
    Ok(Chosen { show, why, chart })
}

/// The first event listed that is on sale and has free seats, or else the one whose sale opens next.
async fn first_on_sale(client: &Client) -> anyhow::Result<(ShowWithCountsBody, &'static str)> {
    let mut next_to_open: Option<ShowWithCountsBody> = None;
    let mut after = String::new();
    loop {
        let page: ShowsBody = read(client, &format!("/events?limit=200{after}")).await?;
        for show in page.events {
            let opens_at = show.show.on_sale_at.map_or(0, |instant| instant.0.as_micros());
            if show.show.starts_at.0.as_micros() <= clock() || show.counts.available == 0 {
                continue;
            }
            if opens_at <= clock() {
                return Ok((show, "the first event listed that is on sale"));
            }
            if next_to_open.as_ref().is_none_or(|next| show.show.on_sale_at < next.show.on_sale_at) {
                next_to_open = Some(show);
            }
        }
        match page.next {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let next = next_to_open.context("no event has seats to sell: schedule one, or start the server with --demo")?;
    Ok((next, "the event whose sale opens next"))
}

async fn read<T: DeserializeOwned>(client: &Client, path: &str) -> anyhow::Result<T> {
    let until = Instant::now() + PATIENCE;
    let request = Request { path, ..Request::default() };
    loop {
        match client.send(&request).await {
            Ok(answer) if answer.is_success() => {
                return serde_json::from_slice(&answer.body).with_context(|| format!("GET {path} is not what the contract says"));
            }
            Ok(answer) if answer.is_put_off() && Instant::now() + answer.retry_after < until => {
                tokio::time::sleep(answer.retry_after).await
            }
            Ok(answer) => {
                bail!("GET {path} was answered with {} {} (--url, --event): {}", answer.status, answer.code(), answer.problem().detail)
            }
            Err(trouble) => bail!("the server can't be reached (--url, FULLHOUSE_URL): {}", trouble.as_str()),
        }
    }
}
