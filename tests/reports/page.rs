//! The HTML report in a browser.

use std::path::PathBuf;
use std::sync::LazyLock;

use callspec::report::summary::Entry;
use serde_json::{Value, json};

use super::browser::Browser;
use super::history::HISTORY;
use super::tools::{from_npm, without};

/// Titles of the scenarios that the list shows.
const LISTED: &str =
    "[...document.querySelectorAll('#scenarios li:not([hidden]) .title')].map((title) => title.textContent)";
const DRAWN: &str = "document.querySelector('.picture svg')";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

fn in_a_browser(look: impl AsyncFnOnce(&mut Browser)) {
    runtime().block_on(async {
        let Some(mut browser) = Browser::start().await else {
            return without("chromium");
        };
        look(&mut browser).await;
        assert_eq!(browser.complaints, Vec::<String>::new());
    });
}

/// Written once: tests run side by side.
static PAGE: LazyLock<PathBuf> = LazyLock::new(|| HISTORY.page(&HISTORY.summary(), "report.html"));

#[test]
fn filters_links_keys_and_stanzas_work() {
    let page = PAGE.clone();
    in_a_browser(async |browser| {
        browser.size(1280, 900).await;
        browser.open(&page, "").await;
        let all = HISTORY.judged.len();
        assert_eq!(browser.evaluate(LISTED).await.as_array().map(Vec::len), Some(all));
        // What failed comes first, and is told in the overview.
        assert_eq!(
            browser.evaluate(&format!("{LISTED}[0]")).await,
            "made/delivered-twice"
        );
        let overview = browser
            .evaluate("document.querySelector('main').textContent")
            .await;
        assert!(
            overview.as_str().is_some_and(|text| text.contains("RT-03")),
            "{overview}"
        );
        browser.picture("overview.png").await;

        browser
            .evaluate("document.querySelector('[data-result=failed]').click()")
            .await;
        assert_eq!(browser.evaluate(LISTED).await, json!(["made/delivered-twice"]));
        assert_eq!(
            browser
                .evaluate("document.getElementById('shown').textContent")
                .await,
            format!("1 of {all} scenarios")
        );
        browser
            .evaluate("document.querySelector('[data-result=failed]').click()")
            .await;
        let choose = |id: &str, value: &str| {
            format!(
                "{{ const it = document.getElementById('{id}'); it.value = '{value}'; it.dispatchEvent(new Event(it.tagName === 'INPUT' ? 'input' : 'change')); }}"
            )
        };
        browser.evaluate(&choose("rule", "RT-03")).await;
        let listed = browser.evaluate(LISTED).await;
        let listed = listed
            .as_array()
            .expect("titles")
            .iter()
            .filter_map(Value::as_str);
        assert!(
            listed
                .clone()
                .all(|title| title.starts_with("made/") || title.starts_with("call/")),
            "{listed:?}"
        );
        browser.evaluate(&choose("rule", "")).await;
        browser.evaluate(&choose("tag", "devices")).await;
        let listed = browser.evaluate(LISTED).await;
        assert_eq!(listed, json!(["devices/both-ring-one-answers"]));
        browser.evaluate(&choose("tag", "")).await;
        browser.evaluate(&choose("text", "more than once")).await;
        assert_eq!(browser.evaluate(LISTED).await, json!(["made/delivered-twice"]));
        browser.evaluate(&choose("text", "")).await;

        // By keyboard alone: the first scenario, its ladder, its second row, the stanza, and away again.
        browser.evaluate("document.activeElement.blur()").await;
        browser.key("j").await;
        browser.until(DRAWN).await;
        assert_eq!(browser.evaluate("location.hash").await, "#made/delivered-twice");
        browser.picture("failure.png").await;
        browser
            .evaluate("document.querySelector('.picture [tabindex=\"0\"]').focus()")
            .await;
        browser.key("ArrowDown").await;
        browser.key("Enter").await;
        let shown = browser
            .evaluate("document.querySelector('.stanza').textContent")
            .await;
        let shown = shown.as_str().expect("a text");
        assert!(
            shown.contains("caller sent") && shown.contains("\"reason\": \"cancelled\""),
            "{shown}"
        );
        browser.picture("stanza.png").await;
        browser.key("Escape").await;
        assert_eq!(
            browser.evaluate("document.querySelector('.stanza').hidden").await,
            true
        );
        browser.key("/").await;
        assert_eq!(browser.evaluate("document.activeElement.id").await, "text");

        // The finding's events lead to their rows.
        browser
            .evaluate("[...document.querySelectorAll('.finding .pairs button')].at(-1).click()")
            .await;
        assert_eq!(
            browser
                .evaluate("document.querySelectorAll('.picture [aria-pressed=true]').length")
                .await,
            1
        );
        let told = browser
            .evaluate("document.querySelector('.picture').textContent")
            .await;
        assert!(
            told.as_str()
                .is_some_and(|text| text.contains("the second copy") && text.contains("RT-03"))
        );
    });
}

