//! The file of the line.

use fullhouse_eventstore::sqlite::beside::FileBeside;
use fullhouse_eventstore::sqlite::format::Format;

/// What it is, and what is in it.
pub(crate) const FILE: FileBeside = FileBeside {
    name: "line.sqlite",
    kind: "a line",
    // `LINE` in ASCII.
    format: Format { application_id: 0x4c49_4e45, version: 1 },
    tables: "
    -- A row keeps its number for good, so that no number is given twice; only its subject goes away.
    CREATE TABLE places (
        show_id TEXT    NOT NULL,
        number  INTEGER NOT NULL CHECK (number > 0),
        subject TEXT, -- whose place it is; null, when it was given up
        PRIMARY KEY (show_id, number)
    ) STRICT, WITHOUT ROWID;
    -- One place for each person. A second one would be a defect, and is refused.
    CREATE UNIQUE INDEX places_of_people ON places (show_id, subject) WHERE subject IS NOT NULL;
    ",
};
