// The same relay on Node's socket.io. usage: node node_relay.js [--recovery] PORT [CERTIFICATE KEY]
// --recovery: its connection state recovery, which keeps signals for clients that come back.
const fs = require('fs');
const { Server } = require('socket.io');

const words = process.argv.slice(2);
const recovery = words[0] === '--recovery' && words.shift();
const [port, cert, key] = words;
const hello = (request, response) => response.end('ok');
const server = cert
  ? require('https').createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, hello)
  : require('http').createServer(hello);
const io = new Server(server, {
  cors: { origin: '*' },
  ...(recovery ? { connectionStateRecovery: {} } : {}),
});
io.on('connection', (socket) => {
  const room = socket.handshake.query.room || 'default';
  socket.join(room);
  socket.on('signal', (message, answer) => {
    socket.to(message.to || room).emit('signal', { ...message, from: socket.id });
    if (answer) answer({ ok: true, delivered: 1, held: false });
  });
});
server.listen(+port, '127.0.0.1');