#[test]
fn one_scenario_can_be_linked_to_and_a_crossing_looks_like_one() {
    let page = PAGE.clone();
    in_a_browser(async |browser| {
        browser.size(1280, 900).await;
        let link = "#cancel/crosses-accept;cancel-after=0ms;accept-after=5ms";
        browser.open(&page, link).await;
        browser.until(DRAWN).await;
        assert_eq!(
            browser
                .evaluate("document.querySelector('main h2').textContent")
                .await,
            "cancel/crosses-accept"
        );
        // On the screen: the hangup's line and the accept's line meet between the two parties.
        let crossing = "(() => {
            const lines = [...document.querySelectorAll('.picture .signal .shaft')].map((line) => line.getAttribute('d').match(/[\\d.]+/g).map(Number));
            const side = ([x1, y1, x2, y2], x, y) => Math.sign((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1));
            const meet = (a, b) => side(a, b[0], b[1]) * side(a, b[2], b[3]) < 0 && side(b, a[0], a[1]) * side(b, a[2], a[3]) < 0;
            return lines.some((a, at) => lines.slice(at + 1).some((b) => meet(a, b)));
        })()";
        assert_eq!(browser.evaluate(crossing).await, true);
        browser.picture("crossing.png").await;
        browser.prefers("dark").await;
        browser.picture("crossing-dark.png").await;
        let ground = "getComputedStyle(document.body).backgroundColor";
        let dark = browser.evaluate(ground).await;
        browser.evaluate("document.getElementById('theme').click()").await;
        assert_ne!(browser.evaluate(ground).await, dark, "light was asked for");
        browser.prefers("light").await;
        browser.size(420, 900).await;
        browser.picture("crossing-narrow.png").await;
        let wide = browser.evaluate("document.documentElement.scrollWidth").await;
        assert!(
            wide.as_u64().is_some_and(|wide| wide <= 420),
            "the page itself scrolls sideways: {wide}"
        );
        // A link as mail programs make it.
        browser
            .open(
                &page,
                "#cancel%2Fcrosses-accept%3Bcancel-after%3D0ms%3Baccept-after%3D5ms",
            )
            .await;
        browser.until(DRAWN).await;
        browser.open(&page, "#no/such-scenario").await;
        let text = browser
            .evaluate("document.querySelector('main').textContent")
            .await;
        assert!(
            text.as_str()
                .is_some_and(|text| text.contains("no scenario by the name"))
        );
    });
}

#[test]
fn offers_candidates_answers_and_chat_can_be_read() {
    let page = PAGE.clone();
    in_a_browser(async |browser| {
        browser.size(1600, 1000).await;
        browser.open(&page, "#chat/during-a-call").await;
        browser.until(DRAWN).await;
        let open = |what: &str| {
            format!(
                "[...document.querySelectorAll('.picture [role=button]')].find((row) => row.getAttribute('aria-label').includes('{what}')).dispatchEvent(new MouseEvent('click'))"
            )
        };
        let stanza = "document.querySelector('.stanza').textContent";
        browser.evaluate(&open("sends offer")).await;
        let text = browser.evaluate(stanza).await;
        let text = text.as_str().expect("a text");
        assert!(
            text.contains("SDP, ")
                && text.contains("\n  a=")
                && text.contains("The same text, as it arrived"),
            "{text}"
        );
        browser.picture("offer.png").await;
        browser.evaluate(&open("sends ice-candidate")).await;
        let text = browser.evaluate(stanza).await;
        assert!(
            text.as_str()
                .is_some_and(|text| text.contains("Candidate") && text.contains("1 (RTP)")),
            "{text}"
        );
        browser.evaluate(&open("sends chat")).await;
        let text = browser.evaluate(stanza).await;
        assert!(
            text.as_str().is_some_and(|text| text.contains("<body>")),
            "{text}"
        );
        let rows = "document.querySelectorAll('.picture [role=button]').length";
        let before = browser.evaluate(rows).await.as_u64();
        browser
            .evaluate("document.querySelector('.board-head input').click()")
            .await;
        assert!(
            browser.evaluate(rows).await.as_u64() > before,
            "answers are shown"
        );
        browser.picture("answers.png").await;
    });
}

