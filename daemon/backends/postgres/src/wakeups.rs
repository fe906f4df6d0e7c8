//! Wake-ups through LISTEN and NOTIFY. One notification carries all wake-ups that collected during
//! the previous one, because each notification takes a lock that all writers share.

use async_trait::async_trait;
use sqlx::{postgres::PgListener, query};
use tokio::sync::Mutex;
use vine_domain::ports::{Wakeup, WakeupBus};

use crate::Database;

const CHANNEL: &str = "vine";
/// PostgreSQL allows less than 8,000 bytes; longer lists are replaced by `Wakeup::Anything`.
const LONGEST: usize = 7_000;

/// Wake-ups between the daemons of one database.
pub struct Notifications {
    store: Database,
    /// Identifies our own wake-ups.
    me: String,
    listening: Mutex<()>,
}

impl Notifications {
    /// `me` must be unique among the daemons.
    pub fn new(store: &Database, me: &str) -> Self {
        Self {
            store: store.clone(),
            me: me.to_owned(),
            listening: Mutex::default(),
        }
    }
}

#[async_trait]
impl WakeupBus for Notifications {
    async fn tell(&self, hints: &[Wakeup]) -> Result<(), String> {
        let mut text: String = hints
            .iter()
            .map(|hint| hint.to_text())
            .collect::<Vec<_>>()
            .join(" ");
        if text.len() > LONGEST {
            text = Wakeup::Anything.to_text();
        }
        let told = query!(
            "SELECT pg_notify($1, $2)",
            CHANNEL,
            format!("{} {text}", self.me)
        );
        told.fetch_one(&self.store.pool)
            .await
            .map(|_| ())
            .map_err(|error| error.to_string())
    }

    async fn listen(&self, hear: &(dyn Fn(Wakeup) + Send + Sync)) -> String {
        let _one = self.listening.lock().await;
        match self.hear_all(hear).await {
            Ok(()) => "the connection was lost".into(),
            Err(error) => error.to_string(),
        }
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

impl Notifications {
    async fn hear_all(&self, hear: &(dyn Fn(Wakeup) + Send + Sync)) -> sqlx::Result<()> {
        let mut listener = PgListener::connect_with(&self.store.pool).await?;
        listener.listen(CHANNEL).await?;
        hear(Wakeup::Anything);
        while let Some(told) = listener.try_recv().await? {
            let mut words = told.payload().split(' ');
            if words.next() != Some(self.me.as_str()) {
                words.map(Wakeup::from_text).for_each(hear);
            }
        }
        Ok(())
    }
}
