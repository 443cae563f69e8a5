//! What lets someone in passes to the server as it is, and is written down and told nowhere.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use super::proxy::{record, transcripts};
use super::support::{callspec, run};

const HEADER: &str = "<stream:stream to='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
const TOKEN: &str = "t0k.en-of-alice";

/// Reads until this has come.
fn until(stream: &mut TcpStream, read: &mut String, wanted: &str) {
    let mut chunk = [0; 4_096];
    while !read.contains(wanted) {
        let length = stream.read(&mut chunk).expect("more");
        assert!(length > 0, "never came: {wanted}\n{read}");
        read.push_str(std::str::from_utf8(&chunk[..length]).expect("ASCII"));
    }
}

/// What the client says, what the server waits for before it answers, and its answer.
fn talk() -> Vec<(String, &'static str, String)> {
    let step = |says: &str, wanted, answers: &str| (says.to_owned(), wanted, answers.to_owned());
    let sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
    vec![
        step(HEADER, "1.0'>", &format!("{HEADER}<stream:features/>")),
        step(
            // Base64 of the token.
            &format!("<auth xmlns='{sasl}' mechanism='X-TOKEN'>dDBrLmVuLW9mLWFsaWNl</auth>"),
            "</auth>",
            &format!("<success xmlns='{sasl}'>cHJvb2Ytb2Ytc2VydmVy</success>"),
        ),
        step(
            &format!("{HEADER}<iq id='b' type='set'/>"),
            "id='b'",
            &format!(
                "{HEADER}<stream:features/><iq type='result' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>\
             <jid>alice@localhost/a</jid></bind></iq>"
            ),
        ),
        step(
            "<iq id='c' type='get'><services xmlns='urn:xmpp:extdisco:2'/></iq>",
            "id='c'",
            "<iq type='result' id='c'><services xmlns='urn:xmpp:extdisco:2'><service host='turn.localhost' type='turn' \
             username='u' password = \"relay-password\"/></services></iq>",
        ),
        step(
            "<iq id='d' type='get'><request xmlns='urn:xmpp:http:upload:0'/></iq>",
            "id='d'",
            "<iq type='result' id='d'><slot xmlns='urn:xmpp:http:upload:0'><put url='https://u.localhost/f?v=upload-mac'>\
             <header name='Authorization'>Bearer upload-token</header></put></slot></iq>",
        ),
        step(
            "<iq id='e' type='set'><query xmlns='jabber:iq:register'><username>alice</username><password>\
             <![CDATA[new-password]]></password></query></iq>",
            "id='e'",
            "<iq type='result' id='e'/>",
        ),
        step(
            "<iq id='f' type='set'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>\
             <field var='password' type='text-private'><value>form-password</value></field></x></query></iq>",
            "id='f'",
            &format!("<message><body>{TOKEN} has come</body></message><iq type='result' id='f'/>"),
        ),
        step("</stream:stream>", "</stream:stream>", "</stream:stream>"),
    ]
}

#[test]
fn nothing_that_lets_someone_in_is_written_down_or_told() {
    let folder = tempfile::TempDir::new().expect("a folder");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let args = ["--insecure-plaintext", "--split", "session"];
    let proxy = record(&format!("xmpp://127.0.0.1:{port}"), folder.path(), &args);
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut all = String::new();
        for (_, wanted, answer) in talk() {
            let mut read = String::new();
            until(&mut stream, &mut read, wanted);
            all.push_str(&read);
            stream.write_all(answer.as_bytes()).expect("written");
        }
        all
    });
    let mut client = TcpStream::connect(proxy.host()).expect("a connection");
    let (mut sent, mut came) = (String::new(), String::new());
    for (says, _, answer) in talk() {
        client.write_all(says.as_bytes()).expect("written");
        let mut read = String::new();
        until(&mut client, &mut read, &answer);
        sent.push_str(&says);
        came.push_str(&read);
    }
    drop(client);
    assert_eq!(serving.join().expect("a server"), sent);
    assert!(
        came.contains("relay-password") && came.contains("upload-mac"),
        "{came}"
    );
    let (status, mut said) = proxy.end();
    assert_eq!(status, Some(0), "{said}");
    for file in transcripts(folder.path()) {
        said.push_str(&std::fs::read_to_string(&file).expect("a text"));
        said.push_str(&run(callspec().arg("show").arg(&file)).out);
    }
    for secret in [
        TOKEN,
        "dDBrLmVu",
        "cHJvb2Yt",
        "relay-password",
        "upload-",
        "new-password",
        "form-password",
    ] {
        assert!(!said.contains(secret), "{secret} in\n{said}");
    }
    for rest in ["turn.localhost", "https://u.localhost/f?***", "*** has come"] {
        assert!(said.contains(rest), "no {rest} in\n{said}");
    }
}
