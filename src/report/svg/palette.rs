//! The colours of ladders and of the HTML report, light and dark. Text on its ground has a contrast of 4.5 to 1 at the
//! least, which a test measures.

/// A colour by its name in the style sheets, on a light and on a dark page.
pub struct Colour {
    pub name: &'static str,
    pub light: &'static str,
    pub dark: &'static str,
}

const fn colour(name: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { name, light, dark }
}

pub const PALETTE: &[Colour] = &[
    colour("page", "#fcfcfb", "#15171a"),
    colour("card", "#ffffff", "#1c1f23"),
    colour("sunk", "#f3f3f0", "#101214"),
    colour("ink", "#22252a", "#e4e6e9"),
    colour("quiet", "#5f6670", "#9aa2ac"),
    colour("faint", "#a5abb3", "#5c646e"),
    colour("edge", "#dcddd8", "#33383f"),
    colour("signal", "#2f5f9e", "#7fb0ea"),
    colour("link", "#23568f", "#8dbbf0"),
    colour("good", "#2a6b43", "#7cc796"),
    colour("good-wash", "#e6f2ea", "#1b2c22"),
    colour("bad", "#b3261e", "#f2938c"),
    colour("bad-wash", "#fbeae8", "#34201f"),
    colour("warn", "#865300", "#e2b25f"),
    colour("warn-wash", "#faf0dc", "#2f2716"),
    colour("focus", "#2f5f9e", "#9cc4f5"),
    colour("ringing", "#e0b04a", "#b98a2c"),
    colour("accepted", "#8fb9dd", "#4f7fa8"),
    colour("offered", "#6f9fd0", "#5f93c8"),
    colour("answered", "#6db487", "#4f9a6c"),
    colour("ended", "#c3c6c9", "#4a5058"),
];

/// The custom properties of a style sheet, such as `--ink: #22252a;`.
pub fn properties(dark: bool) -> String {
    let value = |colour: &Colour| if dark { colour.dark } else { colour.light };
    PALETTE
        .iter()
        .map(|colour| format!("--{}: {};", colour.name, value(colour)))
        .collect()
}

/// A style sheet with each colour in its place, for readers of SVG that know no custom properties.
pub fn resolved(css: &str, dark: bool) -> String {
    let mut css = css.to_owned();
    for colour in PALETTE {
        let value = if dark { colour.dark } else { colour.light };
        css = css.replace(&format!("var(--{})", colour.name), value);
    }
    css
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as WCAG 2 defines them.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")) / 255.0;
            if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_on_every_ground_that_it_stands_on() {
        for (text, grounds) in [
            (
                "ink",
                &["page", "card", "sunk", "bad-wash", "warn-wash", "good-wash"][..],
            ),
            ("quiet", &["page", "card", "sunk", "bad-wash", "warn-wash"]),
            ("link", &["page", "card", "sunk"]),
            ("good", &["page", "card", "good-wash"]),
            ("bad", &["page", "card", "bad-wash", "sunk"]),
            ("warn", &["page", "card", "warn-wash", "sunk"]),
        ] {
            for ground in grounds {
                for dark in [false, true] {
                    let of = |name: &str| {
                        let colour = PALETTE.iter().find(|colour| colour.name == name).expect(name);
                        if dark { colour.dark } else { colour.light }
                    };
                    let found = contrast(of(text), of(ground));
                    assert!(found >= 4.5, "{text} on {ground}, dark: {dark}: {found:.2}");
                }
            }
        }
    }

    #[test]
    fn every_colour_of_the_style_sheet_is_known() {
        assert!(!resolved(include_str!("ladder.css"), true).contains("var("));
    }
}
