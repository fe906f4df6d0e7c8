//! Hashes of passwords, computed one after the other.

use std::{
    sync::{
        LazyLock,
        mpsc::{self, SyncSender, TrySendError},
    },
    time::Duration,
};

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, PasswordHash, Salt},
};
use tokio::sync::oneshot;

use crate::{AppError, AppResult};

/// A hash costs 19 MiB and a few hundredths of a second of one core, so they are computed one after
/// the other, on one thread that reuses its memory. At most this many wait.
const QUEUE: usize = 64;
/// When to try again if the queue is full.
const SOON: Duration = Duration::from_secs(5);

/// A hash for unknown names, so that checking them takes as long.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let memory = &mut HashMemory::default();
    hash("the password of nobody", memory).unwrap_or_default()
});

type HashJob = Box<dyn FnOnce(&mut HashMemory) + Send>;

/// The memory for hashing, reused: freed each time, it was not reused (measured: 19 MB more with
/// each login).
#[derive(Default)]
struct HashMemory(Vec<Block>);

impl HashMemory {
    fn of(&mut self, params: &Params) -> &mut [Block] {
        let blocks = params.block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::default());
        }
        &mut self.0[..blocks]
    }
}

/// Hashes passwords on one thread.
pub(crate) struct PasswordHasher(SyncSender<HashJob>);

impl Default for PasswordHasher {
    /// Starts the thread; it ends when this is dropped.
    fn default() -> Self {
        let (send, queue) = mpsc::sync_channel::<HashJob>(QUEUE);
        std::thread::spawn(move || {
            let mut memory = HashMemory::default();
            queue.into_iter().for_each(|job| job(&mut memory));
        });
        Self(send)
    }
}

impl PasswordHasher {
    /// Whether the password matches this hash; takes as long without one.
    pub async fn is_right(&self, password: String, hash: Option<String>) -> AppResult<bool> {
        self.run(move |memory| {
            let hash = hash.as_ref().unwrap_or(&NOBODYS);
            is_of(&password, hash, memory).unwrap_or(false)
        })
        .await
    }

    /// The hash of a new password.
    pub async fn hash(&self, password: String) -> AppResult<String> {
        let hash = self.run(move |memory| hash(&password, memory)).await?;
        hash.ok_or_else(|| AppError::Unreadable("could not hash the password".into()))
    }

    /// Queues work that takes memory and time; it runs one after the other.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut HashMemory) -> T + Send + 'static,
    ) -> AppResult<T> {
        let (tell, told) = oneshot::channel();
        let job = Box::new(move |memory: &mut HashMemory| {
            // The caller may have hung up.
            if !tell.is_closed() {
                let _hung_up_meanwhile = tell.send(work(memory));
            }
        });
        self.0.try_send(job).map_err(|full| match full {
            TrySendError::Full(_) => AppError::TooOften(SOON),
            TrySendError::Disconnected(_) => AppError::Stopping,
        })?;
        told.await.map_err(|_| AppError::Stopping)
    }
}

fn output(password: &str, salt: &Salt, params: Params, memory: &mut HashMemory) -> Option<Output> {
    let mut bytes = [0; Output::MAX_LENGTH];
    let bytes = bytes.get_mut(..params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN))?;
    let blocks = memory.of(&params);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon.hash_password_into_with_memory(password.as_bytes(), salt, bytes, blocks);
    hashed.ok().and_then(|()| Output::new(bytes).ok())
}

/// Whether the password matches a hash; `None` if the hash is not one of ours. `Output` is compared
/// in constant time.
fn is_of(password: &str, hash: &str, memory: &mut HashMemory) -> Option<bool> {
    let known = PasswordHash::new(hash).ok()?;
    let ours = known.algorithm == Algorithm::Argon2id.ident()
        && known.version == Some(Version::V0x13.into());
    let params = Params::try_from(&known).ok()?;
    let found = output(password, known.salt.as_ref()?, params, memory)?;
    Some(ours && known.hash? == found)
}

fn hash(password: &str, memory: &mut HashMemory) -> Option<String> {
    let salt = Salt::generate();
    let params = Params::default();
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: (&params).try_into().ok()?,
        hash: Some(output(password, &salt, params, memory)?),
        salt: Some(salt),
    };
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use argon2::PasswordVerifier;

    use super::*;

    #[test]
    fn hashes_are_those_that_others_read() {
        let memory = &mut HashMemory::default();
        let made = hash("four unusual words do", memory).expect("a hash");
        assert!(
            made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{made}"
        );
        assert!(
            Argon2::default()
                .verify_password(b"four unusual words do", made.as_str())
                .is_ok()
        );
        assert_eq!(is_of("four unusual words do", &made, memory), Some(true));
        assert_eq!(is_of("four unusual words", &made, memory), Some(false));
        assert_ne!(hash("four unusual words do", memory), Some(made));
        assert_eq!(is_of("a", "no hash", memory), None);
    }
}
