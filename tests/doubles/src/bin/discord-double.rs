//! Discord on loopback as a program, to try AgentVine without an account.

use tokio::net::TcpListener;
use vine_doubles::discord::{
    Discord, TOKEN,
    world::{ANN, GUILD},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8390".into());
    let listener = TcpListener::bind(&address).await?;
    let base = listener.local_addr()?;
    println!("Discord, the double, at http://{base}/: open it to be a person there.");
    println!("In vine.toml:\n");
    println!(
        "[chat.discord]\ntoken = \"{TOKEN}\"\nguild = \"{GUILD}\"\napi_url = \"http://{base}\"\n"
    );
    println!("[[people]]\nname = \"Ann\"\nrole = \"operator\"\ndiscord = \"{ANN}\"");
    Discord::serve(listener).await
}
