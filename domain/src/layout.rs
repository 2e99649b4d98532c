//! Where seats stand: rows on arcs around the stage.
//!
//! Coordinates are whole centimetres, so that they are the same on every machine and can be compared exactly. The
//! origin is the middle of the stage's front edge; x grows to the right, y away from the stage. Once a show is
//! scheduled its picture must stay, so this function must not change for plans that it has laid out before.

use crate::chart::Stage;
use crate::plan::Section;

/// The place of one seat, in centimetres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub x: i32,
    pub y: i32,
}

/// From the middle of a seat to the middle of its neighbour.
const SEAT_PITCH_CM: f64 = 55.0;
/// From a row to the one behind it.
const ROW_PITCH_CM: f64 = 95.0;
/// Between the sections of one ring.
const AISLE_CM: f64 = 140.0;
/// Between one ring and the ring behind it.
const GANGWAY_CM: f64 = 200.0;
/// Between the stage and the first row.
const FORESTAGE_CM: f64 = 300.0;
/// From the stage's front edge to its back.
const STAGE_DEPTH_CM: i32 = 400;
/// The widest angle that the seats around the stage may span; a ring that is wider stands further back.
const SPAN_RADIANS_MAX: f64 = 2.0;

struct Ring<'a> {
    sections: Vec<(usize, &'a Section)>,
    width: f64,
    rows: usize,
}

/// Where one row stands, in half centimetres so that the middle between two seats is a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowPlace {
    /// From the hall's first row, away from the stage.
    pub depth: i64,
    /// Of the row's first seat, along the arc, from the middle of the hall.
    pub left_in_hall: i64,
    /// The same from the middle of its section.
    pub left_in_section: i64,
}

/// From a seat to its neighbour in the units of [`RowPlace`].
pub(crate) const SEAT_PITCH: i64 = 2 * SEAT_PITCH_CM as i64;

/// Everything about where the seats of a show stand, in chart order.
pub(crate) struct Layout {
    pub places: Vec<Place>,
    pub rows: Vec<RowPlace>,
    pub stage: Stage,
}

/// Lays out the sections on rings around the stage.
pub(crate) fn lay_out(sections: &[Section]) -> Layout {
    let rings = rings(sections);
    let widest = rings.iter().map(|ring| ring.width).fold(0.0, f64::max);
    let first_width = rings.first().map_or(0.0, |ring| ring.width);
    // The first row's radius. A wide hall bends less, so that it stays in front of its stage.
    let radius = (first_width / SPAN_RADIANS_MAX).max(widest / 2.4).max(900.0);
    let mut places: Vec<Vec<Place>> = vec![Vec::new(); sections.len()];
    let mut rows: Vec<Vec<RowPlace>> = vec![Vec::new(); sections.len()];
    let mut ring_radius = radius;
    for ring in &rings {
        for (at, section, centre_angle) in ring.sections_and_angles(ring_radius) {
            for (row_at, row) in section.rows.iter().enumerate() {
                let row_radius = ring_radius + row_at as f64 * ROW_PITCH_CM;
                rows[at].push(row_place(row.seats, row_radius, centre_angle, radius));
                places[at].extend(seat_places(row.seats, row_radius, centre_angle, radius));
            }
        }
        ring_radius += ring.rows as f64 * ROW_PITCH_CM + GANGWAY_CM;
    }
    let stage = stage(first_width, radius);
    Layout { places: places.concat(), rows: rows.concat(), stage }
}

/// As wide as most of the first ring, but no wider than the space between the arms of its arc.
fn stage(first_width: f64, radius: f64) -> Stage {
    let angle_beside_the_stage = (1.0 - FORESTAGE_CM / radius).acos();
    let between_the_arms = 2.0 * (radius * angle_beside_the_stage.sin() - AISLE_CM);
    let width = (first_width * 0.7).min(between_the_arms).clamp(600.0, 3_000.0) as i32;
    Stage { x: -width / 2, y: -STAGE_DEPTH_CM, width, height: STAGE_DEPTH_CM }
}

fn rings(sections: &[Section]) -> Vec<Ring<'_>> {
    let mut rings: Vec<Ring<'_>> = Vec::new();
    let mut ring_names: Vec<Option<u32>> = Vec::new();
    for (at, section) in sections.iter().enumerate() {
        let shared = section.ring.and_then(|name| ring_names.iter().position(|&other| other == Some(name)));
        let ring = match shared {
            Some(ring) => &mut rings[ring],
            None => {
                ring_names.push(section.ring);
                rings.push(Ring { sections: Vec::new(), width: 0.0, rows: 0 });
                rings.last_mut().expect("one was pushed")
            }
        };
        ring.width += section_width(section) + if ring.sections.is_empty() { 0.0 } else { AISLE_CM };
        ring.rows = ring.rows.max(section.rows.len());
        ring.sections.push((at, section));
    }
    rings
}

