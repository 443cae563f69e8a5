//! Terms of Erlang, as its shell and ejabberd's log print them.

/// An Erlang binary or string as its shell prints it: `<<"…">>`, `<<"…"/utf8>>`, `"…"`, `<<60,105,113>>`. A text
/// whose end is missing was cut with its line.
pub(super) fn erlang(term: &str) -> Option<String> {
    let term = term.trim();
    let inner = match term.strip_prefix("<<") {
        Some(binary) => binary.strip_suffix(">>").unwrap_or(binary),
        None => term,
    };
    let inner = inner.strip_suffix("/utf8").unwrap_or(inner);
    if let Some(text) = inner.strip_prefix('"') {
        return Some(unescape(text.strip_suffix('"').unwrap_or(text)));
    }
    let bytes: Option<Vec<u8>> = inner.split(',').map(|n| n.trim().parse().ok()).collect();
    String::from_utf8(bytes?).ok()
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('t') => out.push('\t'),
            Some('s') => out.push(' '),
            Some('e') => out.push('\u{1b}'),
            Some('x') => {
                let rest = chars.as_str();
                let (digits, left) = match rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) {
                    Some(found) => found,
                    None => rest.split_at_checked(2).unwrap_or((rest, "")),
                };
                let code = u32::from_str_radix(digits, 16).ok();
                out.push(code.and_then(char::from_u32).unwrap_or('\u{fffd}'));
                chars = left.chars();
            }
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}
