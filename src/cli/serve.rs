//! `callspec serve`: the embedded endpoint on a port.

use super::{Exit, complain, say};
use crate::endpoint::{Accounts, Config, Endpoint};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:5280")]
    listen: std::net::SocketAddr,
    /// USER:PASSWORD that may log in (repeatable; none: any user with any password)
    #[arg(long, value_name = "USER:PASSWORD")]
    account: Vec<String>,
}

pub fn run(args: &Args) -> Exit {
    let mut accounts = Vec::new();
    for text in &args.account {
        let Some((user, password)) = text.split_once(':') else {
            complain("error: an account is USER:PASSWORD");
            return Exit::Usage;
        };
        accounts.push((
            user.split('@').next().unwrap_or(user).to_owned(),
            password.to_owned(),
        ));
    }
    let accounts = if accounts.is_empty() {
        Accounts::Any
    } else {
        Accounts::Only(accounts)
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(&format!("error: {error}"));
            return Exit::Untested;
        }
    };
    runtime.block_on(async {
        let served = async {
            let listener = tokio::net::TcpListener::bind(args.listen).await?;
            say(&format!(
                "callspec: ws://{}/ · domain localhost · Ctrl-C ends it",
                listener.local_addr()?
            ));
            Endpoint::new(Config {
                accounts,
                ..Config::default()
            })
            .serve(listener)
            .await
        };
        tokio::select! {
            result = served => {
                if let Err(error) = result {
                    complain(&format!("error: cannot serve on {}: {error}", args.listen));
                }
                Exit::Untested
            }
            _ = tokio::signal::ctrl_c() => Exit::Held,
        }
    })
}
