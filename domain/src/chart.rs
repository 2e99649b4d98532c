//! The seats of a show: their order, labels, prices and places.

use std::collections::HashMap;

use crate::layout::{self, Layout, Place, RowPlace};
use crate::plan::{Money, Plan, Section};

/// A seat's place in chart order, from 0.
pub type SeatIndex = u32;

/// All seats of a show. It is computed from the plan and never changes.
#[derive(Debug)]
pub struct Chart {
    sections: Vec<Section>,
    rows: Vec<ChartRow>,
    row_of_seat: Vec<u32>,
    places: Vec<Place>,
    row_places: Vec<RowPlace>,
    stage: Stage,
    /// Keyed by `<section>-<row>`: a hundred thousand labels would cost megabytes, some thousand rows do not.
    row_by_name: HashMap<String, u32>,
}

/// One row of the chart.
#[derive(Debug, Clone, Copy)]
pub struct ChartRow {
    /// Index into [`Chart::sections`].
    pub section: u32,
    /// Index into the section's rows.
    pub row: u32,
    /// Its leftmost seat.
    pub first: SeatIndex,
    /// How many seats it has.
    pub seats: u32,
}

/// Where the stage is drawn, in centimetres, in the coordinates of the seats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Left edge.
    pub x: i32,
    /// Upper edge, the far side from the hall.
    pub y: i32,
    /// To the right.
    pub width: i32,
    /// Towards the hall.
    pub height: i32,
}

impl Chart {
    /// The chart of a plan without faults.
    pub fn new(plan: &Plan) -> Self {
        let sections = plan.sections.clone();
        let mut rows = Vec::new();
        let mut row_of_seat = Vec::new();
        let mut row_by_name = HashMap::new();
        for (section_at, section) in (0..).zip(&sections) {
            for (row_at, row) in (0..).zip(&section.rows) {
                let number = rows.len() as u32;
                row_by_name.insert(format!("{}-{}", section.name, row.name), number);
                rows.push(ChartRow { section: section_at, row: row_at, first: row_of_seat.len() as u32, seats: row.seats });
                row_of_seat.extend(std::iter::repeat_n(number, row.seats as usize));
            }
        }
        let Layout { places, rows: row_places, stage } = layout::lay_out(&sections);
        Self { sections, rows, row_of_seat, places, row_places, stage, row_by_name }
    }

    /// How many seats the show has.
    pub fn seats(&self) -> u32 {
        self.row_of_seat.len() as u32
    }

    /// The sections, as planned.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The rows of all sections, in chart order.
    pub fn rows(&self) -> &[ChartRow] {
        &self.rows
    }

    /// Where each row stands.
    pub(crate) fn row_places(&self) -> &[RowPlace] {
        &self.row_places
    }

    /// Where the stage is drawn.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// The row that a seat stands in.
    pub fn row_of(&self, seat: SeatIndex) -> u32 {
        self.row_of_seat[seat as usize]
    }

    /// The place of a seat, in centimetres: x to the right, y away from the stage.
    pub fn place(&self, seat: SeatIndex) -> (i32, i32) {
        let Place { x, y } = self.places[seat as usize];
        (x, y)
    }

    /// The section that a seat belongs to.
    pub fn section_of(&self, seat: SeatIndex) -> &Section {
        &self.sections[self.rows[self.row_of(seat) as usize].section as usize]
    }

    /// What a seat costs.
    pub fn price(&self, seat: SeatIndex) -> Money {
        self.section_of(seat).price
    }

    /// What some seats cost together.
    pub fn total(&self, seats: &[SeatIndex]) -> Money {
        let amount = seats.iter().map(|&seat| self.price(seat).amount).sum();
        Money { amount, currency: self.sections[0].price.currency }
    }

    /// The name of a seat's row, and its number in it.
    pub fn row_and_number(&self, seat: SeatIndex) -> (&str, u32) {
        let row = self.rows[self.row_of(seat) as usize];
        let name = &self.sections[row.section as usize].rows[row.row as usize].name;
        (name, seat - row.first + 1)
    }

    /// The seat's label: `<section>-<row>-<number>`.
    pub fn label(&self, seat: SeatIndex) -> String {
        let (row, number) = self.row_and_number(seat);
        format!("{}-{row}-{number}", self.section_of(seat).name)
    }

    /// Whether this is the label of a seat, which need not be one of the show's.
    pub fn is_labelled(&self, seat: SeatIndex, label: &str) -> bool {
        if seat >= self.seats() {
            return false;
        }
        let (row, number) = self.row_and_number(seat);
        let digits = label.strip_prefix(self.section_of(seat).name.as_str()).and_then(|rest| rest.strip_prefix('-'));
        let digits = digits.and_then(|rest| rest.strip_prefix(row)).and_then(|rest| rest.strip_prefix('-'));
        digits.is_some_and(|digits| !digits.starts_with(['0', '+']) && digits.parse() == Ok(number))
    }

    /// The seat that has this label.
    pub fn seat(&self, label: &str) -> Option<SeatIndex> {
        let (row_name, number) = label.rsplit_once('-')?;
        let row = self.rows[*self.row_by_name.get(row_name)? as usize];
        // `+1` and `01` parse as numbers too, but are not what the label says.
        if !number.bytes().all(|byte| byte.is_ascii_digit()) || number.starts_with('0') {
            return None;
        }
        let number: u32 = number.parse().ok()?;
        (1..=row.seats).contains(&number).then(|| row.first + number - 1)
    }

    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<u32> {
        self.sections.iter().position(|section| section.name == name).map(|at| at as u32)
    }
}
