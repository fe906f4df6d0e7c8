//! A load balancer in front of several daemons: each connection goes to one that says that it is
//! ready.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::net::{TcpListener, TcpStream};

/// How often it asks whether a daemon is ready.
const LOOK: Duration = Duration::from_millis(100);

pub struct Balancer {
    pub url: String,
    /// Addresses, and whether each is ready.
    backends: Arc<Mutex<Vec<(String, bool)>>>,
}

impl Balancer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let backends: Arc<Mutex<Vec<(String, bool)>>> = Arc::default();
        tokio::spawn(look(Arc::clone(&backends)));
        tokio::spawn(accept(listener, Arc::clone(&backends)));
        Self { url, backends }
    }

    /// From now on connections may go there too.
    pub fn add(&self, url: &str) {
        let address = url.trim_start_matches("http://").to_owned();
        let mut backends = self.backends.lock().expect("whole");
        if !backends.iter().any(|(known, _)| *known == address) {
            backends.push((address, false));
        }
    }

    /// Waits until so many are ready.
    pub async fn ready(&self, count: usize) {
        let ready = || {
            (self
                .backends
                .lock()
                .expect("whole")
                .iter()
                .filter(|(_, ready)| *ready)
                .count()
                >= count)
                .then_some(())
        };
        super::until(
            super::PATIENCE,
            &format!("{count} daemons are ready"),
            ready,
        )
        .await;
    }
}

async fn look(backends: Arc<Mutex<Vec<(String, bool)>>>) {
    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(2))
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client");
    loop {
        let addresses: Vec<String> = backends
            .lock()
            .expect("whole")
            .iter()
            .map(|(address, _)| address.clone())
            .collect();
        for address in addresses {
            let answer = http.get(format!("http://{address}/readyz")).send().await;
            let ready = answer.is_ok_and(|answer| answer.status().is_success());
            backends
                .lock()
                .expect("whole")
                .iter_mut()
                .filter(|(known, _)| *known == address)
                .for_each(|(_, is)| *is = ready);
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn accept(listener: TcpListener, backends: Arc<Mutex<Vec<(String, bool)>>>) {
    let next = AtomicUsize::new(0);
    while let Ok((mut client, _)) = listener.accept().await {
        let (backends, turn) = (Arc::clone(&backends), next.fetch_add(1, Ordering::Relaxed));
        tokio::spawn(async move {
            // One that went away in this moment is passed over.
            for attempt in 0..30 {
                let ready: Vec<String> = backends
                    .lock()
                    .expect("whole")
                    .iter()
                    .filter(|(_, ready)| *ready)
                    .map(|(address, _)| address.clone())
                    .collect();
                if let Some(address) = ready.get((turn + attempt) % ready.len().max(1))
                    && let Ok(mut server) = TcpStream::connect(address).await
                {
                    let _ends_with_either =
                        tokio::io::copy_bidirectional(&mut client, &mut server).await;
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }
}
