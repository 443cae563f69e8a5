// One side of a voice call over XMPP, as an application would write it; `bug` names what it gets wrong.
"use strict";

const NS = "urn:xmpp:call:0";
const STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas";

class Call {
  constructor({ url, jid, password, own, peer, peerJid, callId, bug }) {
    Object.assign(this, { url, jid, password, own, peer, peerJid, callId, bug });
    this.waiting = [];
    this.inbox = [];
    this.early = [];
    this.pending = [];
    this.described = false;
    // What has happened, for whoever has to find out why it goes no further.
    this.told = [];
  }

  connect() {
    this.xmpp = new Strophe.Connection(this.url);
    return new Promise((done, fail) => {
      this.xmpp.connect(this.jid, this.password, (status, why) => {
        if (status === Strophe.Status.CONNECTED) {
          this.xmpp.addHandler((iq) => this.take(iq), NS, "iq", "set");
          this.xmpp.send($pres());
          done(this.xmpp.jid);
        } else if (status === Strophe.Status.CONNFAIL || status === Strophe.Status.AUTHFAIL) {
          fail(new Error(`not connected: ${status} ${why}`));
        }
      });
    });
  }

  disconnect() {
    return new Promise((done) => {
      this.xmpp.connect_callback = (status) => status === Strophe.Status.DISCONNECTED && done();
      this.xmpp.disconnect();
    });
  }

  // An incoming signal: acknowledged at once, and taken up in its order.
  take(iq) {
    const signal = JSON.parse(iq.getElementsByTagName("call")[0].textContent);
    this.told.push(`< ${signal.type}`);
    const head = { to: iq.getAttribute("from"), id: iq.getAttribute("id") };
    if (signal.type === "call:answer" && !this.described) {
      // It answers nothing.
      const refusal = $iq({ type: "error", ...head }).c("error", { type: "wait" });
      this.xmpp.send(refusal.c("unexpected-request", { xmlns: STANZAS }));
      return true;
    }
    const result = $iq({ type: "result", ...head });
    this.xmpp.send(result);
    if (this.bug === "answers-twice") this.xmpp.send(result);
    if (signal.type === "call:ice-candidate") {
      this.candidate(signal.payload);
    } else {
      this.inbox.push(signal);
      this.deliver();
    }
    return true;
  }

  deliver() {
    this.waiting = this.waiting.filter(({ type, done }) => {
      const at = this.inbox.findIndex((signal) => signal.type === `call:${type}`);
      if (at < 0) return true;
      done(this.inbox.splice(at, 1)[0].payload);
      return false;
    });
  }

  receives(type) {
    return new Promise((done) => {
      this.waiting.push({ type, done });
      this.deliver();
    });
  }

  // Sends a signal; the promise is kept when it is answered, with a result or an error.
  sends(type, payload, to = this.peerJid) {
    const signal = {
      type: `call:${type}`,
      callId: this.callId,
      senderId: this.own,
      recipientId: this.peer,
      timestamp: new Date().toISOString(),
      payload,
    };
    this.told.push(`> ${signal.type}`);
    const iq = $iq({ type: "set", to, id: crypto.randomUUID() });
    iq.c("call", { xmlns: NS }).t(JSON.stringify(signal));
    return new Promise((done) => this.xmpp.sendIQ(iq, done, done));
  }

  async media() {
    const pc = (this.pc = new RTCPeerConnection());
    pc.onconnectionstatechange = () => this.told.push(pc.connectionState);
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    this.told.push("a microphone");
    stream.getTracks().forEach((track) => pc.addTrack(track, stream));
    // A track is muted until its first media has come.
    this.audible = new Promise((done) => {
      pc.ontrack = ({ track, streams }) => {
        document.getElementById("other").srcObject = streams[0];
        if (track.muted) track.onunmute = done;
        else done();
      };
    });
    // Candidates wait until the description that they belong to has gone out.
    pc.onicecandidate = ({ candidate }) => {
      if (candidate) this.described ? this.sends("ice-candidate", candidate.toJSON()) : this.early.push(candidate);
    };
  }

  describe(description) {
    const { type, sdp } = description;
    const gone = this.sends(type, this.bug === "no-type" ? { sdp } : { type, sdp });
    this.described = true;
    this.early.splice(0).forEach((candidate) => this.sends("ice-candidate", candidate.toJSON()));
    return gone;
  }

  candidate(payload) {
    if (this.pc?.remoteDescription) this.pc.addIceCandidate(payload);
    else this.pending.push(payload);
  }

  async remote(description) {
    await this.pc.setRemoteDescription(description);
    this.pending.splice(0).forEach((payload) => this.pc.addIceCandidate(payload));
  }

  async caller() {
    await this.media();
    await this.sends("initiate", { callerName: "Alice", callerAvatar: null });
    if (this.bug === "calls-another") await this.sends("initiate", { callerName: "Alice" }, "carol@localhost/none");
    await this.receives("accept");
    const since = Date.now();
    await this.pc.setLocalDescription(await this.pc.createOffer());
    await this.describe(this.pc.localDescription);
    await this.remote({ type: "answer", ...(await this.receives("answer")) });
    await this.audible;
    await this.sends("mute-change", { muted: true });
    // The other side hears, too.
    await this.receives("mute-change");
    this.pc.close();
    await this.sends("hangup", { reason: "completed", duration: Math.floor((Date.now() - since) / 1000) });
    if (this.bug === "late-candidate") {
      await this.sends("ice-candidate", { candidate: "", sdpMid: "0", sdpMLineIndex: 0 });
    }
  }

  async callee() {
    await this.media();
    await this.receives("initiate");
    if (this.bug === "answers-early") {
      const guess = new RTCPeerConnection();
      guess.addTransceiver("audio");
      const { sdp } = await guess.createOffer();
      await this.sends("answer", { type: "answer", sdp: sdp.replaceAll("a=setup:actpass", "a=setup:active") });
      guess.close();
    }
    await this.sends("accept", {});
    await this.remote({ type: "offer", ...(await this.receives("offer")) });
    await this.pc.setLocalDescription(await this.pc.createAnswer());
    await this.describe(this.pc.localDescription);
    await this.audible;
    await this.sends("mute-change", { muted: true });
    await this.receives("hangup");
    this.pc.close();
  }
}
