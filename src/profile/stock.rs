//! What stock servers are seen to break, each with how it was seen.

/// Rule, pattern of the scenarios, evidence.
pub type Known = (&'static str, &'static str, &'static str);

/// Prosody 0.12.3.
pub const PROSODY: [Known; 2] = [
    (
        "TR-08",
        "*",
        "Prosody 0.12.3 keeps a continuation frame that nothing began and says nothing about it, where RFC 6455 §5.4 knows no such frame and §7.1.7 has the connection failed",
    ),
    (
        "RT-15",
        "*",
        "Prosody 0.12.3 writes a carriage return that came as `&#xD;` bare, where XML 1.0 §2.11 has a reader take it for a line feed",
    ),
];

/// ejabberd 23.01.
pub const EJABBERD: [Known; 9] = [
    (
        "TR-01",
        "*",
        "ejabberd 23.01 answers an upgrade with the whole list of sub-protocols that was offered, or with one that is not xmpp, where RFC 6455 §4.2.2 has one of them chosen and RFC 7395 §3.1 has it be xmpp",
    ),
    (
        "TR-02",
        "*",
        "ejabberd 23.01 on Erlang/OTP 25 now and then (once in some 15,000 logins of a busy machine) loses an <open/> that comes right behind its answer to the upgrade: the runtime has read the bytes before the process asks for them, where RFC 7395 §3.4 has the <open/> answered",
    ),
    (
        "TR-08",
        "*",
        "ejabberd 23.01 takes a binary frame for a text frame, where RFC 7395 §3.2 has text frames only",
    ),
    (
        "TR-09",
        "*",
        "ejabberd 23.01 ends a WebSocket stream on XML that is not well-formed with <close/> alone, where RFC 7395 §3.5 has the stream error sent first",
    ),
    (
        "RB-01",
        "*",
        "ejabberd 23.01 skips comments and processing instructions and delivers the stanza around them, where RFC 6120 §11.1 has them refused",
    ),
    (
        "AU-02",
        "auth/token-out-of-its-time cookie=not-yet",
        "ejabberd 23.01 takes a JWT as password before the time of its `nbf` has come, where RFC 7519 §4.1.5 has it not accepted for processing",
    ),
    (
        "AU-03",
        "auth/token-of-another-hand cookie=other-algorithm",
        "ejabberd 23.01 takes a JWT as password that is signed with HS512 by a key whose JWK says HS256, where RFC 8725 §3.1 has each key used with exactly one algorithm, and that checked",
    ),
    (
        "RT-15",
        "*",
        "ejabberd 23.01 writes a carriage return that came as `&#xD;` bare, where XML 1.0 §2.11 has a reader take it for a line feed",
    ),
    (
        "AU-04",
        "*",
        "ejabberd 23.01 binds a user who logs in by PLAIN with its own password under the authorization identity that it asks for, another user's too, and hands it that user's messages, where RFC 6120 §6.3.8 and RFC 4616 §2 have that refused",
    ),
];
