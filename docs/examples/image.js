// Octets and OTA files, for bridge.js: what docs/guides/exec.md says under "Images".

"use strict";

const crypto = require("node:crypto");

// Octets of the elements that have one length only: two suites of signature and certificate
// (1 and 2, 5 and 6), and the integrity code.
const LENGTHS = { 1: 50, 2: 48, 3: 16, 5: 80, 6: 74 };

class TooShort extends Error {}
class BadImage extends Error {}

function check(good, why) {
  if (!good) throw new BadImage(why);
}

/** Read little-endian fields one after the other. */
class Reader {
  constructor(octets) {
    this.octets = octets;
    this.at = 0;
  }

  get left() { return this.octets.length - this.at; }

  take(count) {
    if (count > this.left) throw new TooShort(`found ${this.left} octets, wanted ${count}`);
    this.at += count;
    return this.octets.subarray(this.at - count, this.at);
  }

  u8() { return this.take(1)[0]; }
  u16() { return this.take(2).readUInt16LE(); }
  u32() { return this.take(4).readUInt32LE(); }
  ids() { return { manufacturer: this.u16(), type: this.u16(), version: this.u32() }; }
}

/** AES-MMO (ZigBee 05-3474, B.6): the AES of each block under the hash so far, xor the block. */
function aesMmo(message) {
  const bits = message.length * 8;
  const length = Buffer.alloc(bits < 0x10000 ? 2 : 6);
  if (bits < 0x10000) length.writeUInt16BE(bits);
  else length.writeUInt32BE(bits);
  const zeros = (32 - 1 - length.length - (message.length % 16)) % 16;
  const padded = Buffer.concat([message, Buffer.from([0x80]), Buffer.alloc(zeros), length]);
  let hash = Buffer.alloc(16);
  for (let at = 0; at < padded.length; at += 16) {
    const block = padded.subarray(at, at + 16);
    const cipher = crypto.createCipheriv("aes-128-ecb", hash, null).setAutoPadding(false);
    hash = cipher.update(block).map((octet, i) => octet ^ block[i]);
  }
  return hash;
}

/** Read the sub-elements; the first firmware is the one that runs. */
function parseElements(file, reader) {
  const tags = [];
  let firmware;
  while (reader.left > 0) {
    check(!tags.some((tag) => tag === 1 || tag === 5), "something behind the signature");
    const start = reader.at;
    const tag = reader.u16();
    check(tag !== 3 || !tags.includes(3), "two integrity codes");
    const octets = reader.take(reader.u32());
    check((LENGTHS[tag] ?? octets.length) === octets.length, `length of element ${tag}`);
    if (tag === 0) firmware ??= octets;
    if (tag === 3) check(aesMmo(file.subarray(0, start)).equals(octets), "integrity code");
    tags.push(tag);
  }
  const suites = [[1, 2], [5, 6]].filter((suite) => suite.some((tag) => tags.includes(tag)));
  check(suites.length < 2, "two suites");
  check(firmware, "no firmware");
  return firmware;
}

/** Read the manifest in front of the firmware, and hold it against the header. */
function parseManifest(firmware, image) {
  const reader = new Reader(firmware);
  check(reader.take(4).toString("latin1") === "HANM", "manifest");
  check(reader.u16() === 1 && reader.u16() === 66, "manifest version or length");
  for (const [key, value] of Object.entries(reader.ids())) {
    check(image[key] === value, `${key} of the manifest`);
  }
  const [least, greatest] = [reader.u16(), reader.u16()];
  const [from, to] = image.hardware ?? [least, greatest];
  check(least <= from && to <= greatest, "header hardware range is wider than the manifest's");
  const counter = reader.u32();
  const traits = { mute: 1, deaf: 2, crashes: 4 };
  const bits = reader.u32();
  for (const name in traits) traits[name] = (bits & traits[name]) !== 0;
  reader.take(2); // least and greatest link
  check(reader.u32() === firmware.length - 66, "payload length");
  const digest = reader.take(32);
  const payload = reader.take(reader.left);
  check(crypto.createHash("sha256").update(payload).digest().equals(digest), "payload digest");
  return { fits: [least, greatest], counter, traits, stamp: digest.readUInt32LE() };
}

/** Take an OTA file apart; throw BadImage or TooShort where anything in it is wrong. */
function parseImage(file) {
  const reader = new Reader(file);
  check(reader.u32() === 0x0beef11e, "magic");
  check(reader.u16() === 0x0100, "header version");
  const [headerLength, control] = [reader.u16(), reader.u16()];
  const image = { file, ...reader.ids(), stack: reader.u16() };
  reader.take(32);
  check(reader.u32() === file.length, "total size");
  if (control & 1) reader.u8();
  if (control & 2) image.destination = reader.take(8);
  if (control & 4) image.hardware = [reader.u16(), reader.u16()];
  check(headerLength === reader.at, "header length");
  return Object.assign(image, parseManifest(parseElements(file, reader), image));
}

/** Read the image of the factory; one of another kind than ours runs all the same. */
function firstImage(hex, version) {
  try {
    return parseImage(Buffer.from(hex, "hex"));
  } catch {
    return { version, counter: 0, traits: {}, stamp: version };
  }
}

module.exports = { BadImage, Reader, TooShort, check, firstImage, parseImage };
