//! Real calls beyond the plain one: both call at once, two devices ring, the media is negotiated again, and a server's
//! own log. Each is sound from every end by itself and from all together.

use crate::hars::{Said, check, data};

fn said(files: &[&str]) -> Said {
    let paths: Vec<_> = files.iter().map(|file| data(file)).collect();
    let paths: Vec<_> = paths.iter().map(|path| &**path).collect();
    check(&paths)
}

#[test]
fn real_calls_are_sound_from_every_end() {
    let all: [(&[&str], &[&str]); 4] = [
        (
            &["chrome-glare.alice.har", "chrome-glare.bob.har"],
            &["2 calls", "ended by busy", "ended by hangup completed"],
        ),
        (
            &[
                "chrome-devices.alice.har",
                "chrome-devices.bob.har",
                "chrome-devices.bob-phone.har",
            ],
            &["1 call\n"],
        ),
        (&["chrome-renegotiates.alice.har"], &["29 signals"]),
        (&["ejabberd-crossing.log"], &["an ejabberd log", "1 call\n"]),
    ];
    for (files, told) in all {
        let together = said(files);
        assert!(together.is_sound(), "{files:?}: {}{}", together.out, together.err);
        for text in told {
            assert!(together.out.contains(text), "{files:?}: {}", together.out);
        }
        for file in files {
            let alone = said(&[file]);
            assert!(alone.is_sound(), "{file}: {}{}", alone.out, alone.err);
        }
    }
}

#[test]
fn candidates_before_the_offer_are_told_where_they_stand() {
    let said = said(&["chrome-early-candidates.alice.har"]);
    assert_eq!(said.status, 1, "{}", said.out);
    assert!(said.out.contains("ST-06  must, client"), "{}", said.out);
    assert!(
        said.out.contains("chrome-early-candidates.alice.har:23"),
        "{}",
        said.out
    );
}