#[test]
fn axe_finds_nothing() {
    let Ok(axe) = std::fs::read_to_string(from_npm("axe-core", "4.14.1", "axe.min.js")) else {
        return without("axe-core (from npm)");
    };
    let page = PAGE.clone();
    in_a_browser(async |browser| {
        for (scheme, width) in [("light", 1280), ("dark", 1280), ("light", 420)] {
            browser.size(width, 900).await;
            browser.prefers(scheme).await;
            for fragment in ["", "#made/delivered-twice", "#chat/during-a-call"] {
                browser.open(&page, fragment).await;
                if !fragment.is_empty() {
                    browser.until(DRAWN).await;
                    let row = "document.querySelectorAll('.picture [role=button]')[1].dispatchEvent(new MouseEvent('click'))";
                    browser.evaluate(row).await;
                }
                browser.evaluate(&axe).await;
                let found = "axe.run(document, { resultTypes: ['violations'] }).then((found) => found.violations.map((rule) => \
                             `${rule.impact} ${rule.id}: ${rule.nodes.map((node) => node.target).slice(0, 3).join(' | ')} ${rule.nodes[0].failureSummary}`))";
                assert_eq!(
                    browser.evaluate(found).await,
                    json!([]),
                    "{scheme} {width} {fragment}"
                );
            }
        }
    });
}

#[test]
fn two_thousand_scenarios_open_within_a_second() {
    let mut summary = HISTORY.summary();
    let few = summary.scenarios.clone();
    let many = (0..2_000).filter_map(|n| {
        let entry = few.get(n % few.len())?;
        Some(Entry {
            matrix: vec![format!("n={n}")],
            ..entry.clone()
        })
    });
    summary.scenarios = many.collect();
    let page = HISTORY.page(&summary, "many.html");
    let size = std::fs::metadata(&page).expect("a file").len();
    in_a_browser(async |browser| {
        browser.size(1280, 900).await;
        browser.open(&page, "").await;
        let listed = "document.querySelectorAll('#scenarios li').length";
        assert_eq!(browser.evaluate(listed).await, 2_000);
        // From the first byte to the loaded page, with the list painted long before.
        let took = "performance.getEntriesByType('navigation')[0].loadEventEnd";
        let painted = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime";
        let took = browser.evaluate(took).await.as_f64().expect("milliseconds");
        let painted = browser.evaluate(painted).await;
        eprintln!("2000 scenarios, {size} bytes: loaded in {took:.0} ms, painted after {painted} ms");
        // A machine that builds three things at once is no measure; alone it takes a third of this.
        assert!(took < 3_000.0, "{took} ms");
        let text = "{ const it = document.getElementById('text'); it.value = 'n=1999'; it.dispatchEvent(new Event('input')); }";
        browser.evaluate(text).await;
        assert_eq!(browser.evaluate(LISTED).await.as_array().map(Vec::len), Some(1));
        browser.key("j").await;
        browser.until("location.hash.endsWith('n=1999')").await;
        browser.until(DRAWN).await;
    });
}

#[test]
fn what_a_hostile_server_sent_runs_nowhere() {
    let bad = "</script><script>window.broken = 1</script><img src=x onerror='window.broken=1'>\u{2028}\"'`";
    let mut summary = HISTORY.summary();
    let entry = summary.scenarios.first_mut().expect("a scenario");
    entry.name = bad.to_owned();
    entry.about = bad.to_owned();
    entry.reason = Some(bad.to_owned());
    entry.tags = vec![bad.to_owned()];
    for found in &mut entry.findings {
        found.message = bad.to_owned();
        found.seen = bad.to_owned();
        found.text = bad.to_owned();
    }
    let text = std::fs::read_to_string(HISTORY.judged.first().map(|(_, _, file)| file).expect("a file"));
    let text = text.expect("a transcript").replace(
        "cancelled",
        "<\\/script><script>window.broken=1<\\/script>&lt;img src=x onerror=window.broken=1&gt;",
    );
    let hostile = HISTORY.folder.path().join("hostile.jsonl");
    std::fs::write(&hostile, text).expect("a file");
    entry.transcript = Some(hostile.display().to_string());
    let page = HISTORY.page(&summary, "hostile.html");
    in_a_browser(async |browser| {
        browser.open(&page, "").await;
        browser.key("j").await;
        browser.until(DRAWN).await;
        let rows = "document.querySelectorAll('.picture [role=button]').forEach((row) => row.dispatchEvent(new MouseEvent('click')))";
        browser.evaluate(rows).await;
        assert_eq!(
            browser
                .evaluate("window.broken === undefined && document.querySelectorAll('img').length === 0")
                .await,
            true
        );
        assert_eq!(
            browser
                .evaluate("document.querySelector('main h2').textContent")
                .await,
            bad
        );
    });
}
