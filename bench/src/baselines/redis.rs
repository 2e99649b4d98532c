//! Seats in Redis: a key for each seat that is held, which ends with its hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, Script};

use super::{HOLD, Held, Hold};

/// All seats or none; and a record of the reservation, under the last key.
const SCRIPT: &str = "
    local seats = #KEYS - 1
    if redis.call('EXISTS', unpack(KEYS, 1, seats)) > 0 then return 0 end
    for seat = 1, seats do redis.call('SET', KEYS[seat], ARGV[1], 'EX', ARGV[2]) end
    redis.call('HSET', KEYS[seats + 1], 'subject', ARGV[3], 'seats', ARGV[4], 'expires_at', ARGV[5])
    return 1";

/// Reservations, and seats that are held.
pub async fn count(url: &str) -> anyhow::Result<(u64, u64)> {
    let mut connection = Client::open(url)?.get_multiplexed_async_connection_with_config(&patient()).await?;
    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut connection).await?;
    let script = "local count, at = 0, '0'
        repeat
            local page = redis.call('SCAN', at, 'MATCH', 'reservation:*', 'COUNT', 100000)
            at, count = page[1], count + #page[2]
        until at == '0'
        return count";
    let reservations: u64 = Script::new(script).invoke_async(&mut connection).await?;
    Ok((reservations, keys - reservations))
}

/// Connections that many requests share, each on its way while others are.
pub struct Seats {
    connections: Vec<MultiplexedConnection>,
    next: AtomicUsize,
    script: Script,
}

impl Seats {
    pub async fn connect(url: &str, connections: usize) -> anyhow::Result<Self> {
        let client = Client::open(url)?;
        let mut opened = Vec::new();
        for _ in 0..connections {
            opened.push(client.get_multiplexed_async_connection_with_config(&patient()).await?);
        }
        let script = Script::new(SCRIPT);
        script.prepare_invoke().load_async(&mut opened[0]).await?;
        Ok(Self { connections: opened, next: AtomicUsize::new(0), script })
    }

    pub(super) async fn hold(&self, hold: &Hold) -> RedisResult<Held> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let mut connection = self.connections[turn % self.connections.len()].clone();
        let mut call = self.script.prepare_invoke();
        for seat in &hold.seats {
            call.key(format!("seat:{}:{seat}", hold.show));
        }
        call.key(format!("reservation:{}:{}", hold.show, hold.number));
        call.arg(&hold.number).arg(HOLD.as_secs()).arg(&hold.subject).arg(hold.seats.join(" ")).arg(hold.expires_at);
        let is_held: bool = call.invoke_async(&mut connection).await?;
        Ok(if is_held { Held::Yes } else { Held::Taken })
    }
}

/// A sync to disk may take its time.
fn patient() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_response_timeout(None)
}
