// An MP4 file of H.264 pictures, each with its own exact duration (ISO/IEC 14496-12, -15). Pure.
//
// Rules
// - Times are in microseconds: the file lasts as long as the frames' durations together.
// - Pictures come in the order they are shown, without reordering (no B frames), the first is a key.
// - The index (moov) stands before the pictures: a player begins before it has all of the file.

export const TIMESCALE = 1000000;
const MOST_TIME = 0xffffffff; // 71 minutes

export function mp4({ width, height, description, samples }) {
  if (!samples.length || !samples[0].key) throw new Error("an MP4 begins with a key frame");
  const total = samples.reduce((sum, each) => sum + each.duration, 0);
  if (total > MOST_TIME) throw new Error("longer than an MP4 of ours can be");
  const head = box("ftyp", text("isom"), u32(512), text("isom"), text("iso2"), text("avc1"), text("mp41"));
  const index = (offset) => moov({ width, height, description, samples, total, offset });
  // The index names where the pictures begin, behind itself: its length does not depend on that.
  const offset = head.length + index(0).length + 8;
  const data = samples.reduce((sum, each) => sum + each.data.length, 0);
  if (offset + data > MOST_TIME) throw new Error("larger than an MP4 of ours can be");
  return bytes([head, index(offset), u32(data + 8), text("mdat"), ...samples.map((each) => each.data)]);
}

function moov({ width, height, description, samples, total, offset }) {
  return box("moov",
    full("mvhd", 0, 0, u32(0), u32(0), u32(TIMESCALE), u32(total), u32(0x10000), u16(0x100), zeros(10), MATRIX, zeros(24), u32(2)),
    box("trak",
      full("tkhd", 0, 3, u32(0), u32(0), u32(1), u32(0), u32(total), zeros(8), u16(0), u16(0), u16(0), u16(0), MATRIX, u32(width * 65536), u32(height * 65536)),
      box("mdia",
        full("mdhd", 0, 0, u32(0), u32(0), u32(TIMESCALE), u32(total), u16(0x55c4), u16(0)),
        full("hdlr", 0, 0, u32(0), text("vide"), zeros(12), text("video\0")),
        box("minf",
          full("vmhd", 0, 1, zeros(8)),
          box("dinf", full("dref", 0, 0, u32(1), full("url ", 0, 1))),
          box("stbl",
            full("stsd", 0, 0, u32(1), avc1(width, height, description)),
            full("stts", 0, 0, ...runs(samples.map((each) => each.duration))),
            full("stss", 0, 0, ...keys(samples)),
            full("stsc", 0, 0, u32(1), u32(1), u32(samples.length), u32(1)),
            full("stsz", 0, 0, u32(0), u32(samples.length), ...samples.map((each) => u32(each.data.length))),
            full("stco", 0, 0, u32(1), u32(offset)))))));
}

const avc1 = (width, height, description) => box("avc1", zeros(6), u16(1), zeros(16), u16(width), u16(height),
  u32(0x480000), u32(0x480000), u32(0), u16(1), zeros(32), u16(24), u16(0xffff), box("avcC", new Uint8Array(description)));

// [count, duration] for each run of equal durations.
function runs(durations) {
  const found = [];
  for (const each of durations) {
    const last = found[found.length - 1];
    if (last && last[1] === each) last[0] += 1;
    else found.push([1, each]);
  }
  return [u32(found.length), ...found.flatMap(([count, each]) => [u32(count), u32(each)])];
}

function keys(samples) {
  const found = samples.flatMap((each, index) => (each.key ? [index + 1] : []));
  return [u32(found.length), ...found.map(u32)];
}

const text = (value) => Uint8Array.from(value, (character) => character.charCodeAt(0));
const zeros = (count) => new Uint8Array(count);
const u16 = (value) => Uint8Array.of(value >>> 8, value);
const u32 = (value) => Uint8Array.of(value / 2 ** 24, value >>> 16, value >>> 8, value);
const MATRIX = bytes([0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000].map(u32));

function bytes(parts) {
  const whole = new Uint8Array(parts.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of parts) {
    whole.set(each, at);
    at += each.length;
  }
  return whole;
}

function box(name, ...parts) {
  const content = bytes(parts);
  return bytes([u32(content.length + 8), text(name), content]);
}

function full(name, version, flags, ...parts) {
  return box(name, u32(version * 2 ** 24 + flags), ...parts);
}

// Whole microseconds whose sum is that of the durations: what rounding takes from one goes to the next.
export function microseconds(durationsMs) {
  let [exact, written] = [0, 0];
  return durationsMs.map((each) => {
    exact += each * 1000;
    const next = Math.round(exact) - written;
    written += next;
    return next;
  });
}
