//! What is seen while it runs.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::board::{Ending, Glance};
use super::stage::Stage;

/// How often the line on a terminal changes.
const LOOKS_EVERY: Duration = Duration::from_millis(500);
/// How often a line is written when nobody watches a terminal.
const TELLS_EVERY: Duration = Duration::from_secs(5);

/// Tells on stderr how it goes, until it is dropped.
pub async fn tell(stage: &Stage) {
    let style = ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new_spinner().with_style(style).with_finish(indicatif::ProgressFinish::AndClear);
    let every = if bar.is_hidden() { TELLS_EVERY } else { LOOKS_EVERY };
    let mut looked_at = Instant::now();
    loop {
        tokio::time::sleep(every).await;
        let text = line(stage, &stage.board.look(), looked_at.elapsed());
        looked_at = Instant::now();
        if bar.is_hidden() {
            eprintln!("{text}");
        } else {
            bar.set_message(text);
            bar.tick();
        }
    }
}

fn line(stage: &Stage, seen: &Glance, since: Duration) -> String {
    let board = &stage.board;
    let of = |ending: Ending| seen.endings[ending as usize];
    let now = |counter: &std::sync::atomic::AtomicU64| HumanCount(counter.load(Ordering::Relaxed)).to_string();
    let without = Ending::ALL.iter().filter(|ending| **ending != Ending::Bought).map(|ending| of(*ending)).sum();
    let mut text =
        format!("{:4} s  {} of {} arrived", board.began.elapsed().as_secs(), now(&board.arrived), HumanCount(stage.habits.users.into()));
    let parts = [
        (now(&board.in_line), "waiting"),
        (now(&board.holding), "holding"),
        (HumanCount(of(Ending::Bought)).to_string(), "bought"),
        (HumanCount(without).to_string(), "left without"),
        (HumanCount(seen.refused).to_string(), "refused"),
        (HumanCount(seen.errors).to_string(), "errors"),
        (format!("{:.0}", seen.recently_served as f64 / since.as_secs_f64()), "answers/s"),
    ];
    for (number, name) in parts {
        let _ = write!(text, "  {number} {name}");
    }
    let _ = write!(text, "  p99 {:.1} ms", seen.recent_p99.as_secs_f64() * 1_000.0);
    text
}