/// The width of a section's widest row.
fn section_width(section: &Section) -> f64 {
    let seats = section.rows.iter().map(|row| row.seats).max().unwrap_or(0);
    f64::from(seats) * SEAT_PITCH_CM
}

impl<'a> Ring<'a> {
    /// Sections keep their angle from row to row, as wedges do. It is measured at the ring's first row, where the arc is
    /// shortest, so that neighbours never overlap.
    fn sections_and_angles(&self, ring_radius: f64) -> Vec<(usize, &'a Section, f64)> {
        let mut left = -self.width / 2.0;
        let mut placed = Vec::new();
        for &(at, section) in &self.sections {
            let width = section_width(section);
            placed.push((at, section, (left + width / 2.0) / ring_radius));
            left += width + AISLE_CM;
        }
        placed
    }
}

fn row_place(seats: u32, row_radius: f64, centre_angle: f64, first_radius: f64) -> RowPlace {
    let left_in_section = -(i64::from(seats) - 1) * SEAT_PITCH / 2;
    RowPlace {
        depth: (2.0 * (row_radius - first_radius)).round() as i64,
        left_in_hall: (2.0 * row_radius * centre_angle).round() as i64 + left_in_section,
        left_in_section,
    }
}

fn seat_places(seats: u32, row_radius: f64, centre_angle: f64, first_radius: f64) -> impl Iterator<Item = Place> {
    (0..seats).map(move |seat| {
        let offset = (f64::from(seat) - f64::from(seats - 1) / 2.0) * SEAT_PITCH_CM;
        let angle = centre_angle + offset / row_radius;
        Place { x: (row_radius * angle.sin()).round() as i32, y: (row_radius * angle.cos() - first_radius + FORESTAGE_CM).round() as i32 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Currency, Money, Row};

    fn section(name: &str, ring: Option<u32>, rows: &[u32]) -> Section {
        let price = Money { amount: 1, currency: Currency::parse("EUR").expect("a code") };
        let rows = rows.iter().enumerate().map(|(at, &seats)| Row { name: at.to_string(), seats }).collect();
        Section { name: name.into(), ring, price, rows }
    }

    /// No two seats stand closer than a seat is wide.
    fn nearest_cm(places: &[Place]) -> f64 {
        let distance = |a: &Place, b: &Place| f64::from((a.x - b.x).pow(2) + (a.y - b.y).pow(2)).sqrt();
        let mut nearest = f64::INFINITY;
        for (at, place) in places.iter().enumerate() {
            for other in &places[at + 1..] {
                nearest = nearest.min(distance(place, other));
            }
        }
        nearest
    }

    #[test]
    fn seats_of_rings_with_several_sections_do_not_overlap() {
        let rows = [20; 10];
        let hall = [
            section("left", Some(1), &rows),
            section("centre", Some(1), &rows),
            section("right", Some(1), &rows),
            section("back", None, &[70; 4]),
        ];
        let nearest = nearest_cm(&lay_out(&hall).places);
        assert!(nearest >= SEAT_PITCH_CM - 2.0, "two seats are {nearest} cm apart");
    }

    #[test]
    fn no_seat_stands_on_the_stage() {
        let wide = [10, 12, 14, 16, 18];
        let hall = [
            section("left", Some(1), &wide),
            section("centre", Some(1), &[20, 24, 28]),
            section("right", Some(1), &wide),
            section("back", None, &[90; 3]),
        ];
        let Layout { places, stage, .. } = lay_out(&hall);
        for Place { x, y } in places {
            let is_beside = x.abs() > stage.width / 2;
            assert!(is_beside || y > 0, "a seat at {x}, {y} stands on a stage {} wide", stage.width);
        }
    }

    #[test]
    fn a_single_section_is_symmetric_and_its_middle_faces_the_stage() {
        let layout = lay_out(&[section("only", None, &[4, 5])]);
        let xs: Vec<i32> = layout.places.iter().map(|place| place.x).collect();
        assert_eq!(xs[0], -xs[3]);
        assert_eq!((xs[4], xs[6]), (-xs[8], 0));
        assert_eq!(layout.rows[1].left_in_hall, layout.rows[1].left_in_section);
    }
}
