//! The hall, and the one picture of it that all buyers look at, as the page of each would show it.

use std::collections::HashMap;
use std::ops::Range;

use fullhouse_schemas::http::ChartBody;
use serde::Deserialize;

/// A seat by its place in the chart.
pub type Seat = u32;

/// The letter of a seat that anybody may hold.
pub const FREE: u8 = b'a';
/// The letter of a seat that somebody has bought.
pub const SOLD: u8 = b'r';

/// What never changes.
#[derive(Debug)]
pub struct Hall {
    labels: Vec<Box<str>>,
    seats: HashMap<Box<str>, Seat>,
    /// From the stage outwards.
    rows: Vec<Range<Seat>>,
    row_of: Vec<u32>,
}

impl Hall {
    /// The hall of a chart, whose rows stand in it one after another.
    pub fn new(chart: &ChartBody) -> Self {
        let labels: Vec<Box<str>> = chart.seats.iter().map(|seat| seat.seat.as_str().into()).collect();
        let seats = labels.iter().cloned().zip(0..).collect();
        let mut placed: Vec<(i64, i64, Range<Seat>)> = Vec::new();
        let mut first = 0;
        for row in chart.seats.chunk_by(|left, right| (&left.section, &left.row) == (&right.section, &right.row)) {
            let count = row.len() as i64;
            let depth = row.iter().map(|seat| i64::from(seat.y)).sum::<i64>() / count;
            let aside = row.iter().map(|seat| i64::from(seat.x)).sum::<i64>() / count;
            placed.push((depth, aside.abs(), first..first + row.len() as Seat));
            first += row.len() as Seat;
        }
        placed.sort_by_key(|(depth, aside, row)| (*depth, *aside, row.start));
        let rows: Vec<Range<Seat>> = placed.into_iter().map(|(_, _, row)| row).collect();
        let mut row_of = vec![0; labels.len()];
        for (row, number) in rows.iter().zip(0..) {
            row_of[row.start as usize..row.end as usize].fill(number);
        }
        Self { labels, seats, rows, row_of }
    }

    pub fn rows(&self) -> &[Range<Seat>] {
        &self.rows
    }

    pub fn seats(&self) -> usize {
        self.labels.len()
    }

    pub fn label(&self, seat: Seat) -> &str {
        &self.labels[seat as usize]
    }

    pub fn seat(&self, label: &str) -> Option<Seat> {
        self.seats.get(label).copied()
    }
}

/// What the stream has shown so far.
#[derive(Debug, Default)]
pub struct Picture {
    /// One letter a seat, as on the wire.
    statuses: Vec<u8>,
    /// How many are free, by row.
    free: Vec<u32>,
    position: u64,
}

/// `event: seats`
#[derive(Debug, Deserialize)]
struct WholeMap {
    position: u64,
    statuses: String,
}

/// `event: change`
#[derive(Debug, Deserialize)]
struct Change {
    position: u64,
    seats: HashMap<String, String>,
}

impl Picture {
    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn statuses(&self) -> &[u8] {
        &self.statuses
    }

    pub fn is_free(&self, seat: Seat) -> bool {
        self.statuses.get(seat as usize) == Some(&FREE)
    }

    /// How many seats of a row are free.
    pub fn free_in(&self, row: usize) -> u32 {
        self.free.get(row).copied().unwrap_or(0)
    }

    /// Takes a message of the stream in; what is no map is left alone. The error says what can't be understood.
    pub fn take_in(&mut self, hall: &Hall, event: &str, data: &str) -> Result<(), String> {
        match event {
            "seats" => {
                let map: WholeMap = serde_json::from_str(data).map_err(|error| format!("`event: seats` is {error}"))?;
                if map.statuses.len() != hall.seats() {
                    return Err(format!("the map has {} seats, the chart {}", map.statuses.len(), hall.seats()));
                }
                (self.statuses, self.position) = (map.statuses.into_bytes(), map.position);
                self.free = hall.rows.iter().map(|row| row.clone().filter(|&seat| self.is_free(seat)).count() as u32).collect();
                Ok(())
            }
            "change" => {
                let change: Change = serde_json::from_str(data).map_err(|error| format!("`event: change` is {error}"))?;
                for (label, status) in &change.seats {
                    let seat = hall.seat(label).ok_or_else(|| format!("the chart has no {label}"))?;
                    self.set(hall, seat, status.bytes().next().unwrap_or_default());
                }
                self.position = change.position;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn set(&mut self, hall: &Hall, seat: Seat, status: u8) {
        let (Some(kept), Some(free)) = (self.statuses.get_mut(seat as usize), self.free.get_mut(hall.row_of[seat as usize] as usize))
        else {
            return;
        };
        match (*kept == FREE, status == FREE) {
            (true, false) => *free -= 1,
            (false, true) => *free += 1,
            _ => {}
        }
        *kept = status;
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use fullhouse_schemas::http::{ChartSeatBody, MoneyBody, StageBody};

    /// A hall of one section: rows of so many seats, the first one nearest to the stage.
    pub fn hall(rows: &[u32]) -> Hall {
        let seat = |row: usize, number: u32| ChartSeatBody {
            seat: format!("S-{row}-{number}"),
            section: "S".into(),
            row: row.to_string(),
            number,
            price: MoneyBody { amount: 1, currency: "EUR".into() },
            x: number as i32 * 50,
            y: row as i32 * 100,
        };
        let seats = rows.iter().enumerate().flat_map(|(row, &seats)| (1..=seats).map(move |number| seat(row, number))).collect();
        let stage = StageBody { x: 0, y: 0, width: 1, height: 1 };
        Hall::new(&ChartBody { event_id: "local-a".into(), unit: "cm".into(), stage, seats })
    }

    /// A picture of this map.
    pub fn picture(hall: &Hall, statuses: &str) -> Picture {
        let mut picture = Picture::default();
        picture.take_in(hall, "seats", &format!(r#"{{"position":1,"statuses":"{statuses}"}}"#)).expect("a map");
        picture
    }

    #[test]
    fn changes_come_to_the_same_picture_as_a_whole_map() {
        let hall = hall(&[3, 2]);
        let mut changed = picture(&hall, "aaaap");
        changed
            .take_in(&hall, "change", r#"{"position":4,"counts":{},"seats":{"S-0-2":"pending","S-1-1":"reserved","S-1-2":"available"}}"#)
            .expect("a change");
        assert_eq!((changed.statuses(), changed.position()), (&b"apara"[..], 4));
        let whole = picture(&hall, "apara");
        assert_eq!([changed.free_in(0), changed.free_in(1)], [whole.free_in(0), whole.free_in(1)]);
        assert!(changed.take_in(&hall, "change", r#"{"position":5,"seats":{"T-1":"pending"}}"#).is_err_and(|error| error.contains("T-1")));
        assert!(changed.take_in(&hall, "seats", r#"{"position":5,"statuses":"a"}"#).is_err());
        assert!(changed.take_in(&hall, "queue", "{}").is_ok(), "other messages are others' business");
    }
}
