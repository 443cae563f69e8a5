//! The scenarios that hurt, the heavy ones too, on real servers: these stay up, and serve others meanwhile.

mod support;

use support::{Said, Server, callspec, run};

fn play(server: &Server, url: &str, arguments: &[&str]) -> Said {
    run(callspec()
        .arg("run")
        .args(arguments)
        .arg("--target")
        .arg(server.target(url))
        .arg("--transcripts")
        .arg(server.folder.path().join(uuid::Uuid::new_v4().to_string())))
}

#[test]
fn servers_stay_up_and_serve_others_meanwhile() {
    for server in [Server::prosody(), Server::ejabberd()] {
        for transport in [0, 3] {
            let (name, url) = &server.urls()[transport];
            let others = std::sync::atomic::AtomicBool::new(false);
            let heavy = std::thread::scope(|scope| {
                let calls = scope.spawn(|| {
                    let mut said = Vec::new();
                    // Once more after the end too: nothing has stayed behind.
                    loop {
                        let last = others.load(std::sync::atomic::Ordering::Acquire);
                        said.push(play(&server, url, &["--filter", "name:call/*", "--jobs", "2"]));
                        if last {
                            return said;
                        }
                    }
                });
                let heavy = play(&server, url, &["--heavy", "--filter", "name:robust/*"]);
                others.store(true, std::sync::atomic::Ordering::Release);
                for said in calls.join().expect("the calls") {
                    assert_eq!(said.status, 0, "{} over {name}: {}", server.name, said.out);
                }
                heavy
            });
            let what = format!("{} over {name}: {}", server.name, heavy.out);
            assert_eq!(heavy.status, 0, "{what}");
            for scenario in ["flood", "half-open-calls", "half-open-connections"] {
                assert!(heavy.out.contains(&format!("pass  robust/{scenario}")), "{what}");
            }
            for other in ["FAIL", "warn  ", "ERROR"] {
                assert!(!heavy.out.contains(other), "{what}");
            }
            // How quick a signal was (RT-13) nobody can say of a machine that is busy with something else as well.
            let cases = heavy.out.lines().find(|line| line.contains(" cases: "));
            assert!(
                cases.is_some_and(|cases| !cases.contains("inconclusive")),
                "{what}"
            );
        }
    }
}

#[test]
fn heavy_ones_run_only_where_they_are_asked_for() {
    let server = Server::prosody();
    let (_, url) = &server.urls()[0];
    let said = play(&server, url, &["--filter", "tag:heavy or name:call/full"]);
    assert!(said.out.contains("1 passed, 3 skipped"), "{}", said.out);
    assert!(
        said.out
            .contains("which runs only where it is asked for (--heavy)"),
        "{}",
        said.out
    );
}
