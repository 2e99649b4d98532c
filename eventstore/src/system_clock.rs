//! The system's clock.

use std::time::SystemTime;

/// Microseconds since 1970; before that, none.
pub(crate) fn system_micros() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}
