//! What is changed in Redis is changed by scripts, each of which checks the position first and then writes all of it.

use std::sync::LazyLock;

use redis::Script;

/// Moves a show's view from one position to another.
///
/// Keys: view, statuses, changed_at, holds. Arguments: the position that the view must have; the one that it comes to; when
/// that fact was recorded; the number of seats that change, then for each its number, its letter and the position as 8
/// bytes; the number of holds that begin, then for each its end and its id; the ids of the holds that end.
/// Answers the position of the view: when it is none of the two, nothing was changed.
pub static ADVANCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local position = tonumber(redis.call('HGET', KEYS[1], 'position') or '-1')
         if redis.call('EXISTS', KEYS[2], KEYS[3]) ~= 2 then return -1 end
         if position ~= tonumber(ARGV[1]) then return position end
         local at = 4
         for _ = 1, tonumber(ARGV[at]) do
           redis.call('SETRANGE', KEYS[2], ARGV[at + 1], ARGV[at + 2])
           redis.call('SETRANGE', KEYS[3], ARGV[at + 1] * 8, ARGV[at + 3])
           at = at + 3
         end
         at = at + 1
         for _ = 1, tonumber(ARGV[at]) do
           redis.call('ZADD', KEYS[4], ARGV[at + 1], ARGV[at + 2])
           at = at + 2
         end
         for ended = at + 1, #ARGV do redis.call('ZREM', KEYS[4], ARGV[ended]) end
         redis.call('HSET', KEYS[1], 'position', ARGV[2], 'recorded_at', ARGV[3])
         return tonumber(ARGV[2])",
    )
});

/// Writes a show's view whole.
///
/// Keys: view, statuses, changed_at, holds, shows. Arguments: the position; when its fact was recorded; the statuses;
/// changed_at; the show; what the ids of its holds begin with; then for each open hold its end and its id. A view that is as
/// new is left alone. Answers the position of the view.
pub static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local position = tonumber(redis.call('HGET', KEYS[1], 'position') or '-1')
         if redis.call('EXISTS', KEYS[2], KEYS[3]) == 2 and position >= tonumber(ARGV[1]) then return position end
         for _, id in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
           if string.sub(id, 1, #ARGV[6]) == ARGV[6] then redis.call('ZREM', KEYS[4], id) end
         end
         for at = 7, #ARGV, 2 do redis.call('ZADD', KEYS[4], ARGV[at], ARGV[at + 1]) end
         redis.call('SADD', KEYS[5], ARGV[5])
         redis.call('SET', KEYS[2], ARGV[3])
         redis.call('SET', KEYS[3], ARGV[4])
         redis.call('HSET', KEYS[1], 'position', ARGV[1], 'recorded_at', ARGV[2])
         return tonumber(ARGV[1])",
    )
});

/// Empties a partition, and sets its cursor. Keys: cursor, holds, shows. Arguments: the cursor; what the keys of views begin
/// with. The keys of views are all in the slot of the three.
pub static CLEAR: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for _, show in ipairs(redis.call('SMEMBERS', KEYS[3])) do
           local view = ARGV[2] .. show
           redis.call('UNLINK', view, view .. ':statuses', view .. ':changed_at')
         end
         redis.call('UNLINK', KEYS[2], KEYS[3])
         redis.call('SET', KEYS[1], ARGV[1])
         return 1",
    )
});

/// Moves a partition's cursor. Key: the cursor. Arguments: what it must be; what it comes to.
/// Answers 1, or 0 when it was something else.
pub static MOVE_CURSOR: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
         redis.call('SET', KEYS[1], ARGV[2])
         return 1",
    )
});

/// Takes holds that are due, and puts each off, so that it is taken again if nothing comes of it. Key: holds. Arguments: now;
/// when to take them again; how many at most. Answers their ids.
pub static TAKE_DUE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
         for _, id in ipairs(due) do redis.call('ZADD', KEYS[1], 'XX', ARGV[2], id) end
         return due",
    )
});
