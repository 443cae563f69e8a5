//! Writes the manual, a page a command: `cargo run --example man -- FOLDER`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Command;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: cargo run --example man -- FOLDER");
        return ExitCode::from(2);
    };
    let written = std::fs::create_dir_all(&folder).and_then(|()| pages(callspec::cli::command(), &folder));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

fn pages(mut root: Command, folder: &Path) -> std::io::Result<()> {
    root.build();
    page(&root, "callspec", folder)?;
    for command in root.get_subcommands().filter(|command| !command.is_hide_set()) {
        if command.get_name() != "help" {
            page(command, &format!("callspec-{}", command.get_name()), folder)?;
        }
    }
    Ok(())
}

fn page(command: &Command, name: &str, folder: &Path) -> std::io::Result<()> {
    // The page of a command is named with a hyphen; how it is typed stays as it is.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    let command = command.clone().name(name.to_owned()).override_usage(usage);
    let mut text = Vec::new();
    clap_mangen::Man::new(command).render(&mut text)?;
    std::fs::write(folder.join(format!("{name}.1")), text)
}
