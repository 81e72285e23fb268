// The same relay on Node's socket.io. usage: node node_relay.js [OPTION] PORT [CERTIFICATE KEY]
// --recovery: its connection state recovery, which keeps signals for clients that come back.
// --redis URL, --sharded URL: several hosts, by its Redis adapter, or the one on sharded channels.
const fs = require('fs');
const { Server } = require('socket.io');

const words = process.argv.slice(2);
const option = words[0].startsWith('--') ? words.shift() : '';
const redis = ['--redis', '--sharded'].includes(option) && words.shift();
const [port, cert, key] = words;
const hello = (request, response) => response.end('ok');
const server = cert
  ? require('https').createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, hello)
  : require('http').createServer(hello);

async function adapter() {
  const { createAdapter, createShardedAdapter } = require('@socket.io/redis-adapter');
  const publisher = require('redis').createClient({ url: redis });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return (option === '--sharded' ? createShardedAdapter : createAdapter)(publisher, subscriber);
}

function serve(more) {
  const io = new Server(server, {
    cors: { origin: '*' },
    ...(option === '--recovery' ? { connectionStateRecovery: {} } : {}),
    ...more,
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
}

if (redis) adapter().then((made) => serve({ adapter: made }));
else serve({});
