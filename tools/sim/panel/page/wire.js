// The one websocket: what the server says goes to who listens, what hands do goes out.
let socket = null;
const listeners = { frame: [], state: [], tones: [], error: [], link: [] };

export const on = (kind, told) => listeners[kind].push(told);
const tell = (kind, what) => { for (const told of listeners[kind]) told(what); };

export function send(message) {
  if (socket?.readyState === WebSocket.OPEN) { socket.send(JSON.stringify(message)); return; }
  tell("error", { code: "gone", value: "" });
}

export function connect() {
  socket = new WebSocket(`ws://${location.host}/ws`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => tell("link", "connected");
  socket.onmessage = (event) => {
    if (event.data instanceof ArrayBuffer) { tell("frame", new Uint8Array(event.data)); return; }
    for (const [kind, what] of Object.entries(JSON.parse(event.data))) if (listeners[kind]) tell(kind, what);
  };
  socket.onclose = () => { tell("link", "lost"); setTimeout(connect, 1000); };
}
