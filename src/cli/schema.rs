//! `callspec schema`: the JSON Schemas and the AsyncAPI document.

use super::{Exit, complain, say};
use crate::protocol::{asyncapi, bundled_schema, schema_names};
use crate::yaml::did_you_mean;

/// Print a JSON Schema, or the AsyncAPI document
///
/// `signal` is any of the nine signals; call:offer and the like are one of them; `envelope` is what all nine share.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which schema; --list names them
    #[arg(default_value = "signal", conflicts_with_all = ["list", "asyncapi"])]
    name: String,
    /// Only the names of the schemas
    #[arg(long, conflicts_with = "asyncapi")]
    list: bool,
    /// The AsyncAPI 3 document over the schemas, as YAML
    #[arg(long)]
    asyncapi: bool,
}

pub fn run(args: &Args) -> Exit {
    if args.asyncapi {
        say(asyncapi().trim_end());
        return Exit::Held;
    }
    if args.list {
        schema_names().for_each(say);
        return Exit::Held;
    }
    let short = format!("call:{}", args.name);
    match bundled_schema(&args.name).or_else(|| bundled_schema(&short)) {
        Some(text) => {
            say(&text);
            Exit::Held
        }
        None => {
            let hint = did_you_mean(&args.name, schema_names());
            let hint = hint.unwrap_or_else(|| "callspec schema --list names them all".into());
            complain(&format!("error: there is no schema `{}`: {hint}", args.name));
            Exit::Usage
        }
    }
}
