//! The form of an answer, and what an error says.

use minidom::Element;

use super::{CLIENT, IqType, STANZA_ERRORS, STREAM, STREAM_ERRORS, Stanza};

const NO_TYPE: &str = "its `<error/>` has no `type` of auth, cancel, continue, modify or wait";

impl Stanza {
    /// Whether it has the form of an answer: a result with at most one child, or a proper error (RFC 6120 §8.2.3). Who
    /// accepts only what it has validated may drop any other (§11.3).
    pub fn is_sound_answer(&self) -> bool {
        match self.iq_type() {
            Some(IqType::Result) => self.children() <= 1,
            Some(IqType::Error) => self.error_fault().is_none(),
            _ => false,
        }
    }

    /// What an answer of type `error` lacks of the form of a stanza error (RFC 6120 §8.3.2); `None`: nothing.
    pub fn error_fault(&self) -> Option<&'static str> {
        if self.quick_condition().is_some() {
            let kind = self
                .quick()
                .and_then(|quick| quick.attr_of_child(self.raw(), "type"));
            return match kind {
                Some("auth" | "cancel" | "continue" | "modify" | "wait") => None,
                _ => Some(NO_TYPE),
            };
        }
        let mut errors = self
            .element()
            .children()
            .filter(|child| child.is("error", CLIENT));
        let (Some(error), None) = (errors.next(), errors.next()) else {
            return Some("it does not hold one `<error/>`");
        };
        if !matches!(
            error.attr("type"),
            Some("auth" | "cancel" | "continue" | "modify" | "wait")
        ) {
            return Some(NO_TYPE);
        }
        let of_error = |child: &&Element| child.has_ns(STANZA_ERRORS) && child.name() != "text";
        match error.children().filter(of_error).count() {
            1 => None,
            0 => Some("its `<error/>` names no defined condition"),
            _ => Some("its `<error/>` names more than one defined condition"),
        }
    }

    /// The defined condition of a stanza error or a stream error, such as `service-unavailable`
    /// (RFC 6120 §8.3.3, §4.9.3).
    pub fn error_condition(&self) -> Option<&str> {
        let (parent, ns) = if self.is("error", STREAM) {
            (Some(self.element()), STREAM_ERRORS)
        } else if self.quick().is_some() {
            // An `<error/>` that holds no element names no condition.
            return self.quick_condition();
        } else {
            (self.element().get_child("error", CLIENT), STANZA_ERRORS)
        };
        parent?
            .children()
            .find(|child| child.has_ns(ns) && child.name() != "text")
            .map(Element::name)
    }

    /// The `type` of a stanza error: what its receiver is to do about it (RFC 6120 §8.3.2).
    pub fn error_type(&self) -> Option<&str> {
        match self.quick() {
            Some(quick) => quick.attr_of_child(self.raw(), "type"),
            None => self.element().get_child("error", CLIENT)?.attr("type"),
        }
    }

    /// The condition that its `<error/>` names, where it takes no tree to tell.
    fn quick_condition(&self) -> Option<&str> {
        let quick = self.quick()?;
        let raw = self.raw();
        let (name, own) = quick.child(raw)?;
        let inherited = own.or(quick.ns(raw)).unwrap_or(CLIENT);
        let (condition, ns) = quick.condition(raw)?;
        let fits = name == "error" && inherited == CLIENT && ns == Some(STANZA_ERRORS) && condition != "text";
        fits.then_some(condition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_an_error_lacks() {
        let fault = |error: &str| {
            let raw = format!("<iq type='error' id='a'>{error}</iq>");
            Stanza::parse(raw).expect("a stanza").error_fault()
        };
        const GONE: &str = "<gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:a@b</gone>";
        const TEXT: &str = "<text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>moved</text><own xmlns='x'/>";
        assert_eq!(
            fault(&format!(
                "<a xmlns='x'/><error type='cancel'>{GONE}{TEXT}</error>"
            )),
            None
        );
        for (error, says) in [
            (String::new(), "one `<error/>`"),
            (
                format!("<error type='cancel'>{GONE}</error>").repeat(2),
                "one `<error/>`",
            ),
            (format!("<error>{GONE}</error>"), "no `type`"),
            (format!("<error type='fatal'>{GONE}</error>"), "no `type`"),
            (
                format!("<error type='cancel'>{TEXT}</error>"),
                "no defined condition",
            ),
            (
                format!("<error type='cancel'>{GONE}{GONE}</error>"),
                "more than one",
            ),
        ] {
            assert!(fault(&error).is_some_and(|fault| fault.contains(says)), "{error}");
        }
    }

    #[test]
    fn names_the_condition_of_both_kinds_of_error() {
        let stanza = "<iq type='error' id='a'><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
        assert_eq!(
            Stanza::parse(stanza).expect("a stanza").error_condition(),
            Some("service-unavailable")
        );
        let stream = "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
        assert_eq!(
            Stanza::parse(stream).expect("a stream error").error_condition(),
            Some("conflict")
        );
    }
}
