-- Views for people who query with SQL. All of it is computed from the log and can be built anew from it.

-- How far the views have come: they are the fold of the log up to this position.
CREATE TABLE view_position (
    log_position bigint NOT NULL,
    recorded_at  timestamptz     -- of the last fact; null while the log is empty
);
INSERT INTO view_position VALUES (0, NULL);

CREATE TABLE shows (
    event_id     text        PRIMARY KEY COLLATE "C",
    title        text        NOT NULL,
    starts_at    timestamptz NOT NULL,
    on_sale_at   timestamptz,
    hold_seconds integer     NOT NULL,
    seats        integer     NOT NULL,
    currency     text        NOT NULL, -- ISO 4217
    scheduled_at timestamptz NOT NULL,
    position     bigint      NOT NULL  -- of the show's last fact
);

CREATE TABLE seats (
    event_id       text        NOT NULL COLLATE "C",
    seat_number    integer     NOT NULL, -- in chart order, from 0
    seat           text        NOT NULL, -- the label
    section        text        NOT NULL,
    "row"          text        NOT NULL,
    number         integer     NOT NULL, -- in the row, from 1
    price          bigint      NOT NULL, -- minor units
    currency       text        NOT NULL,
    status         text        NOT NULL, -- available, pending or reserved
    reservation_id text,                 -- whose it is, unless it is available
    position       bigint      NOT NULL, -- of the show's fact that gave it this status
    changed_at     timestamptz NOT NULL,
    PRIMARY KEY (event_id, seat_number)
) WITH (fillfactor = 80);

CREATE TABLE reservations (
    held_log_position bigint      PRIMARY KEY, -- of the fact that held the seats
    reservation_id    text        NOT NULL,
    event_id          text        NOT NULL COLLATE "C",
    subject           text        NOT NULL,
    status            text        NOT NULL, -- pending, reserved, released or expired
    seats             integer     NOT NULL, -- how many
    total             bigint      NOT NULL, -- minor units
    currency          text        NOT NULL,
    held_at           timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    ended_at          timestamptz,          -- when it was reserved, released or expired
    payment_reference text,
    position          bigint      NOT NULL  -- of the show's fact that gave it this status
) WITH (fillfactor = 80);
CREATE INDEX reservations_by_event ON reservations (event_id);
CREATE INDEX reservations_that_are_pending ON reservations (held_log_position) WHERE status = 'pending';

CREATE TABLE sales_by_minute (
    event_id     text        NOT NULL COLLATE "C",
    minute       timestamptz NOT NULL, -- its beginning
    reservations bigint      NOT NULL, -- checked out in this minute
    seats        bigint      NOT NULL,
    amount       bigint      NOT NULL, -- minor units
    currency     text        NOT NULL,
    position     bigint      NOT NULL, -- of the show's last fact that is counted here
    PRIMARY KEY (event_id, minute)
);

-- What is sold, by section and price.
CREATE VIEW sales_by_section AS
SELECT event_id, section, price, currency,
       count(*) AS seats,
       count(*) FILTER (WHERE status = 'reserved') AS seats_reserved,
       count(*) FILTER (WHERE status = 'pending') AS seats_pending,
       coalesce(sum(price) FILTER (WHERE status = 'reserved'), 0)::bigint AS amount,
       max(position) AS position
FROM seats GROUP BY event_id, section, price, currency;

-- From hold to sale: what became of the reservations of each show.
CREATE VIEW hold_to_sale AS
SELECT event_id,
       count(*) AS held,
       count(*) FILTER (WHERE status = 'pending') AS pending,
       count(*) FILTER (WHERE status = 'reserved') AS reserved,
       count(*) FILTER (WHERE status = 'released') AS released,
       count(*) FILTER (WHERE status = 'expired') AS expired,
       (extract(epoch FROM avg(ended_at - held_at) FILTER (WHERE status = 'reserved')))::double precision AS seconds_to_sale,
       max(position) AS position
FROM reservations GROUP BY event_id;
