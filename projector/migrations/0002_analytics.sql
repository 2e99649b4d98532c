-- Which seats a reservation has, and how far the views are behind. What is there lacks that, so it is made anew from the log: while a projector
-- does so, view_lag says how far it is.

-- In the order in which projectors lock: first how far the views are.
LOCK TABLE view_position IN ACCESS EXCLUSIVE MODE;
TRUNCATE shows, seats, reservations, sales_by_minute;
ALTER TABLE view_position
    ADD COLUMN log_head   bigint NOT NULL DEFAULT 0, -- where the log ended when this was written
    ADD COLUMN updated_at timestamptz;               -- when this was written
UPDATE view_position SET log_position = 0, recorded_at = NULL;

ALTER TABLE reservations ADD COLUMN seat_numbers integer[] NOT NULL; -- which seats, in chart order from 0

-- One row for each seat of each reservation.
CREATE VIEW seat_claims AS
SELECT reservations.event_id, reservations.reservation_id, subject, seats.seat_number, seats.seat, section, "row", number, price, seats.currency,
       reservations.status, held_at, expires_at, ended_at, held_log_position
FROM reservations
CROSS JOIN LATERAL unnest(reservations.seat_numbers) AS claimed (seat_number)
JOIN seats ON seats.event_id = reservations.event_id AND seats.seat_number = claimed.seat_number;

-- How far the views are behind the log: facts that were not in them when they were written, and how long the newest fact took.
CREATE VIEW view_lag AS
SELECT log_position, log_head, log_head - log_position AS facts_behind,
       round(extract(epoch FROM updated_at - recorded_at), 3)::double precision AS seconds_behind
FROM view_position;
