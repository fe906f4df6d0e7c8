//! Slack on loopback as a program, to try AgentVine without a workspace.

use tokio::net::TcpListener;
use vine_doubles::slack::{APP_TOKEN, BOT_TOKEN, Slack};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8766".into());
    let listener = TcpListener::bind(&address).await?;
    let base = listener.local_addr()?;
    println!("Slack, the double, at http://{base}/: open it to be a person there.");
    println!("In vine.toml:\n");
    println!(
        "[chat.slack]\nbot_token = \"{BOT_TOKEN}\"\napp_token = \"{APP_TOKEN}\"\napi_url = \"http://{base}/api\"\n"
    );
    println!("[[people]]\nname = \"Ann\"\nrole = \"operator\"\nslack = \"U0ANN\"");
    Slack::serve(listener).await
}
