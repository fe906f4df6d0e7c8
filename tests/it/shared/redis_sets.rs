//! Redis may be several servers: a cluster, or a leader that sentinels watch. Hints go through
//! them, also when one has died.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use vine_domain::ports::{Wakeup, WakeupBus};
use vine_redis::{Address, Redis};

use crate::harness::{
    PATIENCE,
    servers::{self, Sentinel},
};

/// There is none: what is heard came through Redis.
struct NoOtherWay;

#[async_trait::async_trait]
impl WakeupBus for NoOtherWay {
    async fn tell(&self, _: &[Wakeup]) -> Result<(), String> {
        Err("there is no other way".into())
    }

    async fn listen(&self, _: &(dyn Fn(Wakeup) + Send + Sync)) -> String {
        std::future::pending().await
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

/// Two daemons of one team.
struct Two {
    teller: Redis,
    heard: mpsc::UnboundedReceiver<Wakeup>,
    listener: JoinHandle<()>,
}

impl Two {
    fn at(teller: &str, listener: &str) -> Self {
        let redis = |url: &str, me: &str| {
            Redis::new(
                Address::parse(url).expect("an address"),
                "place",
                me,
                Arc::new(NoOtherWay),
            )
        };
        let (hears, (tell, heard)) = (redis(listener, "listener"), mpsc::unbounded_channel());
        let listener = tokio::spawn(async move {
            hears
                .listen(&move |hint| tell.send(hint).expect("somebody listens"))
                .await;
        });
        Self {
            teller: redis(teller, "teller"),
            heard,
            listener,
        }
    }

    /// Tells until it is heard.
    async fn hear(&mut self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let told = self.teller.tell(&[Wakeup::Work]).await;
            while let Ok(Some(hint)) = timeout(Duration::from_millis(200), self.heard.recv()).await
            {
                if hint == Wakeup::Work {
                    return;
                }
            }
            assert!(Instant::now() < end, "nothing is heard; telling: {told:?}");
        }
    }
}

impl Drop for Two {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_as_a_cluster_carries_hints_from_any_node_to_any_other() {
    let mut nodes = servers::Redis::cluster();
    let [a, b, c] = nodes.each_ref().map(servers::Redis::port);
    let url = |first: u16, then: u16, last: u16| {
        format!("redis-cluster://127.0.0.1:{first},127.0.0.1:{then},127.0.0.1:{last}")
    };
    let mut two = Two::at(&url(a, b, c), &url(c, b, a));
    two.hear().await;
    nodes[0].stop();
    two.hear().await;
    assert_eq!(two.teller.trouble(), None, "it is well again");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_under_sentinels_carries_hints_through_whichever_server_leads() {
    let mut leader = servers::Redis::start();
    let follower = servers::Redis::following(&leader);
    let sentinel = Sentinel::over(&leader);
    let mut two = Two::at(&sentinel.url(), &sentinel.url());
    two.hear().await;
    assert!(follower.say(&["ROLE"]).starts_with("slave"));
    leader.stop();
    two.hear().await;
    assert!(
        follower.say(&["ROLE"]).starts_with("master"),
        "the sentinel put it in the place of the one that died"
    );
    assert_eq!(two.teller.trouble(), None, "it is well again");
}
