// A cine as a video file, made in this browser with the frames' own durations.
//
// Rules
// - WebCodecs encodes H.264 and mp4.js writes the file: each frame has its exact duration.
// - Where WebCodecs is missing, MediaRecorder records the cine as it plays: it takes as long as the cine, and
//   the times are those of the recording, near to the true ones. Where neither is there, ways() says none.
// - WebCodecs is there only on a secure page: HTTPS, or this machine itself.

import { microseconds, mp4 } from "./mp4.js";

// Profiles from high to baseline: the first that this browser encodes.
const CODECS = ["avc1.640033", "avc1.4d0033", "avc1.42e033", "avc1.640028", "avc1.42e01f"];
const KEY_EVERY = 30;
const RECORDED = ["video/mp4;codecs=avc1.42E01E", "video/mp4", "video/webm;codecs=vp9", "video/webm"];

// "exact", "recorded" or "none"; secure: whether the page is where WebCodecs may be.
export function ways() {
  if (typeof VideoEncoder === "function" && typeof VideoFrame === "function") return { way: "exact", secure: true };
  const recorder = typeof MediaRecorder === "function" && RECORDED.find((each) => MediaRecorder.isTypeSupported(each));
  return { way: recorder ? "recorded" : "none", secure: globalThis.isSecureContext === true };
}

const even = (value) => Math.max(2, value + (value % 2));

// paint(frame) resolves to a canvas with the whole picture. Gives {blob, extension}. onprogress(share).
export async function videoOf({ durationsMs, width, height, paint, onprogress, isCancelled = () => false }) {
  if (ways().way === "exact") return encoded({ durationsMs, width: even(width), height: even(height), paint, onprogress, isCancelled });
  return recorded({ durationsMs, width: even(width), height: even(height), paint, onprogress, isCancelled });
}

async function chosenCodec(width, height, framerate) {
  for (const codec of CODECS) {
    const config = { codec, width, height, bitrate: Math.min(40e6, Math.max(2e6, width * height * framerate * 0.25)), framerate, avc: { format: "avc" }, latencyMode: "quality" };
    const { supported } = await VideoEncoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return config;
  }
  return null;
}

async function encoded({ durationsMs, width, height, paint, onprogress, isCancelled }) {
  const durations = microseconds(durationsMs);
  const total = durationsMs.reduce((sum, each) => sum + each, 0);
  const config = await chosenCodec(width, height, Math.max(1, Math.round((1000 * durations.length) / total)));
  if (!config) throw new Error("no H.264 encoder");
  const samples = [];
  let description = null, failure = null;
  const encoder = new VideoEncoder({
    output: (chunk, metadata) => {
      description = metadata?.decoderConfig?.description ?? description;
      const data = new Uint8Array(chunk.byteLength);
      chunk.copyTo(data);
      samples.push({ data, at: chunk.timestamp, key: chunk.type === "key" });
    },
    error: (error) => { failure = error; },
  });
  encoder.configure(config);
  const canvas = new OffscreenCanvas(width, height);
  const pen = canvas.getContext("2d", { alpha: false });
  let timestamp = 0;
  const begins = [];
  try {
    for (let index = 0; index < durations.length && !failure; index += 1) {
      if (isCancelled()) return null;
      const picture = await paint(index);
      pen.fillStyle = "#000";
      pen.fillRect(0, 0, width, height);
      pen.drawImage(picture, 0, 0);
      const frame = new VideoFrame(canvas, { timestamp, duration: durations[index], alpha: "discard" });
      encoder.encode(frame, { keyFrame: index % KEY_EVERY === 0 });
      frame.close();
      begins.push(timestamp);
      timestamp += durations[index];
      while (encoder.encodeQueueSize > 4 && !failure) await new Promise((done) => setTimeout(done, 5));
      onprogress((index + 1) / durations.length);
    }
    if (!failure) await encoder.flush();
  } finally {
    if (encoder.state !== "closed") encoder.close();
  }
  if (failure) throw failure;
  // One picture for each frame, in their order: else the durations would be another's.
  if (samples.length !== durations.length || samples.some((each, index) => each.at !== begins[index])) throw new Error("the encoder left frames out");
  const file = mp4({ width, height, description, samples: samples.map((each, index) => ({ data: each.data, key: each.key, duration: durations[index] })) });
  return { blob: new Blob([file], { type: "video/mp4" }), extension: "mp4" };
}

async function recorded({ durationsMs, width, height, paint, onprogress, isCancelled }) {
  const type = RECORDED.find((each) => MediaRecorder.isTypeSupported(each));
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d", { alpha: false });
  const stream = canvas.captureStream(0);
  const [track] = stream.getVideoTracks();
  const recorder = new MediaRecorder(stream, { mimeType: type, videoBitsPerSecond: 8e6 });
  const parts = [];
  recorder.ondataavailable = (event) => { if (event.data.size) parts.push(event.data); };
  const ended = new Promise((done) => { recorder.onstop = done; });
  recorder.start();
  let due = performance.now();
  for (let index = 0; index < durationsMs.length && !isCancelled(); index += 1) {
    pen.drawImage(await paint(index), 0, 0);
    track.requestFrame();
    onprogress((index + 1) / durationsMs.length);
    due += durationsMs[index];
    await new Promise((done) => setTimeout(done, Math.max(0, due - performance.now())));
  }
  recorder.stop();
  await ended;
  track.stop();
  if (isCancelled()) return null;
  return { blob: new Blob(parts, { type }), extension: type.startsWith("video/mp4") ? "mp4" : "webm" };
}
