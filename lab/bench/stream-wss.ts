// Baseline of the stream bench: what one writes first. WebSocket over TLS, one message a unit, to each viewer of the room.
import { createServer } from 'node:https';
import { selfSignedCertificate } from '@hayate/transport/fails-components';
import { type WebSocket, WebSocketServer } from 'ws';

const { cert, key } = selfSignedCertificate();
const https = createServer({ cert, key });
const server = new WebSocketServer({ server: https, perMessageDeflate: false, maxPayload: 1000 });
const rooms = new Map<string, Set<WebSocket>>();
/** As a relay that drops what is stale: about 100 ms of media. */
const MAX_BUFFERED = 2000;

server.on('connection', (socket, request) => {
  // /pub/ROOM publishes, /sub/ROOM listens.
  const [, role, room = ''] = (request.url ?? '').split('/');
  const viewers = rooms.get(room) ?? new Set();
  rooms.set(room, viewers);
  socket.on('error', () => socket.terminate());
  if (role === 'sub') {
    viewers.add(socket);
    socket.on('close', () => viewers.delete(socket));
    return;
  }
  socket.on('message', (data: Buffer) => {
    for (const viewer of viewers) if (viewer.bufferedAmount < MAX_BUFFERED) viewer.send(data);
  });
});

https.listen(0, '127.0.0.1', () => {
  const address = https.address();
  process.send?.({ answer: 'listen', value: typeof address === 'object' ? address?.port : 0 });
});
