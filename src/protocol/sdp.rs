//! Looks at the lines of a session description: how they end, and how they begin.

/// Something wrong with the lines of an SDP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The catalogue id.
    pub rule: &'static str,
    pub message: &'static str,
    /// Counts as a should: RFC 8866 §5 tells readers to take a lone LF.
    pub should: bool,
}

/// The lints of an SDP text (RFC 8866 §5). Where the line ends are escaped twice, that is all that is said.
#[must_use]
pub fn lint(sdp: &str) -> Vec<Lint> {
    if sdp.contains("\\r\\n") {
        return vec![Lint {
            rule: "SD-02",
            message: "the line ends are escaped twice: the SDP holds the four characters \\r\\n instead of CR LF",
            should: false,
        }];
    }
    let mut lints = Vec::new();
    let first = sdp.split(['\r', '\n']).next().unwrap_or_default();
    if first != "v=0" {
        lints.push(Lint {
            rule: "SD-01",
            message: "the SDP does not begin with the line v=0",
            should: false,
        });
    }
    let bytes = sdp.as_bytes();
    let lone_cr = (0..bytes.len()).any(|at| bytes[at] == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    let lone_lf = (0..bytes.len()).any(|at| bytes[at] == b'\n' && (at == 0 || bytes[at - 1] != b'\r'));
    if lone_cr {
        lints.push(Lint {
            rule: "SD-02",
            message: "a line of the SDP ends in CR without LF",
            should: false,
        });
    }
    if lone_lf {
        lints.push(Lint {
            rule: "SD-02",
            message: "a line of the SDP ends in LF without CR",
            should: true,
        });
    }
    if !sdp.is_empty() && !sdp.ends_with(['\r', '\n']) {
        lints.push(Lint {
            rule: "SD-02",
            message: "the last line of the SDP has no line end",
            should: true,
        });
    }
    lints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(sdp: &str) -> Vec<(&'static str, bool)> {
        lint(sdp)
            .into_iter()
            .map(|lint| (lint.rule, lint.should))
            .collect()
    }

    #[test]
    fn line_ends_and_the_first_line_are_looked_at() {
        assert_eq!(rules("v=0\r\ns=-\r\n"), []);
        assert_eq!(rules("v=0\ns=-\n"), [("SD-02", true)]);
        assert_eq!(rules("v=0\rs=-\r\n"), [("SD-02", false)]);
        assert_eq!(rules("v=0\r\ns=-"), [("SD-02", true)]);
        assert_eq!(rules("v=0\\r\\ns=-\\r\\n"), [("SD-02", false)]);
        assert_eq!(rules("o=-\r\n"), [("SD-01", false)]);
        assert_eq!(rules(""), [("SD-01", false)]);
    }
}
