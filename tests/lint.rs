//! Files that are wrong, each with what `callspec lint` says of it, and files that are meant to do harm.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lint")
}

/// Exit status, stdout, stderr.
fn lint(folder: &Path, file: &str) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_callspec"))
        .args(["lint", file])
        .current_dir(folder)
        .output()
        .expect("callspec runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Every file of the folder has what is said of it beside it. `CALLSPEC_BLESS=1` writes that anew: read the difference.
#[test]
fn every_wrong_file_is_told_as_it_stands_beside_it() {
    let bless = std::env::var_os("CALLSPEC_BLESS").is_some();
    let mut different = Vec::new();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 50, "{}", files.len());
    for path in files {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let (exit, stdout, stderr) = lint(&folder(), name);
        let beside = path.with_extension("stderr");
        if bless {
            std::fs::write(&beside, &stderr).expect("written");
        }
        let wanted = std::fs::read_to_string(&beside).unwrap_or_default();
        if (exit, stdout.as_str(), stderr.as_str()) != (Some(2), "", wanted.as_str()) {
            different.push(format!(
                "{name}: exit {exit:?}\n--- wanted\n{wanted}--- said\n{stdout}{stderr}"
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n\n"));
}

/// What is only warned of is no mistake.
#[test]
fn a_warning_refuses_nothing() {
    let bench = tempfile::tempdir().expect("a folder");
    let text = "name: t\nsteps:\n  - caller: { sends: initiate }\n  - callee: { receives: initiate }\n";
    std::fs::write(bench.path().join("rings.yaml"), text).expect("written");
    let (exit, stdout, stderr) = lint(bench.path(), "rings.yaml");
    assert_eq!(
        (exit, stdout.as_str()),
        (Some(0), "1 scenario, 1 case: nothing wrong\n")
    );
    assert!(
        stderr.starts_with("warning: rings.yaml:3:22: this call "),
        "{stderr}"
    );
}

/// `run` looks at the files first, and says the same.
#[test]
fn run_refuses_what_lint_refuses() {
    for name in ["unannounced-breach", "unknown-signal"] {
        let output = Command::new(env!("CARGO_BIN_EXE_callspec"))
            .args(["run", &format!("{name}.yaml")])
            .current_dir(folder())
            .output()
            .expect("callspec runs");
        let wanted = std::fs::read_to_string(folder().join(format!("{name}.stderr"))).expect("beside it");
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8_lossy(&output.stderr), wanted);
    }
}

#[test]
fn a_folder_is_looked_through() {
    let (exit, stdout, stderr) = lint(Path::new(env!("CARGO_MANIFEST_DIR")), "scenarios/reject");
    assert_eq!((exit, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.ends_with(": nothing wrong\n"), "{stdout}");
}

/// Each of these would take all memory or all time, were it read trustingly.
#[test]
fn hostile_files_draw_one_clear_error_at_once() {
    let place = tempfile::TempDir::new().expect("a folder");
    let steps = "steps:\n  - caller: { sends: chat, body: hello }\n";
    let mut files: Vec<(&str, Vec<u8>, &str)> = vec![
        ("giant", vec![b'#'; 2 << 20], "giant.yaml:1:1: the file is larger than 1048576 bytes"),
        (
            "deep",
            ["[".repeat(100_000).as_bytes(), b"\n"].concat(),
            "deep.yaml:1:256: nested too deeply",
        ),
        (
            "deep-blocks",
            (0..500).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>().into_bytes(),
            "deep-blocks.yaml:65:65: nested too deeply",
        ),
        (
            "many-keys",
            format!("name: t\n{}{steps}", (0..80_000).map(|i| format!("k{i}: 1\n")).collect::<String>()).into_bytes(),
            "many-keys.yaml:2:1: unknown key `k0`",
        ),
        (
            "long-key",
            format!("{}: 1\n{steps}", "k".repeat(1000)).into_bytes(),
            "long-key.yaml:1:1: unknown key `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…`",
        ),
        (
            "many-cases",
            format!("name: t\nmatrix: {{ a: [{}], b: [1, 2] }}\n{steps}", "1, ".repeat(200_000)).into_bytes(),
            "many-cases.yaml:2:9: more than 10000 cases",
        ),
        (
            "much-text",
            format!(
                "name: t\nmatrix: {{ a: ['{}'] }}\nsteps:\n  - caller: {{ sends: chat, body: '{}' }}\n",
                "x".repeat(500_000),
                "{a}".repeat(100_000)
            )
            .into_bytes(),
            "much-text.yaml:4:3: the names of this file make too much text of it: more than 64 MiB",
        ),
        (
            "expression",
            b"name: t\nsteps:\n  - caller: { sends: initiate }\n  - callee: { receives: initiate, matches: { /type: \"((a{1,999}){1,999}){1,999}\" } }\n".to_vec(),
            "expression.yaml:4:53: no regular expression",
        ),
        ("nul", b"name: t\0\nsteps: []\n".to_vec(), "nul.yaml:1:8: not YAML"),
    ];
    let round: String = (0..50).map(|i| format!("  - use: f{}\n", i % 2)).collect();
    files.push((
        "forks",
        format!("name: t\nsteps:\n{round}").into_bytes(),
        "fragments use each other without end: f0 uses f1 uses f0",
    ));
    std::fs::create_dir(place.path().join("folder.yaml")).expect("a folder");
    for (name, of) in [("f0", "f1"), ("f1", "f0")] {
        let uses = format!("  - use: {of}\n").repeat(1000);
        std::fs::write(
            place.path().join(format!("{name}.yaml")),
            format!("fragment: {name}\nsteps:\n{uses}"),
        )
        .expect("written");
    }
    for (name, text, said) in files {
        std::fs::write(place.path().join(format!("{name}.yaml")), text).expect("written");
        let began = Instant::now();
        let (exit, _, stderr) = lint(place.path(), &format!("{name}.yaml"));
        assert_eq!(exit, Some(2), "{name}: {stderr}");
        assert!(stderr.contains(said), "{name}: {stderr}");
        assert!(stderr.len() < 20_000, "{name}: {} bytes", stderr.len());
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{name}: {:?}",
            began.elapsed()
        );
    }
    let (exit, _, stderr) = lint(place.path(), "none.yaml");
    assert_eq!(exit, Some(2), "{stderr}");
    let (exit, _, stderr) = lint(place.path(), "folder.yaml");
    assert_eq!(
        (exit, stderr.as_str()),
        (Some(2), "error: no scenario file (.yaml) in folder.yaml\n")
    );
    // Without end: never more of it is read than the limit.
    if Path::new("/dev/zero").exists() {
        let (exit, _, stderr) = lint(place.path(), "/dev/zero");
        assert_eq!(exit, Some(2));
        assert!(stderr.contains("the file is larger than"), "{stderr}");
    }
}
