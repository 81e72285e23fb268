// Drives the official client for the tests: requests as JSON lines on stdin, answers and everything
// that the clients hear as JSON lines on stdout.
//
//   {"id": 1, "client": "a", "do": "connect", "url": "http://...", "options": {...}}
//   {"id": 2, "client": "a", "do": "call", "arguments": ["signal", {...}]}
//   -> {"id": 2, "answer": {...}}
//   -> {"client": "a", "event": "welcome", "payload": {...}}
//
// In arguments {"$binary": "text"} stands for a Buffer.

"use strict";

const readline = require("node:readline");
const { io } = require("socket.io-client");

const sockets = new Map();

const actions = {
  connect(name, { url, options }) {
    const tell = (event, payload) => write({ client: name, event, payload });
    const socket = io(url, { forceNew: true, ...options });
    sockets.set(name, socket);
    socket.on("connect", () => tell("connect"));
    socket.on("connect_error", (error) =>
      tell("connect_error", { message: error.message, ...error.data }),
    );
    socket.on("disconnect", (reason) => tell("disconnect", reason));
    socket.onAny((event, payload) => tell(event, payload));
    socket.io.on("open", () => socket.io.engine.once("upgrade", () => tell("upgrade")));
  },
  emit(name, { arguments: [event, ...payload] }) {
    sockets.get(name).emit(event, ...payload);
  },
  call(name, { arguments: [event, ...payload] }) {
    return sockets.get(name).timeout(10000).emitWithAck(event, ...payload);
  },
  state(name) {
    const socket = sockets.get(name);
    const engine = socket.io.engine;
    return { active: socket.active, connected: socket.connected, transport: engine.transport.name };
  },
  disconnect(name) {
    sockets.get(name).disconnect();
  },
};

function write(message) {
  process.stdout.write(JSON.stringify(message) + "\n");
}

function revive(key, value) {
  return value && value.$binary !== undefined ? Buffer.from(value.$binary) : value;
}

readline.createInterface({ input: process.stdin }).on("line", async (line) => {
  const request = JSON.parse(line, revive);
  try {
    const answer = await actions[request.do](request.client, request);
    write({ id: request.id, answer: answer ?? null });
  } catch (error) {
    write({ id: request.id, failure: error.message });
  }
}).on("close", () => process.exit(0));
