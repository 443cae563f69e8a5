//! A ladder as SVG: for a ticket by itself, or inside the HTML report.

mod draw;
mod layout;
mod palette;

pub use draw::{embedded, standalone};
pub use palette::properties;

/// The style of ladders, over the custom properties of [`properties`].
pub const STYLE: &str = include_str!("ladder.css");

/// Text for XML and HTML, in content and in either kind of quotes; what XML 1.0 does not allow becomes U+FFFD.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
