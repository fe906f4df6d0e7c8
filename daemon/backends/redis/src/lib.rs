//! Wake-ups between daemons through Redis: faster than through PostgreSQL, and only hints. A
//! failing Redis costs only time: wake-ups then go another way, and every daemon also polls
//! regularly.
#![warn(missing_docs)]

mod address;
mod breaker;

use std::{
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::StreamExt;
use redis::{AsyncCommands, Client, aio::MultiplexedConnection};
use tokio::time::Instant;
use vine_domain::ports::{Wakeup, WakeupBus};

pub use self::address::{Address, RedisConnectError};
use self::breaker::Breaker;

/// No command takes this long on a healthy Redis.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a silent subscription is pinged.
const PING: Duration = Duration::from_secs(5);
/// The pause before subscribing again.
const AGAIN: Duration = Duration::from_secs(1);

/// Wake-ups through Redis, and another way while it does not answer.
pub struct Redis {
    address: Address,
    /// Shared by the daemons of one database.
    channel: String,
    /// Identifies our own wake-ups.
    me: String,
    other_way: Arc<dyn WakeupBus>,
    breaker: Mutex<Breaker>,
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
}

impl Redis {
    /// `place` names the database that the daemons share, `me` this daemon.
    pub fn new(address: Address, place: &str, me: &str, other_way: Arc<dyn WakeupBus>) -> Self {
        let channel = format!("vine:{place}");
        Self {
            address,
            channel,
            me: me.to_owned(),
            other_way,
            breaker: Mutex::default(),
            connection: tokio::sync::Mutex::default(),
        }
    }

    /// Checks whether Redis can be reached, and describes the result.
    pub async fn look(address: &Address) -> Result<String, String> {
        let asked = async {
            address
                .master()
                .await?
                .get_multiplexed_async_connection()
                .await?
                .ping::<()>()
                .await
        };
        within(asked).await.map(|()| "answers".into())
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn publish(&self, hints: &[Wakeup]) -> Result<(), String> {
        let words: Vec<String> = hints.iter().map(|hint| hint.to_text()).collect();
        let message = format!("{} {}", self.me, words.join(" "));
        let mut kept = self.connection.lock().await;
        let published = tokio::time::timeout(PATIENCE, async {
            let connection = match &mut *kept {
                Some(connection) => connection,
                none => none.insert(
                    self.address
                        .master()
                        .await?
                        .get_multiplexed_async_connection()
                        .await?,
                ),
            };
            connection.publish::<_, _, ()>(&self.channel, message).await
        });
        let published = published
            .await
            .map_err(|_| "it does not answer".to_owned())
            .and_then(|done| done.map_err(|error| error.to_string()));
        if published.is_err() {
            *kept = None;
        }
        published
    }

    /// Listens forever, in parallel to the other way.
    async fn keep_hearing(&self, hear: &(dyn Fn(Wakeup) + Send + Sync)) -> Infallible {
        loop {
            if let Err(why) = self.hear_all(hear).await {
                tracing::debug!("could not receive wake-ups through Redis: {why}");
                self.breaker().note(Some(&why), Instant::now());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn hear_all(&self, hear: &(dyn Fn(Wakeup) + Send + Sync)) -> Result<(), String> {
        let client = within(self.address.master()).await?;
        let (mut sink, mut stream) = within(subscribed(&client, &self.channel)).await?;
        hear(Wakeup::Anything);
        loop {
            tokio::select! {
                message = stream.next() => {
                    let Some(message) = message else { return Err("the connection was lost".into()) };
                    let text: String = message.get_payload().map_err(|error| error.to_string())?;
                    let mut words = text.split(' ');
                    if words.next() != Some(self.me.as_str()) {
                        words.map(Wakeup::from_text).for_each(hear);
                    }
                }
                () = tokio::time::sleep(PING) => within(async { sink.ping::<()>().await }).await?,
            }
        }
    }
}

/// The two halves of a subscription.
type Subscribed = (redis::aio::PubSubSink, redis::aio::PubSubStream);

async fn subscribed(client: &Client, channel: &str) -> redis::RedisResult<Subscribed> {
    let (mut sink, stream) = client.get_async_pubsub().await?.split();
    sink.subscribe(channel).await?;
    Ok((sink, stream))
}

async fn within<T>(asked: impl Future<Output = redis::RedisResult<T>>) -> Result<T, String> {
    let answered = tokio::time::timeout(PATIENCE * 4, asked).await;
    answered
        .map_err(|_| "it does not answer".to_owned())?
        .map_err(|error| error.to_string())
}

#[async_trait]
impl WakeupBus for Redis {
    async fn tell(&self, hints: &[Wakeup]) -> Result<(), String> {
        if self.breaker().lets_through(Instant::now()) {
            let told = self.publish(hints).await;
            self.breaker().note(told.as_ref().err(), Instant::now());
            if told.is_ok() {
                return Ok(());
            }
        }
        self.other_way.tell(hints).await
    }

    /// Always listens on both ways, since each daemon decides by itself which one it uses.
    async fn listen(&self, hear: &(dyn Fn(Wakeup) + Send + Sync)) -> String {
        tokio::select! {
            never = self.keep_hearing(hear) => match never {},
            why = self.other_way.listen(hear) => why,
        }
    }

    fn trouble(&self) -> Option<String> {
        self.breaker()
            .trouble()
            .map(|why| format!("Redis is not used, wake-ups go through PostgreSQL: {why}"))
    }
}
