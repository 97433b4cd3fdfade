import { setTimeout as sleep } from 'node:timers/promises';
import type { UdpPath } from '../../lib/udp-line.ts';
import type { Fault } from './fault.ts';
import type { Stage } from './stage.ts';

/** All clients of the load are behind one line to the relay, which does this for a while; then it is well again. */
function link(fault: Pick<Fault, 'name' | 'does' | 'limits'>, while_: (stage: Stage) => Promise<void>): Fault {
  return {
    ...fault,
    setup: () => ({ line: true }),
    async inflict(stage) {
      await while_(stage);
      stage.line!.path = {};
      return {};
    },
  };
}

const during = (path: UdpPath, ms: number) => async (stage: Stage) => {
  stage.line!.path = path;
  await sleep(ms);
};

export const linkFaults: Fault[] = [
  link(
    {
      name: 'link-dark-2s',
      does: 'nothing passes between any client and the relay for 2 s',
      limits: { stillMs: 5000 },
    },
    during({ blocked: true }, 2000),
  ),
  link(
    {
      name: 'link-bursts',
      does: 'nothing passes for 100 ms, eight times, half a second apart',
      limits: { ended: 0, stillMs: 400 },
    },
    async (stage) => {
      for (let n = 0; n < 8; n += 1) {
        await during({ blocked: true }, 100)(stage);
        await during({}, 400)(stage);
      }
    },
  ),
  link(
    {
      name: 'link-loses-10-percent',
      does: 'every tenth packet is lost, both ways, for 4 s',
      limits: { ended: 0, stillMs: 700 },
    },
    during({ loss: 0.1 }, 4000),
  ),
  link(
    {
      name: 'link-reorders',
      does: 'a fifth of the packets comes 20 ms late, behind what was sent after them, for 4 s',
      limits: { ended: 0, stillMs: 250, duringMs: 50 },
    },
    during({ reorder: 0.2, reorderMs: 20 }, 4000),
  ),
  link(
    {
      name: 'link-duplicates',
      does: 'half of the packets come twice, for 4 s',
      limits: { ended: 0, stillMs: 250, duringMs: 20 },
    },
    during({ duplicate: 0.5 }, 4000),
  ),
  link(
    {
      name: 'link-rebinds',
      does: 'all clients come from other ports, as behind a NAT that forgot them, four times, 1 s apart; ten of them have no media to acknowledge, and cannot be reached until they speak',
      limits: { ended: 40, stillMs: 400, duringMs: 50 },
    },
    async (stage) => {
      for (let n = 0; n < 4; n += 1) {
        stage.line!.rebind();
        await sleep(1000);
      }
    },
  ),
];
