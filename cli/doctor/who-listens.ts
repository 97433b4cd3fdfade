import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';

const ANSWER_MS = 1500;
/** The least that a server has to look at, RFC 9000 section 14.1. */
const FIRST_PACKET_BYTES = 1200;

/** A page that only a program of ours shows like this. */
export interface Expected {
  scheme: 'http' | 'https';
  path: string;
  body: RegExp;
}

export async function answersHttp(host: string, port: number, { scheme, path, body }: Expected): Promise<boolean> {
  const request = scheme === 'https' ? httpsRequest : httpRequest;
  const text = await new Promise<string>((resolve) => {
    // Whose certificate it is does not matter: nothing is told to it.
    const options = { host, port, path, timeout: ANSWER_MS, rejectUnauthorized: false, agent: false };
    const asked = request(options, (response) => {
      let said = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        said = (said + part).slice(0, 1 << 20);
      });
      response.on('end', () => resolve(said));
      response.on('error', () => resolve(''));
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(''));
    asked.end();
  });
  return body.test(text);
}

/** Whether a QUIC server is there: it answers a version that nobody speaks with those that it does, RFC 9000 section 6. */
export function answersQuic(host: string, port: number): Promise<boolean> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const [to, from] = [randomBytes(8), randomBytes(8)];
  const packet = Buffer.alloc(FIRST_PACKET_BYTES);
  Buffer.concat([
    // A long header, a version of those reserved for this, and both connection ids with their lengths.
    Buffer.from([0xc0, 0x1a, 0x2a, 0x3a, 0x4a]),
    Buffer.from([to.length]),
    to,
    Buffer.from([from.length]),
    from,
  ]).copy(packet);
  return new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(false), ANSWER_MS);
    socket.once('error', () => resolve(false));
    socket.on('message', (answer) => {
      // Version 0, and our own id as who it is for.
      if (answer.length < 7 || answer.readUInt32BE(1) !== 0 || !answer.subarray(6, 6 + from.length).equals(from))
        return;
      clearTimeout(timer);
      resolve(true);
    });
    socket.send(packet, port, host);
  }).finally(() => socket.close());
}
