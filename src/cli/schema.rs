//! `callspec schema`: the JSON Schemas and the AsyncAPI document.

use super::{Exit, complain, say};
use crate::protocol::{asyncapi, bundled_schema, schema_names};
use crate::yaml::did_you_mean;
use crate::{scenario, target};

/// Print a JSON Schema, or the AsyncAPI document
///
/// `signal` is any of the nine signals; call:offer and the like are one of them; `envelope` is what all nine share.
/// `scenario` and `target` are for editors of those files.
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
        names().for_each(say);
        return Exit::Held;
    }
    let short = format!("call:{}", args.name);
    match files(&args.name)
        .or_else(|| bundled_schema(&args.name))
        .or_else(|| bundled_schema(&short))
    {
        Some(text) => {
            say(&text);
            Exit::Held
        }
        None => {
            let hint = did_you_mean(&args.name, names());
            let hint = hint.unwrap_or_else(|| "callspec schema --list names them all".into());
            complain(&format!("error: there is no schema `{}`: {hint}", args.name));
            Exit::Usage
        }
    }
}

/// Of the files that people write, for their editors.
fn files(name: &str) -> Option<String> {
    let text = match name {
        "scenario" => scenario::schema(),
        "target" => target::schema(),
        _ => return None,
    };
    Some(text.trim_end().to_owned())
}

fn names() -> impl Iterator<Item = &'static str> {
    schema_names().chain(["scenario", "target"])
}
