//! The model server as a program, to try AgentVine with the real Claude Code and no account.

use tokio::net::TcpListener;
use vine_doubles::model::Model;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8765".into());
    let listener = TcpListener::bind(&address).await?;
    println!(
        "A model server at http://{}; what it does stands in the prompts, see \
         tests/doubles/src/model.rs",
        listener.local_addr()?
    );
    Model::default().serve(listener).await
}
