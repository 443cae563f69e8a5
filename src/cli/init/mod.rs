//! `callspec init`: a commented target file and a first scenario.

use std::path::PathBuf;

use super::{Exit, complain, say};

/// Write a commented target file and a first scenario
///
/// Nothing that is there already is touched.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to write them
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Path and text of each file.
const FILES: [(&str, &str); 2] = [
    ("target.yaml", include_str!("target.yaml")),
    ("scenarios/first-call.yaml", include_str!("first-call.yaml")),
];

pub fn run(args: &Args) -> Exit {
    let paths = FILES.map(|(path, text)| match args.folder.as_os_str() == "." {
        true => (PathBuf::from(path), text),
        false => (args.folder.join(path), text),
    });
    for (path, _) in &paths {
        // A link that leads nowhere is there, too.
        if path.symlink_metadata().is_ok() {
            complain(&format!(
                "error: {} is there already; nothing was written",
                path.display()
            ));
            return Exit::Usage;
        }
    }
    for (path, text) in &paths {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = folder.and_then(|()| {
            let mut file = std::fs::File::create_new(path)?;
            std::io::Write::write_all(&mut file, text.as_bytes())
        });
        if let Err(error) = written {
            complain(&format!("error: cannot write {}: {error}", path.display()));
            return Exit::Usage;
        }
        say(&format!("wrote {}", path.display()));
    }
    let [(target, _), (scenario, _)] = &paths;
    say(&format!(
        "\nnext:\n  callspec run {scenario}\n      plays it against the embedded endpoint\n  callspec run --target {target}\n      plays the built-in suite against your server, once its address and accounts are in there",
        scenario = scenario.display(),
        target = target.display()
    ));
    Exit::Held
}
