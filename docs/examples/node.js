// A ZigBee node, for bridge.js: its timers, its datagrams, its network, and the ZDO frames
// that docs/guides/exec.md lists under "Frames". What is above that is in bridge.js.

"use strict";

const { Reader, TooShort } = require("./image.js");

const SECOND = 1_000_000;
const EVERYBODY = 0xfffd;
const REJOIN_RETRY = 60;
const SUCCESS = 0x00, NOT_ACTIVE = 0x83;

const octets = (size, write) => { const b = Buffer.alloc(size); write(b); return b; };
const u8 = (n) => Buffer.from([n]);
const u16 = (n) => octets(2, (b) => b.writeUInt16LE(n));
const u32 = (n) => octets(4, (b) => b.writeUInt32LE(n));
const eui64 = (hex) => Buffer.from(hex, "hex").reverse();

class Node {
  /** Begin a new node: who it is, its one endpoint, and the seed of all chance. */
  constructor(identity, endpoint, seed) {
    this.identity = identity;
    this.endpoint = endpoint; // { number, profile, device, cluster }
    this.random = parseInt(seed.slice(8), 16);
    // What outlives a loss of power; the server is { address, endpoint, eui64 }.
    this.flash = { joined: false, server: null, frames: 0 };
  }

  /** Forget RAM. */
  reset() {
    this.timers = {}; // when which method is called
    this.address = null;
    this.sequence = 0;
    this.apsCounter = 0;
  }

  // --- time and chance -------------------------------------------------------------------------

  get deadline() {
    const times = Object.values(this.timers);
    return times.length ? Math.max(this.now, Math.min(...times)) : null;
  }

  after(delay_s, name) { this.timers[name] = this.now + delay_s * SECOND; }
  cancel(...names) { for (const name of names) delete this.timers[name]; }

  /** Do what is due, the earliest first. */
  wake() {
    for (;;) {
      const due = Object.entries(this.timers).filter(([, at]) => at <= this.now);
      if (due.length === 0) return;
      const [name] = due.reduce((a, b) => (b[1] < a[1] ? b : a));
      this.cancel(name);
      this[name]();
    }
  }

  /** Draw a number below a limit (the generator of Numerical Recipes). */
  chance(below) {
    this.random = (Math.imul(this.random, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.random / 2 ** 32) * below);
  }

  // --- actions ---------------------------------------------------------------------------------

  do(kind, fields = {}) { this.actions.push({ kind, ...fields }); }
  report(what, ...details) { this.do("Report", { what, details }); }

  send(datagram, ...fields) {
    if (this.address === null || this.traits.mute) return;
    const payload = Buffer.concat(fields).toString("hex");
    const counters = { aps_counter: this.apsCounter++ & 0xff, frame_counter: this.flash.frames++ };
    const own = { kind: "Datagram", source: this.address, key_id: this.keyId };
    this.do("Send", { datagram: { ...own, ...datagram, payload, ...counters } });
  }

  nextSequence() { return u8(this.sequence++ & 0xff); }

  sendZdo(destination, cluster, ...fields) {
    const ends = { source_endpoint: 0, destination_endpoint: 0, profile: 0 };
    this.send({ destination, cluster, ...ends }, ...fields);
  }

  askZdo(destination, cluster, ...fields) {
    this.sendZdo(destination, cluster, this.nextSequence(), ...fields);
  }

  sendZcl({ address, endpoint }, ...fields) {
    const { number, profile, cluster } = this.endpoint;
    const ends = { source_endpoint: number, destination_endpoint: endpoint, profile };
    this.send({ destination: address, cluster, ...ends, options: 3 }, ...fields);
  }

  /** Send a command to the server. */
  ask(command, ...fields) {
    this.sendZcl(this.flash.server, u8(0x01), this.nextSequence(), u8(command), ...fields);
  }

  /** Answer a request with a general command. */
  answer(request, command, ...fields) {
    this.sendZcl(request.from, u8(0x10), request.sequence, u8(command), ...fields);
  }

  /** Answer with a Default Response. */
  refuse(request, status) {
    if (!request.broadcast) this.answer(request, 0x0b, u8(request.command), u8(status));
  }

  // --- network ---------------------------------------------------------------------------------

  join() {
    this.after(REJOIN_RETRY, "join");
    if (this.traits.mute) return;
    this.do("Join", { eui64: this.identity.eui64, rejoin: this.flash.joined });
  }

  event(event) {
    if (this.traits.deaf) return;
    if (event.kind === "Joined") {
      this.cancel("join");
      this.flash.joined = true;
      this.address = event.address;
      this.keyId = event.key_id ?? null;
      const own = [u16(this.address), eui64(this.identity.eui64)];
      this.askZdo(EVERYBODY, 0x0013, ...own, u8(0x8e)); // Device_annce
      this.onJoined();
    } else if (event.kind === "Left") {
      this.address = null;
      this.flash.joined = false;
      this.flash.server = null;
      this.onLeft();
      this.after(REJOIN_RETRY, "join");
    }
  }

  receive(datagram) {
    if (this.address === null || this.traits.deaf) return;
    const reader = new Reader(Buffer.from(datagram.payload, "hex"));
    try {
      if (datagram.profile === 0) this.onZdo(datagram, reader);
      else if (datagram.cluster === this.endpoint.cluster) this.onZcl(datagram, reader);
    } catch (error) { // too short to say what it is
      if (!(error instanceof TooShort)) throw error;
    }
  }

  /** Ask who serves our cluster. */
  findServer() {
    const { profile, cluster } = this.endpoint;
    this.flash.server = null;
    this.askZdo(EVERYBODY, 0x0006, u16(EVERYBODY), u16(profile), u8(1), u16(cluster), u8(0));
  }

  onZdo(datagram, reader) {
    const sequence = reader.take(1);
    const answer = (cluster, status, ...fields) =>
      this.sendZdo(datagram.source, cluster, sequence, u8(status), u16(this.address), ...fields);
    if (datagram.cluster === 0x8006) this.onMatch(reader);
    if (datagram.cluster === 0x8001) this.onAddress(reader);
    if (datagram.cluster === 0x0005 && reader.u16() === this.address) { // Active_EP_req
      answer(0x8005, SUCCESS, u8(1), u8(this.endpoint.number));
    }
    if (datagram.cluster === 0x0004 && reader.u16() === this.address) { // Simple_Desc_req
      const { number, profile, device, cluster } = this.endpoint;
      if (reader.u8() !== number) return answer(0x8004, NOT_ACTIVE, u8(0));
      const clusters = [u8(0), u8(1), u16(cluster)]; // no input, one output
      const descriptor = [u8(number), u16(profile), u16(device), u8(0), ...clusters];
      answer(0x8004, SUCCESS, u8(Buffer.concat(descriptor).length), ...descriptor);
    }
  }

  /** Take the first answer to findServer, and ask for the server's EUI-64. */
  onMatch(reader) {
    if (this.flash.server || reader.u8() !== SUCCESS) return;
    const address = reader.u16();
    if (reader.u8() === 0) return;
    this.flash.server = { address, endpoint: reader.u8(), eui64: Buffer.alloc(8, 0xff) };
    this.askZdo(address, 0x0001, u16(address), u8(0), u8(0));
    this.onServer();
  }

  onAddress(reader) {
    if (reader.u8() !== SUCCESS) return;
    const found = reader.take(8);
    if (reader.u16() === this.flash.server?.address) this.flash.server.eui64 = found;
  }
}

module.exports = { Node, SECOND, eui64, u8, u16, u32 };
