//! Instants as RFC 3339 text in UTC.

use fullhouse_domain::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The beginning of the year 0; RFC 3339 has no years before it.
const YEAR_0_SECONDS: i64 = -62_167_219_200;

/// An instant on the wire: `2027-01-31T19:30:00Z`, with as many digits of a second as are not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub Timestamp);

impl Instant {
    /// Reads RFC 3339 text with any offset; nothing when it is not that, or lies outside the years 0 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        // The library reads more than RFC 3339: a space between date and time, and names of time zones.
        let is_rfc_3339 = text.as_bytes().get(10).is_some_and(|byte| matches!(byte, b'T' | b't')) && !text.contains('[');
        let timestamp: jiff::Timestamp = text.parse().ok().filter(|_| is_rfc_3339)?;
        (timestamp.as_second() >= YEAR_0_SECONDS).then(|| Self(Timestamp::from_micros(timestamp.as_microsecond())))
    }
}

impl Instant {
    /// Appends what is displayed, without the detour over a formatter: every fact is hashed by it.
    pub(crate) fn write(self, bytes: &mut Vec<u8>) {
        const PRINTER: DateTimePrinter = DateTimePrinter::new();
        let printed =
            jiff::Timestamp::from_microsecond(self.0.as_micros()).map(|timestamp| PRINTER.print_timestamp(&timestamp, &mut *bytes));
        if !matches!(printed, Ok(Ok(()))) {
            bytes.extend_from_slice(self.to_string().as_bytes());
        }
    }
}

impl std::fmt::Display for Instant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0.as_micros()) {
            Ok(timestamp) => write!(formatter, "{timestamp}"),
            // Only a database that somebody wrote into by hand holds such a number; showing it beats hiding it.
            Err(_) => write!(formatter, "{}us", self.0.as_micros()),
        }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Instant::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is not an RFC 3339 instant such as 2027-01-31T19:30:00Z")))
    }
}

impl schemars::JsonSchema for Instant {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "format": "date-time" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_any_offset_and_written_in_utc() {
        let cases = [
            ("2027-01-31T19:30:00Z", "2027-01-31T19:30:00Z"),
            ("2027-01-31T20:30:00+01:00", "2027-01-31T19:30:00Z"),
            ("2027-01-31T19:30:00.123456Z", "2027-01-31T19:30:00.123456Z"),
            ("2027-01-31T19:30:00.5Z", "2027-01-31T19:30:00.5Z"),
        ];
        for (text, written) in cases {
            let instant = Instant::parse(text).expect("it is one");
            let mut bytes = Vec::new();
            instant.write(&mut bytes);
            assert_eq!((instant.to_string().as_str(), bytes.as_slice()), (written, written.as_bytes()));
        }
        for text in [
            "",
            "2027-01-31",
            "2027-02-30T00:00:00Z",
            "tomorrow",
            "2027-01-31T19:30:00",
            "2027-01-31 19:30:00Z",
            "2027-01-31T20:30:00+01:00[Europe/Paris]",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }
}
