// A small OTA upgrade client for Hanover's `exec:` lane, in plain JavaScript (Node 20).
//
//     hanover run --link "exec:node docs/examples/bridge.js" --profile docs/examples/bridge.toml
//
// The protocol is that of docs/guides/exec.md. What this leaves out stands in README.md. node.js
// has what is below the OTA cluster, image.js what a firmware file must be.

"use strict";

const readline = require("node:readline");
const { BadImage, TooShort, check, firstImage, parseImage } = require("./image.js");
const { Node, SECOND, eui64, u8, u16, u32 } = require("./node.js");

// What bridge.toml says of this device, in octets and seconds.
const ENDPOINT = { number: 3, profile: 0x0109, device: 0x0008, cluster: 0x0019 };
const STACK_VERSION = 2, CLUSTER_REVISION = 3;
const BLOCK_SIZE = 48, SLOT_SIZE = 0x40000;
const ANSWER_WITHIN = 5, QUERY_TRIES = 3, BLOCK_TRIES = 10;
const DISCOVERY_RETRY = 600, QUERY_PERIOD = 86400, QUERY_JITTER = 3600;
const END_RETRY = 3600, LONGEST_WAIT = 3600, PAST_WAIT = 300, APPLY_DELAY = 3;
const TRIAL_BOOTS = 3, TRIAL_TIME = 1200, TRIAL_CHECKPOINT = 60, TRIAL_RETRY = 60;
const CONFIRM_AFTER = 30, CRASH_AFTER = 5;

// Numbers of the cluster.
const NOTIFY = 0x00, QUERY = 0x01, OFFER = 0x02, BLOCK_REQUEST = 0x03, BLOCK = 0x05;
const END_REQUEST = 0x06, END = 0x07;
const SUCCESS = 0x00, FAILURE = 0x01, MALFORMED = 0x80, UNKNOWN_COMMAND = 0x81;
const UNSUPPORTED_ATTRIBUTE = 0x86, INVALID_VALUE = 0x87, READ_ONLY = 0x88, NO_SPACE = 0x89;
const ABORT = 0x95, INVALID_IMAGE = 0x96, WAIT_FOR_DATA = 0x97;
const NORMAL = 0, DOWNLOADING = 1, DOWNLOADED = 2, WAITING = 3, COUNTING = 4;
const NONE16 = 0xffff, NONE32 = 0xffffffff;
const TYPE_SIZES = { 0x10: 1, 0x18: 1, 0x20: 1, 0x21: 2, 0x23: 4, 0x30: 1, 0x31: 2, 0xf0: 8 };

const ids = (image) => [u16(image.manufacturer), u16(image.type), u32(image.version)];

/** The seconds that a server means: its second time, as an offset or against its first. */
const seconds = (current, then) => (current === 0 ? then : then - current);

class Bridge extends Node {
  constructor({ identity, image, version, seed }) {
    super(identity, ENDPOINT, seed);
    // In flash too: the image that runs, the one that waits for leave, the one whose trial failed,
    // and the trial: { old, boots, spent_s }.
    const running = firstImage(image, version);
    Object.assign(this.flash, { running, held: null, failed: null, trial: null });
    this.reset();
  }

  reset() {
    super.reset();
    this.tries = 0;
    this.ordered = false; // a unicast notify asked for the next query
    this.download = null; // the offer, with data and period
    this.status = this.flash.held ? DOWNLOADED : NORMAL;
  }

  get traits() { return this.flash.running.traits; }

  // --- power, boot and trial -------------------------------------------------------------------

  powerOn() {
    const flash = this.flash;
    this.booted = this.now;
    if (flash.trial && ++flash.trial.boots > TRIAL_BOOTS) this.goBack();
    if (flash.trial) {
      this.after(TRIAL_TIME - flash.trial.spent_s, "trialOver");
      this.after(TRIAL_CHECKPOINT, "checkpoint");
    }
    if (this.traits.crashes) this.after(CRASH_AFTER, "reboot");
    this.report("booted", ["version", flash.running.version]);
    this.join();
  }

  reboot() {
    this.timers = {};
    this.do("Reboot");
  }

  /** Write down the powered time of the trial; a loss of power forgets what comes after. */
  checkpoint() {
    this.flash.trial.spent_s += TRIAL_CHECKPOINT;
    this.after(TRIAL_CHECKPOINT, "checkpoint");
  }

  trialOver() {
    this.goBack();
    this.reboot();
  }

  /** Let the old image run again. */
  goBack() {
    const flash = this.flash;
    flash.failed = flash.running;
    flash.running = flash.trial.old;
    flash.trial = null;
    this.report("rolled back", ["version", flash.running.version]);
  }

