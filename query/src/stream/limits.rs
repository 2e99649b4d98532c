//! How many streams there may be.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use fullhouse_http::problem::Failure;
use fullhouse_schemas::{Code, Problem};

/// Gauge: open streams.
pub const OPEN: &str = "fullhouse_streams_open";
/// How long a client that found no place is asked to stay away.
const RETRY_AFTER_SECONDS: u32 = 5;

/// How many streams a server has at most. Commands need sockets too, so this stays below what the system allows.
#[derive(Debug, Clone, Copy)]
pub struct StreamLimits {
    /// In all.
    pub total: usize,
    /// From one address.
    pub per_address: usize,
}

#[derive(Debug)]
pub(super) struct Limits {
    limits: StreamLimits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A stream's place. Dropping it makes room for another one.
#[derive(Debug)]
pub(super) struct Place {
    limits: Arc<Limits>,
    address: Option<IpAddr>,
}

impl Limits {
    pub fn new(limits: StreamLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    pub fn enter(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Place, Failure> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.limits.total {
            let detail = format!("This server has {} streams, as many as it may.", open.total);
            return Err(Failure::from(Problem::new(Code::Overloaded, detail)).retry_after(RETRY_AFTER_SECONDS));
        }
        if let Some(address) = address {
            let of_address = open.by_address.entry(address).or_default();
            if *of_address >= self.limits.per_address {
                let detail = format!("Your address has {of_address} streams open, as many as it may.");
                return Err(Failure::from(Problem::new(Code::TooManyRequests, detail)).retry_after(RETRY_AFTER_SECONDS));
            }
            *of_address += 1;
        }
        open.total += 1;
        metrics::gauge!(OPEN).set(open.total as f64);
        Ok(Place { limits: self.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(address) = self.address
            && let Some(of_address) = open.by_address.get_mut(&address)
        {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&address);
            }
        }
        metrics::gauge!(OPEN).set(open.total as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_in_all_and_by_address_and_come_back() {
        let limits = Arc::new(Limits::new(StreamLimits { total: 3, per_address: 2 }));
        let [one, two]: [Option<IpAddr>; 2] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().ok());
        let status = |address| limits.enter(address).map_err(|failure| failure.problem().status);
        let first = status(one).expect("room");
        let _second = status(one).expect("room");
        assert_eq!(status(one).expect_err("two are open"), 429);
        let _third = status(two).expect("room");
        assert_eq!(status(two).expect_err("three are open"), 503);
        drop(first);
        let _again = status(one).expect("room again");
        assert_eq!(limits.open.lock().expect("unpoisoned").by_address.len(), 2);
    }
}
