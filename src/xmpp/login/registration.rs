//! Accounts made and removed by in-band registration (XEP-0077).

use super::super::dial::Secret;
use super::{ConnectError, Dial, Login, Opening, Said, Stage, connect, reach, within};
use crate::stanza::{CLIENT, IqType, escape};

/// Makes an account by in-band registration (XEP-0077 §3.1), or removes it again (§3.2).
pub async fn register(dial: &Dial, login: &Login) -> Result<(), ConnectError> {
    let stage = Stage::new("the connection");
    let work = async {
        let (reader, writer) = reach(dial, &stage).await?;
        let mut stream = Opening {
            reader,
            writer,
            stage: &stage,
        };
        stream.open(dial, "the opening of the stream").await?;
        let (user, _) = login.jid.split_once('@').unwrap_or((&login.jid, ""));
        let password = login.password.as_ref().map(Secret::expose).unwrap_or_default();
        let form = format!(
            "<username>{}</username><password>{}</password>",
            escape(user),
            escape(password)
        );
        stream.registration(&dial.domain, &form).await?;
        // The account is made; how the stream ends changes nothing about it.
        let _ = stream.writer.close_stream().await;
        let _ = stream.writer.close_connection().await;
        Ok(())
    };
    within(dial.deadline, &stage, work).await
}

/// Removes an account that [`register`] made.
pub async fn unregister(dial: &Dial, login: &Login) -> Result<(), ConnectError> {
    let session = connect(dial, login).await?;
    let stage = Stage::new("removing the account");
    let work = async {
        let mut stream = Opening {
            reader: session.reader,
            writer: session.writer,
            stage: &stage,
        };
        stream.registration(&dial.domain, "<remove/>").await
    };
    within(dial.deadline, &stage, work).await
}

impl Opening<'_> {
    async fn registration(&mut self, domain: &str, form: &str) -> Result<(), ConnectError> {
        self.stage.set("the registration");
        self.write(&format!(
            r#"<iq xmlns="{CLIENT}" type="set" id="register" to="{}"><query xmlns="jabber:iq:register">{form}</query></iq>"#,
            escape(domain)
        ))
        .await?;
        loop {
            let Some(element) = self.read().await? else {
                continue;
            };
            match element.iq_type() {
                Some(IqType::Result) if element.id() == Some("register") => return Ok(()),
                Some(IqType::Error) if element.id() == Some("register") => {
                    return Err(ConnectError::Registration(Said::of(&element, "error")));
                }
                _ => {}
            }
        }
    }
}