  confirm() {
    if (!this.flash.trial) return;
    this.flash.trial = null;
    this.flash.failed = null;
    this.cancel("trialOver", "checkpoint");
    this.report("confirmed", ["version", this.flash.running.version]);
  }

  // --- discovery and query ---------------------------------------------------------------------

  onJoined() {
    if (this.flash.server) this.start();
    else this.discover();
  }

  /** Stop; an image that waits is kept, and waits for leave again. */
  onLeft() {
    this.cancel("discover", "query", "queryUnanswered", "askBlock", "blockUnanswered");
    this.cancel("askEnd", "apply");
    this.download = null;
    this.status = this.flash.held ? DOWNLOADED : NORMAL;
  }

  discover() {
    this.after(this.flash.trial ? TRIAL_RETRY : DISCOVERY_RETRY, "discover");
    this.findServer();
  }

  onServer() {
    this.cancel("discover");
    this.report("server found", ["address", this.flash.server.address]);
    this.start();
  }

  start() {
    const ripe = (this.now - this.booted) / SECOND;
    if (this.flash.held) this.askEnd();
    else if (this.flash.trial && ripe < CONFIRM_AFTER) this.after(CONFIRM_AFTER - ripe, "query");
    else this.query();
  }

  query() {
    this.tries = 0;
    this.cancel("query", "discover");
    this.sendQuery();
  }

  sendQuery() {
    this.after(ANSWER_WITHIN, "queryUnanswered");
    const { manufacturer, image_type: type, hardware_version } = this.identity;
    const own = { manufacturer, type, version: this.flash.running.version };
    this.ask(QUERY, u8(1), ...ids(own), u16(hardware_version));
  }

  queryUnanswered() {
    if (++this.tries < QUERY_TRIES) this.sendQuery();
    else this.after(this.flash.trial ? TRIAL_RETRY : DISCOVERY_RETRY, "discover");
  }

  /** Do nothing until the next query is due. */
  rest() {
    this.cancel("queryUnanswered");
    const period = QUERY_PERIOD + this.chance(QUERY_JITTER);
    this.after(this.flash.trial ? TRIAL_RETRY : period, "query");
  }

  /** Give up what was being downloaded, or held. */
  drop() {
    this.cancel("blockUnanswered", "askBlock", "askEnd", "apply");
    this.download = null;
    this.flash.held = null;
    this.status = NORMAL;
    this.rest();
  }

  // --- frames on the OTA cluster ---------------------------------------------------------------

  onZcl(datagram, reader) {
    const broadcast = datagram.destination >= 0xfff8;
    if (!broadcast && !(datagram.options & 2)) return; // not encrypted
    const control = reader.u8();
    if ((control & 3) > 1 || control & 4 || !(control & 8)) return;
    const from = { address: datagram.source, endpoint: datagram.source_endpoint };
    const request = { from, broadcast, sequence: reader.take(1), command: reader.u8() };
    if (broadcast && !(control & 1 && [NOTIFY, END].includes(request.command))) return;
    const handler = (control & 1 ? CLUSTER_COMMANDS : GENERAL_COMMANDS)[request.command];
    if (!handler) return this.refuse(request, UNKNOWN_COMMAND);
    try {
      handler.call(this, reader, request);
    } catch (error) {
      if (!(error instanceof TooShort)) throw error;
      if (handler !== this.onDefaultResponse) this.refuse(request, MALFORMED);
    }
  }

  onDefaultResponse(reader) {
    const [command, status] = [reader.u8(), reader.u8()];
    if (status === SUCCESS) return;
    if (command === QUERY && this.timers.queryUnanswered) this.rest();
    if (command === BLOCK_REQUEST && this.download) this.drop();
    if (command === END_REQUEST && this.flash.held) this.drop();
  }

  onReadAttributes(reader, request) {
    const records = [];
    while (reader.left > 0) {
      const id = reader.u16();
      const found = this.attribute(id);
      records.push(u16(id), u8(found ? SUCCESS : UNSUPPORTED_ATTRIBUTE), ...(found ?? []));
    }
    this.answer(request, 0x01, ...records);
  }

  onWriteAttributes(reader, request) {
    const records = [];
    while (reader.left > 0) {
      const id = reader.u16();
      reader.take(TYPE_SIZES[reader.u8()] ?? NONE16);
      records.push(u8(this.attribute(id) ? READ_ONLY : UNSUPPORTED_ATTRIBUTE), u16(id));
    }
    this.answer(request, 0x04, ...records);
  }

