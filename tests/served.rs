//! Runs against a served endpoint, as against any server.

mod support;

use support::{PASSWORD, Said, Serve, USERS, callspec, run};
use tempfile::TempDir;

/// Of what an enforcing server is asked, much that two users do, and nothing that takes half a minute of ringing.
const QUICK: &str = "(tag:enforcing or tag:devices or tag:chat or tag:cancel or tag:mute) \
                     and not name:enforcing/nobody-answers and not tag:timeout";

/// What a run of many scenarios side by side says of a served endpoint that enforces.
fn enforced(users: &[&str], more: &[&str]) -> Said {
    played("enforcing", &[], users, &[&["--filter", QUICK], more].concat())
}

/// What a run says of a served endpoint of this class with these faults.
fn played(class: &str, faults: &[&str], users: &[&str], more: &[&str]) -> Said {
    let [said] = played_again(class, faults, users, [more]);
    said
}

/// What several runs say, one after the other.
fn played_again<const N: usize>(
    class: &str,
    faults: &[&str],
    users: &[&str],
    runs: [&[&str]; N],
) -> [Said; N] {
    let accounts: Vec<String> = users
        .iter()
        .map(|user| format!("{user}@localhost:{PASSWORD}"))
        .collect();
    let accounts = accounts.iter().flat_map(|account| ["--account", account]);
    let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
    let served = ["--profile", class].into_iter().chain(accounts).chain(faults);
    let server = Serve::new(&served.collect::<Vec<_>>());
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("target.yaml");
    let listed: String = users
        .iter()
        .map(|user| format!("  - {{ jid: {user}@localhost, password: {PASSWORD} }}\n"))
        .collect();
    let text = format!("url: {}\ndomain: localhost\naccounts:\n{listed}", server.url());
    std::fs::write(&file, text).expect("a target");
    runs.map(|more| {
        run(callspec()
            .args(["run", "--jobs", "16", "--target"])
            .arg(&file)
            .args(more)
            .current_dir(folder.path()))
    })
}

#[test]
fn scenarios_side_by_side_share_no_account() {
    let said = enforced(&USERS, &["--profile", "enforcing"]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains(" · 4 jobs\n"), "{}", said.out);
    assert!(
        said.out.contains("take turns with the 8 accounts"),
        "{}",
        said.out
    );
}

#[test]
fn two_accounts_are_one_scenario_after_the_other() {
    let some = ["--filter", "tag:devices or tag:mute", "--profile", "enforcing"];
    let said = played("enforcing", &[], &["alice", "bob"], &some);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(said.out.contains(" · 1 job\n"), "{}", said.out);
}

#[test]
fn what_a_look_has_seen_is_enough_to_take_turns() {
    let said = enforced(&USERS, &[]);
    assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    assert!(
        said.out.contains("take turns with the 8 accounts"),
        "{}",
        said.out
    );
}

/// What a server does with one session too many of a user.
const LIMITS: [&str; 3] = [
    "harmless-session-limit:max=3",
    "harmless-session-limit-by-stream-error:max=3",
    "harmless-session-limit-by-conflict:max=3",
];

/// Short scenarios, with second devices and with sessions that come and go.
const MANY: &str =
    "name:cancel/* or name:devices/* or name:vanish/* or name:chat/* or name:answers/* or name:hangup/*";

#[test]
fn no_more_sessions_of_a_user_are_opened_than_the_profile_says() {
    let folder = TempDir::new().expect("a folder");
    let profile = folder.path().join("profile.yaml");
    std::fs::write(&profile, "class: relay\naddressing: full\nsessions-per-user: 3\n").expect("a profile");
    let profile = profile.display().to_string();
    for limit in LIMITS {
        let more = ["--filter", MANY, "--profile", &profile];
        let said = played("relay", &[limit], &USERS, &more);
        assert_eq!(said.status, 0, "{limit}: {}{}", said.out, said.err);
        let told = "no more than 3 sessions of a user here, so scenarios take turns with the 8 accounts";
        assert!(said.out.contains(told), "{}", said.out);
        assert!(said.out.contains(" · 8 jobs\n"), "{}", said.out);
    }
}

