//! Slack on loopback as a program, to try AgentVine without a workspace.

use tokio::net::TcpListener;
use vine_doubles::slack::{APP_TOKEN, BOT_TOKEN, Slack};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8766".into());
    let listener = TcpListener::bind(&address).await?;
    let base = listener.local_addr()?;
    println!("Slack, the double, at http://{base}/: open it to be a person there.");
    println!("For apps: API base http://{base}/api/, bot token {BOT_TOKEN}, app token {APP_TOKEN}");
    Slack::serve(listener).await
}