  /** Return type and value of an attribute, or undefined. */
  attribute(id) {
    const { running, held, server } = this.flash;
    const file = this.download ?? held;
    switch (id) {
      case 0x0000: return [u8(0xf0), server?.eui64 ?? Buffer.alloc(8, 0xff)];
      case 0x0001: return [u8(0x23), u32(this.download?.data.length ?? NONE32)];
      case 0x0002: return [u8(0x23), u32(running.version)];
      case 0x0003: return [u8(0x21), u16(STACK_VERSION)];
      case 0x0004: return [u8(0x23), u32(file?.version ?? NONE32)];
      case 0x0005: return [u8(0x21), u16(held?.stack ?? NONE16)];
      case 0x0006: return [u8(0x30), u8(this.status)];
      case 0x0007: return [u8(0x21), u16(this.identity.manufacturer)];
      case 0x0008: return [u8(0x21), u16(file?.type ?? NONE16)];
      case 0x0009: return [u8(0x21), u16(this.download?.period ?? 0)];
      case 0x000a: return [u8(0x23), u32(running.stamp)];
      case 0x000b: return [u8(0x30), u8(0)];
      case 0x000c: return [u8(0x30), u8(1)];
      case 0xfffd: return [u8(0x21), u16(CLUSTER_REVISION)];
    }
  }

  onNotify(reader, request) {
    const { manufacturer, image_type } = this.identity;
    const busy = this.status !== NORMAL || "queryUnanswered" in this.timers;
    const [type, jitter] = [reader.u8(), reader.u8()];
    if (!request.broadcast) {
      if (busy) return this.refuse(request, FAILURE);
      this.ordered = true;
      return this.onJoined();
    }
    if (busy || !this.flash.server || type > 3 || jitter < 1 || jitter > 100) return;
    if (type >= 1 && reader.u16() !== manufacturer) return;
    if (type >= 2 && reader.u16() !== image_type) return;
    if (type >= 3 && reader.u32() === this.flash.running.version) return;
    if (reader.left === 0 && this.chance(100) < jitter) this.query();
  }

  // --- download --------------------------------------------------------------------------------

  onOffer(reader, request) {
    if (!("queryUnanswered" in this.timers)) return; // nothing was asked
    const status = reader.u8();
    const offer = status === SUCCESS ? { ...reader.ids(), size: reader.u32() } : null;
    this.confirm();
    this.rest();
    const wanted = offer && this.wants(offer);
    this.ordered = false;
    if (!wanted) return;
    if (offer.size > SLOT_SIZE) return this.refuse(request, NO_SPACE);
    this.cancel("query");
    this.download = { ...offer, data: Buffer.alloc(0), period: 0 };
    this.status = DOWNLOADING;
    this.tries = 0;
    this.report("download started", ["version", offer.version]);
    this.askBlock();
  }

  wants(offer) {
    const { manufacturer, image_type } = this.identity;
    const { running, failed } = this.flash;
    if (offer.manufacturer !== manufacturer || offer.type !== image_type) return false;
    if (offer.size === 0 || offer.version === running.version) return false;
    const same = offer.version === failed?.version && offer.size === failed.file.length;
    return this.ordered || !same; // an image whose trial failed is taken by order only
  }

  askBlock() {
    this.after(ANSWER_WITHIN, "blockUnanswered");
    const { data, period } = this.download;
    const place = [u32(data.length), u8(BLOCK_SIZE), u16(period)];
    this.ask(BLOCK_REQUEST, u8(2), ...ids(this.download), ...place);
  }

  blockUnanswered() {
    if (++this.tries < BLOCK_TRIES) this.askBlock();
    else this.endWith(ABORT);
  }

  onBlock(reader, request) {
    const status = reader.u8();
    const download = this.download;
    if (!download) return this.refuse(request, FAILURE);
    if (status === WAIT_FOR_DATA) return this.wait(reader);
    if (status !== SUCCESS) return this.drop();
    const found = reader.ids();
    const offset = reader.u32();
    const data = reader.take(reader.u8());
    const end = offset + data.length;
    const foreign = Object.keys(found).some((key) => found[key] !== download[key]);
    const unfit = data.length === 0 || data.length > BLOCK_SIZE || end > download.size;
    if (foreign || unfit) return this.refuse(request, INVALID_VALUE); // as good as lost
    if (offset !== download.data.length) return; // a duplicate
    download.data = Buffer.concat([download.data, data]);
    this.tries = 0;
    if (end < download.size) this.askBlock();
    else this.verify();
  }

  wait(reader) {
    const wait = seconds(reader.u32(), reader.u32());
    if (reader.left >= 2) this.download.period = reader.u16(); // told to the server, not kept to
    this.cancel("blockUnanswered");
    this.tries = 0;
    this.after(Math.min(wait < 0 ? PAST_WAIT : wait, LONGEST_WAIT), "askBlock");
  }

