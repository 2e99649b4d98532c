//! Which file is ours: the marks in its header (<https://sqlite.org/fileformat.html>, offsets 60 and 68).

use rusqlite::Connection;

/// The marks of a kind of file.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Tells our files from those of other programs: four letters in ASCII.
    pub application_id: i64,
    /// The format that this release writes. Raise it with every change to the tables.
    pub version: i64,
}

/// Why a file can't be used.
#[derive(Debug)]
pub enum OtherFormat {
    /// It could not be read.
    Unreadable(rusqlite::Error),
    /// It is something else, namely this.
    Foreign(String),
    /// It belongs to a later release.
    Newer {
        /// The format found there.
        found: i64,
    },
}

impl Format {
    /// SQL that makes the tables of an empty file, and marks it.
    pub fn creation(&self, tables: &str) -> String {
        format!("{tables} PRAGMA application_id = {}; PRAGMA user_version = {};", self.application_id, self.version)
    }

    /// Checks that a file is of this format.
    pub fn check(&self, connection: &Connection) -> Result<(), OtherFormat> {
        let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(OtherFormat::Unreadable);
        let application_id = pragma("application_id")?;
        if application_id != self.application_id {
            return Err(OtherFormat::Foreign(format!("it is a database of another program (id {application_id:#x})")));
        }
        match pragma("user_version")? {
            found if found == self.version => Ok(()),
            found if found > self.version => Err(OtherFormat::Newer { found }),
            found => Err(OtherFormat::Foreign(format!("its format is {found}, which no release has written"))),
        }
    }
}
