use super::*;

fn tree(text: &str) -> Result<Node, Error> {
    let source = Source {
        file: "f.yaml".into(),
        text: text.into(),
    };
    source.tree()
}

#[test]
fn plain_scalars_are_what_yaml_1_2_says_and_nothing_else() {
    let json = |text: &str| tree(text).expect("a tree").json();
    for (text, json_text) in [
        ("no", r#""no""#),
        ("yes", r#""yes""#),
        ("on", r#""on""#),
        ("true", "true"),
        ("False", "false"),
        ("~", "null"),
        ("NULL", "null"),
        ("1", "1"),
        ("-1.5", "-1.5"),
        ("1.2.3", r#""1.2.3""#),
        ("007", r#""007""#),
        ("0x10", r#""0x10""#),
        ("1e3", "1000.0"),
        ("\"1\"", r#""1""#),
        ("'true'", r#""true""#),
        ("2026-01-01", r#""2026-01-01""#),
    ] {
        assert_eq!(json(text).to_string(), json_text, "{text}");
    }
}

#[test]
fn names_are_found_and_doubled_braces_are_not_names() {
    assert_eq!(names_in("{a} {{b}} {c.d-e_1}{"), [(0, "a"), (10, "c.d-e_1")]);
    assert_eq!(names_in("{{{a}}}"), [(2, "a")]);
    assert_eq!(names_in("{\"type\":1} {1} { a }"), []);
}

#[test]
fn values_are_put_in_once_and_their_growth_is_bounded() {
    let node = |text: &str| tree(text).expect("a tree");
    let values = || vec![("a".to_owned(), node("7")), ("b".to_owned(), node("'{a}'"))];
    let mut put = Values::new(values(), 1000);
    let done = put.put(&node("[\"{a}\", \"x{a}{b}\", \"{{a}}\", \"{c}\"]"));
    assert_eq!(done.json().to_string(), r#"[7,"x7{a}","{{a}}","{c}"]"#);
    assert_eq!(put.used().iter().collect::<Vec<_>>(), ["a", "b"]);
    let long = node(&format!("'{}'", "x".repeat(600)));
    let mut put = Values::new(vec![("a".to_owned(), long)], 1000);
    put.put(&node("[\"{a}\", \"{a}\", \"{a}\"]"));
    assert_eq!(put.left(), 0);
}

#[test]
fn a_hundred_thousand_names_are_compared_in_no_time() {
    let mut text: String = (0..100_000).map(|i| format!("k{i}: 1\n")).collect();
    assert!(tree(&text).is_ok());
    text.push_str("k5: 2\n");
    let error = tree(&text).expect_err("it stands twice");
    assert_eq!(
        (error.place.line, error.message.as_str()),
        (100_001, "`k5` stands twice")
    );
}

#[test]
fn a_long_line_is_shown_around_the_place_that_is_meant() {
    let text = format!("{{ a: {}, a: 2 }}", "x".repeat(5000));
    let shown = tree(&text).expect_err("it stands twice").to_string();
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[1].chars().count() < 200, "{}", lines[1].chars().count());
    let at = lines[2].find('^').expect("a caret");
    assert_eq!(lines[1].chars().nth(at), Some('a'), "{shown}");
}

/// On the wire a signal's name has more in front than in a scenario.
#[test]
fn a_signal_as_it_stands_on_the_wire_is_meant() {
    let scenario = || ["accept", "initiate", "chat"].into_iter();
    for word in ["call:initiate", "call:initate", "initate"] {
        let hint = did_you_mean(word, scenario());
        assert_eq!(hint.as_deref(), Some("did you mean `initiate`?"), "{word}");
    }
    let schemas = ["call:offer", "payload-offer"].into_iter();
    assert_eq!(
        did_you_mean("call:ofer", schemas).as_deref(),
        Some("did you mean `call:offer`?")
    );
}