  /** End a download that came to nothing. */
  endWith(status) {
    this.ask(END_REQUEST, u8(status), ...ids(this.download));
    this.drop();
  }

  verify() {
    this.cancel("blockUnanswered");
    try {
      this.flash.held = this.verified(this.download);
    } catch (error) {
      if (!(error instanceof BadImage || error instanceof TooShort)) throw error;
      this.report("image refused", ["why", error.message]);
      return this.endWith(INVALID_IMAGE);
    }
    this.report("image accepted", ["version", this.flash.held.version]);
    this.download = null;
    this.status = DOWNLOADED;
    this.askEnd();
  }

  /** Return the image that was downloaded; throw if it is not the one offered, or not for us. */
  verified(offer) {
    const image = parseImage(offer.data);
    for (const key of ["manufacturer", "type", "version"]) check(image[key] === offer[key], key);
    const { hardware_version: mine, eui64: name } = this.identity;
    for (const [least, greatest] of [image.fits, image.hardware ?? image.fits]) {
      check(least <= mine && mine <= greatest, "hardware version");
    }
    check(image.destination?.equals(eui64(name)) ?? true, "destination");
    check(image.counter >= this.flash.running.counter, "security counter");
    return image;
  }

  // --- activation ------------------------------------------------------------------------------

  askEnd() {
    this.after(END_RETRY, "askEnd");
    if (this.flash.server) this.ask(END_REQUEST, u8(SUCCESS), ...ids(this.flash.held));
  }

  onEnd(reader, request) {
    const found = reader.ids();
    const [current, upgrade] = [reader.u32(), reader.u32()];
    const held = this.flash.held;
    if (!held) return this.refuse(request, FAILURE);
    const any = { manufacturer: NONE16, type: NONE16, version: NONE32 };
    if (Object.keys(any).some((key) => ![held[key], any[key]].includes(found[key]))) return;
    this.cancel("askEnd", "apply");
    if (upgrade === NONE32) {
      this.status = WAITING;
      this.after(END_RETRY, "askEnd");
    } else {
      this.status = COUNTING;
      this.after(Math.max(seconds(current, upgrade), 0) + APPLY_DELAY, "apply");
    }
  }

  apply() {
    const flash = this.flash;
    flash.trial = { old: flash.running, boots: 0, spent_s: 0 };
    flash.running = flash.held;
    flash.held = null;
    this.report("activating", ["version", flash.running.version]);
    this.reboot();
  }
}

const { onNotify, onOffer, onBlock, onEnd } = Bridge.prototype;
const CLUSTER_COMMANDS = { [NOTIFY]: onNotify, [OFFER]: onOffer, [BLOCK]: onBlock, [END]: onEnd };
const { onReadAttributes, onWriteAttributes, onDefaultResponse } = Bridge.prototype;
const GENERAL_COMMANDS = {
  0x00: onReadAttributes, 0x02: onWriteAttributes, 0x0b: onDefaultResponse,
};

// --- lines of the protocol ---------------------------------------------------------------------

const NOTHING = { actions: [], deadline_us: null };
const HELLO = {
  protocol: 1, name: "Hanover's example device", capabilities: ["frame counters", "traits"],
};
let device = null;

/** Let the device live through a call, and say what it did. */
function live(now, method) {
  device.now = now;
  device.actions = [];
  method();
  return { actions: device.actions, deadline_us: device.deadline };
}

const CALLS = {
  hello: () => ({ ...NOTHING, ...HELLO }),
  factory: (request) => { device = new Bridge(request); return NOTHING; },
  power_on: ({ now_us }) => live(now_us, () => device.powerOn()),
  power_off: () => { device.reset(); return NOTHING; },
  receive: ({ now_us, datagram }) => live(now_us, () => device.receive(datagram)),
  wake: ({ now_us }) => live(now_us, () => device.wake()),
  event: ({ now_us, event }) => live(now_us, () => device.event(event)),
  bye: () => { process.exitCode = 0; input.close(); return NOTHING; },
};

/** Answer one line. */
function reply(line) {
  let request = { id: null };
  try {
    request = JSON.parse(line);
    const call = CALLS[request.call];
    const names = Object.keys(CALLS).join(", ");
    if (!call) throw new Error(`call: found '${request.call}', wanted one of ${names}`);
    return { id: request.id, ...call(request) };
  } catch (error) {
    console.error(error.stack);
    return { id: request.id, error: error.message };
  }
}

const input = readline.createInterface({ input: process.stdin });
input.on("line", (line) => process.stdout.write(JSON.stringify(reply(line)) + "\n"));
