// HAYATE_TARGET='{"url": ..., "token": ..., "certificateHashes": [...]}' node bot.ts
import { connectRoom, publish } from '@hayate/client';

const room = connectRoom(JSON.parse(process.env['HAYATE_TARGET'] ?? '{}'));
const publisher = publish(room, { motion: { fps: 30 } });
const values = new Float32Array(61);
const camera = setInterval(() => {
  values[17] = 0.5 + 0.5 * Math.sin(room.nowUs() / 200_000); // jawOpen
  publisher.motion({ face: true, values }, room.nowUs());
}, 1000 / 30);
room.on('comment', ({ text }) => {
  if (text === 'hello') void room.comment('hello yourself').catch(({ code }) => console.error(code));
});
process.once('SIGTERM', () => void publisher.close().then(() => room.close()));
console.error((await room.closed).code);
clearInterval(camera);
