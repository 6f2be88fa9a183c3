// The live picture of a probe by WebSocket.
//
// Rules
// - A binary message is a head of 24 bytes, big-endian (u64 sequence, u64 microseconds since 1970, u32
//   geometry id, u16 width, u16 height), then a JPEG; text is JSON: geometry or state.
// - The node sends two frames ahead of our credit; each frame that was drawn, or thrown away for a newer one,
//   gives one back. A slow tablet sees fewer frames, and never late ones.
// - A connection that ends is made again after 0.5 s, then 1, 2, at most 4 s.
// - No state of the page here: the callbacks get all of it.

const HEAD_BYTES = 24;
const RETRY_MS = [500, 1000, 2000, 4000];

export function readHead(buffer) {
  if (buffer.byteLength <= HEAD_BYTES) return null;
  const view = new DataView(buffer);
  return {
    sequence: Number(view.getBigUint64(0)), capturedAt: Number(view.getBigUint64(8)) / 1e6,
    geometry: view.getUint32(16), width: view.getUint16(20), height: view.getUint16(22),
  };
}

// onframe(head, bitmap): draws it, then forgets it; the bitmap is closed here.
// onconnection({open, retryAt, reason}): retryAt by performance.now(), while it waits to try again; reason: the
// node's own word of why it closed the connection, "" where it gave none.
// at: a probe's name, or {path, protocols} of another socket that speaks alike.
export function openLive(at, { onframe, ongeometry, onstate, onconnection }) {
  let socket = null;
  let ended = false;
  let failures = 0;
  let timer = 0;
  let decoding = false;
  let newest = null; // a message that waits for the decoder

  function connect() {
    const { path, protocols } = typeof at === "string" ? { path: `api/probes/${encodeURIComponent(at)}/frames`, protocols: [] } : at;
    const url = new URL(path, document.baseURI);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    const mine = new WebSocket(url, protocols);
    mine.binaryType = "arraybuffer";
    socket = mine;
    mine.onopen = () => { failures = 0; onconnection({ open: true, retryAt: 0 }); };
    mine.onmessage = ({ data }) => (typeof data === "string" ? text(data) : frame(mine, data));
    mine.onclose = ({ reason }) => {
      if (ended || socket !== mine) return;
      const wait = RETRY_MS[Math.min(failures, RETRY_MS.length - 1)];
      failures += 1;
      newest = null;
      timer = setTimeout(connect, wait);
      onconnection({ open: false, retryAt: performance.now() + wait, reason });
    };
  }

  function text(data) {
    const message = JSON.parse(data);
    if (message.type === "geometry") ongeometry(message);
    else if (message.type === "state") onstate(message);
  }

  const credit = (to) => { if (to.readyState === WebSocket.OPEN) to.send('{"type":"credit","count":1}'); };

  async function frame(from, data) {
    if (newest) credit(newest.from);
    newest = { from, data };
    if (decoding) return;
    decoding = true;
    while (newest && !ended) {
      const taken = newest;
      newest = null;
      await draw(taken.data);
      credit(taken.from);
    }
    decoding = false;
  }

  async function draw(data) {
    const head = readHead(data);
    if (!head) return;
    let bitmap;
    try {
      bitmap = await createImageBitmap(new Blob([new Uint8Array(data, HEAD_BYTES)], { type: "image/jpeg" }));
    } catch {
      return; // not a picture; the next one is on its way
    }
    if (!ended) onframe(head, bitmap);
    bitmap.close();
  }

  connect();
  return {
    now() { clearTimeout(timer); if (!ended && socket.readyState > WebSocket.OPEN) connect(); },
    send(message) { if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message)); },
    close() {
      ended = true;
      clearTimeout(timer);
      socket.close();
    },
  };
}
