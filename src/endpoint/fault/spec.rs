//! A fault as it is chosen: `NAME`, or `NAME:every=7,after=10,only=hangup,over=tcp,when=load`.

use super::deed::{Carrier, Deed, Fault, Lie, When};
use super::table::{fault, faults};
use crate::protocol::{Kind, Reason, Role};

/// A fault, and when it strikes: its own conditions, narrowed by those that were given.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    pub fault: &'static Fault,
    pub deed: Deed,
    pub when: When,
    /// As it was given.
    pub text: String,
}

impl From<&'static Fault> for Chosen {
    fn from(fault: &'static Fault) -> Chosen {
        Chosen {
            fault,
            deed: fault.deed,
            when: fault.when,
            text: fault.name.to_owned(),
        }
    }
}

impl std::str::FromStr for Chosen {
    type Err = String;

    fn from_str(text: &str) -> Result<Chosen, String> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let known = fault(name).ok_or_else(|| unknown(name))?;
        let mut chosen = Chosen {
            text: text.to_owned(),
            ..Chosen::from(known)
        };
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            chosen
                .narrow(key.trim(), value.trim())
                .map_err(|why| format!("--fault `{text}`: {why}"))?;
        }
        Ok(chosen)
    }
}

impl Chosen {
    fn narrow(&mut self, key: &str, value: &str) -> Result<(), String> {
        let count = || match value.parse::<u32>() {
            Ok(n) if n > 0 => Ok(n),
            _ => Err(format!("`{key}` wants a whole number above 0, not `{value}`")),
        };
        let role = || match value {
            "caller" => Ok(Role::Caller),
            "callee" => Ok(Role::Callee),
            _ => Err(format!("`{key}` is caller or callee, not `{value}`")),
        };
        match key {
            "every" => self.when.every = Some(count()?),
            "after" => self.when.after = Some(count()?),
            "longer" => self.when.longer = Some(count()? as usize),
            "only" => {
                let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                let kind = Kind::from_name(value)
                    .ok_or_else(|| format!("`only` is one of {}, not `{value}`", names.join(", ")))?;
                self.when.only = Some(kind);
            }
            "reason" => {
                let names: Vec<_> = Reason::ALL.iter().map(|reason| reason.wire()).collect();
                let reason = Reason::ALL.into_iter().find(|reason| reason.wire() == value);
                self.when.reason = Some(
                    reason
                        .ok_or_else(|| format!("`reason` is one of {}, not `{value}`", names.join(", ")))?,
                );
            }
            "over" => {
                self.when.over = Some(match value {
                    "ws" => Carrier::WebSocket,
                    "tcp" => Carrier::Tcp,
                    _ => return Err(format!("`over` is ws or tcp, not `{value}`")),
                });
            }
            "from" => self.when.from = Some(role()?),
            "to" => self.when.to = Some(role()?),
            "when" => match value {
                "load" => self.when.load = true,
                "chat" => self.when.chat = true,
                _ => return Err(format!("`when` is load or chat, not `{value}`")),
            },
            "under-load" if value.is_empty() => self.when.load = true,
            "with-chat" if value.is_empty() => self.when.chat = true,
            "ms" => {
                let ms = u64::from(count()?);
                match &mut self.deed {
                    Deed::Delay(given)
                    | Deed::Double(given)
                    | Deed::Remember(given)
                    | Deed::Lie(Lie::RingsFor(given)) => *given = ms,
                    _ => return Err(format!("`{}` takes no time, so no `ms`", self.fault.name)),
                }
            }
            "max" => match &mut self.deed {
                Deed::Lie(Lie::SessionsAtMost(given, _)) => *given = count()?,
                _ => return Err(format!("`{}` counts nothing, so no `max`", self.fault.name)),
            },
            _ => {
                return Err(format!(
                    "there is no `{key}`: every, after, only, reason, longer, over, from, to, when, under-load, \
                     with-chat, ms and max are there"
                ));
            }
        }
        Ok(())
    }
}

fn unknown(name: &str) -> String {
    let near = faults()
        .map(|fault| (strsim::damerau_levenshtein(fault.name, name), fault.name))
        .min()
        .filter(|(distance, _)| *distance <= 3);
    let hint = near.map_or(String::new(), |(_, near)| format!(" (did you mean `{near}`?)"));
    format!("there is no fault `{name}`{hint}; `callspec serve --faults` lists them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_narrows_what_the_fault_says_itself() {
        let chosen: Chosen = "drop:every=7,after=10,only=hangup,over=tcp,when=load,from=callee"
            .parse()
            .expect("a fault");
        assert_eq!(chosen.fault.name, "drop");
        assert_eq!(
            chosen.when,
            When {
                every: Some(7),
                after: Some(10),
                only: Some(Kind::Hangup),
                over: Some(Carrier::Tcp),
                load: true,
                from: Some(Role::Callee),
                ..When::default()
            }
        );
        let slow: Chosen = "delay:ms=1234,with-chat".parse().expect("a fault");
        assert_eq!((slow.deed, slow.when.chat), (Deed::Delay(1_234), true));
    }

    #[test]
    fn what_is_wrong_with_a_choice_is_said() {
        for (text, why) in [
            ("dorp", "did you mean `drop`?"),
            ("drop:every=0", "`every` wants a whole number above 0"),
            ("drop:only=ring", "`only` is one of initiate"),
            ("drop:over=pigeon", "`over` is ws or tcp"),
            ("drop:ms=5", "takes no time"),
            ("drop:max=5", "counts nothing"),
            ("drop:sometimes", "there is no `sometimes`"),
            ("drop:when=raining", "load or chat"),
        ] {
            let error = text.parse::<Chosen>().expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
