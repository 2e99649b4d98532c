-- Holds that were refused because somebody else had the seats. This is not in the log, and can't be built anew from it.

CREATE TABLE refused_by_minute (
    event_id text        NOT NULL COLLATE "C",
    minute   timestamptz NOT NULL, -- its beginning
    seat     text        NOT NULL COLLATE "C", -- the label of the seat that was in the way; empty, when no seats were side by side
    reason   text        NOT NULL, -- what it was: pending or reserved; or no-adjacent-seats
    refusals bigint      NOT NULL, -- how many holds were refused because of it in this minute
    PRIMARY KEY (event_id, seat, reason, minute)
);

-- What was written, so that nothing is counted twice when the answer to a write is lost. One row a second for each server; old ones may be
-- deleted at any time.
CREATE TABLE pages (
    id         bytea       PRIMARY KEY,
    written_at timestamptz NOT NULL DEFAULT now()
);

-- Single refusals, as many as are kept: at most 1,000 rows a second for each server.
CREATE TABLE refusals (
    event_id   text        NOT NULL COLLATE "C",
    refused_at timestamptz NOT NULL,
    position   bigint      NOT NULL, -- of the show, when it was refused
    subject    text        NOT NULL, -- whose hold it was
    seats      integer     NOT NULL, -- how many seats that hold wanted
    seat       text        NOT NULL COLLATE "C", -- as above
    reason     text        NOT NULL -- as above
);
CREATE INDEX refusals_of_seats ON refusals (event_id, seat, refused_at);
