// npm run fake-linode -- --port 4411 --speed 60
import { FakeLinode, serveFakeLinode } from '@hayate/fleet/testing/linode';
import { Command } from 'commander';

interface Options {
  port: number;
  speed: number;
  createS: number;
  bootS: number;
  accountLimit: number;
  failing: number;
  timeouts: number;
  token?: string;
}

const options = new Command('fake-linode')
  .description('Linode’s API with a memory but without machines, on this machine: for a fleet to be tried against.')
  .option('--port <n>', 'of 127.0.0.1; 0: any', Number, 4411)
  .option('--speed <n>', 'seconds of its time in a second', Number, 1)
  .option('--create-s <n>', 'until a new Linode has its disks', Number, 65)
  .option('--boot-s <n>', 'until it has booted from then', Number, 24)
  .option('--account-limit <n>', 'Linodes at most', Number, 1000)
  .option('--failing <percent>', 'creates that end with 500, not made', Number, 0)
  .option('--timeouts <percent>', 'creates that end with 408, every other one made', Number, 0)
  .option('--token <token>', 'the one that is let in; without: any')
  .addHelpText(
    'after',
    `
Then, to make it go wrong (fleet/linode/fake/control.ts has all):
  curl -d '{"do":"outage","region":"jp-tyo-3"}' http://127.0.0.1:4411/fake
  curl -d '{"do":"crash","label":"jp-a-1"}' http://127.0.0.1:4411/fake
  curl -d '{"do":"fault","call":"POST /linode/instances","fault":{"kind":"status","status":408,"made":true}}' http://127.0.0.1:4411/fake
  curl -d '{"do":"show"}' http://127.0.0.1:4411/fake`,
  )
  .parse()
  .opts<Options>();

const { port, speed, createS, bootS, accountLimit, failing, timeouts, token } = options;
const startMs = Date.now();
const fake = new FakeLinode({
  ...{
    nowMs: () => startMs + (Date.now() - startMs) * speed,
    createMs: createS * 1000,
    bootMs: bootS * 1000,
    accountLimit,
  },
  ...(token !== undefined && { token }),
});
const CREATE = 'POST /linode/instances';
if (failing > 0) fake.faults.often(CREATE, failing / 100, { kind: 'status', status: 500 });
if (timeouts > 0) fake.faults.often(CREATE, timeouts / 100, { kind: 'status', status: 408, made: 0.5 });
const server = await serveFakeLinode(fake, { port });
console.log(`${server.url}  (as "apiUrl" of the section "linode" in control.json, or apiUrl of the client)`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
