// A ZIP of files as they are: pictures are compressed already. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT

const UTF8_NAMES = 0x0800;
const VERSION = 20;
const JANUARY_1_1980 = 0x0021;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, start) => {
  let value = start;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = (value >>> 8) ^ CRC_TABLE[(value ^ byte) & 0xff];
  return (value ^ 0xffffffff) >>> 0;
}

// Names that occur twice get a number before their ending.
export function uniqueNames(names) {
  const taken = new Set();
  return names.map((name) => {
    const dot = name.lastIndexOf(".");
    const [stem, ending] = dot > 0 ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
    let unique = name;
    for (let count = 2; taken.has(unique.toLowerCase()); count += 1) unique = `${stem}-${count}${ending}`;
    taken.add(unique.toLowerCase());
    return unique;
  });
}

// `entries`: {name, blob}. Of each at most 4 GB, as ZIP without its 64-bit extension.
export async function zipOf(entries) {
  const names = uniqueNames(entries.map(({ name }) => name));
  const bodies = [];
  const directory = [];
  let offset = 0;
  for (const [index, { blob }] of entries.entries()) {
    const bytes = new Uint8Array(await blob.arrayBuffer());
    const name = new TextEncoder().encode(names[index]);
    const facts = [VERSION, UTF8_NAMES, 0, 0, JANUARY_1_1980, crc32(bytes), bytes.length, bytes.length, name.length, 0];
    const local = record("IHHHHHIIIHH", [0x04034b50, ...facts]);
    directory.push(record("IHHHHHHIIIHHHHHII", [0x02014b50, VERSION, ...facts, 0, 0, 0, 0, offset]), name);
    bodies.push(local, name, blob);
    offset += local.length + name.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record("IHHHHIIH", [0x06054b50, 0, 0, entries.length, entries.length, size, offset, 0]);
  return new Blob([...bodies, ...directory, end], { type: "application/zip" });
}

// Little-endian: H has two bytes, I four.
function record(layout, values) {
  const bytes = new Uint8Array([...layout].reduce((sum, kind) => sum + (kind === "H" ? 2 : 4), 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  [...layout].forEach((kind, index) => {
    if (kind === "H") view.setUint16(at, values[index], true);
    else view.setUint32(at, values[index], true);
    at += kind === "H" ? 2 : 4;
  });
  return bytes;
}