/// Where the profile does not say so, that is what cannot be tested, and no finding.
#[test]
fn a_session_too_many_is_an_error_that_says_so() {
    for limit in LIMITS {
        let more = ["--filter", MANY, "--profile", "relay"];
        let said = played("relay", &[limit], &["alice", "bob", "mallory"], &more);
        assert_eq!(said.status, 3, "{limit}: {}{}", said.out, said.err);
        assert!(said.out.contains("fewer --jobs or more accounts"), "{}", said.out);
    }
}

#[test]
fn frames_of_whole_calls_are_looked_at_too() {
    let call = ["--filter", "name:call/full", "--profile", "relay"];
    for (fault, rule) in [
        ("stanza-without-namespace", "TR-04"),
        ("type-changed", "RT-05"),
        ("child-added", "RT-05"),
    ] {
        let said = played("relay", &[fault], &USERS, &call);
        assert_eq!(said.status, 1, "{fault}: {}{}", said.out, said.err);
        assert!(
            said.out.contains(&format!("1 broken ({rule})")),
            "{fault}: {}",
            said.out
        );
    }
}

/// Whoever lists accounts beside `register: in-band` may have meant that they are to be made.
#[test]
fn accounts_that_are_listed_are_not_made() {
    let server = Serve::new(&["--account", "carol@localhost:secret-of-carol"]);
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("target.yaml");
    let listed: String = ["alice", "bob"]
        .map(|user| format!("  - {{ jid: {user}@localhost, password: {PASSWORD} }}\n"))
        .concat();
    let said = |filter: &str| {
        let text = format!(
            "url: {}\ndomain: localhost\nregister: in-band\naccounts:\n{listed}",
            server.url()
        );
        std::fs::write(&file, text).expect("a target");
        let said = run(callspec()
            .args(["run", "--filter", filter, "--profile", "relay", "--target"])
            .arg(&file)
            .current_dir(folder.path()));
        assert_eq!(said.status, 3, "{}{}", said.out, said.err);
        said.err
    };
    let refused = said("name:call/full");
    assert!(refused.contains("not-authorized"), "{refused}");
    assert!(
        refused.contains("none of those that the target file lists"),
        "{refused}"
    );
    let unmade = said("name:devices/only-the-addressed-rings or tag:third-party or name:routing/*");
    assert!(
        unmade.contains("accounts are needed, the target file gives 2"),
        "{unmade}"
    );
}

/// An enforcing server remembers the calls of the run before.
#[test]
fn no_id_of_one_run_comes_again_in_the_next() {
    let call = ["--filter", "name:call/full", "--profile", "enforcing"];
    for said in played_again("enforcing", &[], &USERS, [&call, &call]) {
        assert_eq!(said.status, 0, "{}{}", said.out, said.err);
    }
}

/// A token may stand in the query of an address, and is needed there; it is told nowhere.
#[test]
fn the_query_of_an_address_is_told_nowhere() {
    let account = format!("alice@localhost:{PASSWORD}");
    let other = format!("bob@localhost:{PASSWORD}");
    let server = Serve::new(&[
        "--fault",
        "from-missing",
        "--account",
        &account,
        "--account",
        &other,
    ]);
    let folder = TempDir::new().expect("a folder");
    let url = format!("{}?token=sesame-in-the-query", server.url());
    let said = run(callspec()
        .args(["run", "--filter", "name:call/full", "--insecure-plaintext", "-v"])
        .args(["--account", &account, "--account", &other, "--target", &url])
        .args([
            "--report",
            "json=a.json",
            "--report",
            "html=a.html",
            "--report",
            "junit=a.xml",
        ])
        .args(["--transcripts", "calls"])
        .current_dir(folder.path()));
    assert_eq!(said.status, 1, "{}{}", said.out, said.err);
    assert!(said.out.contains("?QUERY"), "{}", said.out);
    let mut texts = vec![said.out, said.err];
    for place in [folder.path().to_owned(), folder.path().join("calls")] {
        for entry in std::fs::read_dir(place).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                texts.push(std::fs::read_to_string(path).expect("a text"));
            }
        }
    }
    assert_eq!(texts.len(), 6);
    for text in texts {
        assert!(!text.contains("sesame"), "{text}");
    }
}
