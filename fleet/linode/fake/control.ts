import { z } from 'zod';
import { type Answer, done, ok, refuse } from './answer.ts';
import type { FakeLinode } from './fake.ts';

const made = z.union([z.boolean(), z.number()]).optional();
const faultSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('status'),
    status: z.int().min(400).max(599),
    reason: z.string().optional(),
    made,
    retryAfterS: z.number().optional(),
  }),
  z.strictObject({ kind: z.literal('cut'), made }),
]);
const region = z.string();
const type = z.string().optional();
const label = z.string();

/** One thing at a time: `{"do": "outage", "region": "jp-tyo-3"}`. */
const askedSchema = z.discriminatedUnion('do', [
  z.strictObject({ do: z.literal('outage'), region }),
  z.strictObject({ do: z.literal('end-outage'), region }),
  z.strictObject({ do: z.literal('fill'), region, type }),
  z.strictObject({ do: z.literal('make-room'), region, type }),
  z.strictObject({ do: z.literal('crash'), label, restarts: z.boolean().optional() }),
  z.strictObject({ do: z.literal('power-off'), label }),
  z.strictObject({ do: z.literal('vanish'), label }),
  z.strictObject({ do: z.literal('traffic'), label, gb: z.number() }),
  z.strictObject({ do: z.literal('account-limit'), linodes: z.int() }),
  z.strictObject({ do: z.literal('fault'), call: z.string(), times: z.int().default(1), fault: faultSchema }),
  z.strictObject({ do: z.literal('faults'), call: z.string(), chance: z.number().min(0).max(1), fault: faultSchema }),
  z.strictObject({ do: z.literal('no-faults') }),
  z.strictObject({ do: z.literal('show') }),
]);
type Asked = z.output<typeof askedSchema>;

/** What is asked of the fake itself, by another process. @param text JSON */
export function control(fake: FakeLinode, text: string): Answer {
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    return refuse(400, 'Invalid JSON');
  }
  const { success, data, error } = askedSchema.safeParse(input);
  return success ? carryOut(fake, data) : refuse(400, z.prettifyError(error));
}

function carryOut(fake: FakeLinode, asked: Asked): Answer {
  switch (asked.do) {
    case 'outage':
      fake.outage(asked.region);
      break;
    case 'end-outage':
      fake.endOutage(asked.region);
      break;
    case 'fill':
      fake.fill(asked.region, asked.type);
      break;
    case 'make-room':
      fake.makeRoom(asked.region, asked.type);
      break;
    case 'account-limit':
      fake.accountLimit = asked.linodes;
      break;
    case 'fault':
      fake.faults.next(asked.call, faultOf(asked.fault), asked.times);
      break;
    case 'faults':
      fake.faults.often(asked.call, asked.chance, faultOf(asked.fault));
      break;
    case 'no-faults':
      fake.faults.clear();
      break;
    case 'show':
      return ok({
        linodes: fake
          .machines()
          .map((each) => ({ id: each.id, label: each.label, region: each.region, status: each.status })),
        calls: Object.fromEntries(fake.calls),
        faults: Object.fromEntries(fake.faults.counts),
      });
    default:
      return toMachine(fake, asked);
  }
  return done;
}

function toMachine(fake: FakeLinode, asked: Extract<Asked, { label: string }>): Answer {
  const machine = fake.machine(asked.label);
  if (!machine) return refuse(404, 'Not found', 'label');
  if (asked.do === 'crash') fake.crash(machine.id, { restarts: asked.restarts ?? false });
  else if (asked.do === 'power-off') fake.powerOff(machine.id);
  else if (asked.do === 'vanish') fake.vanish(machine.id);
  else fake.addTraffic(machine.id, asked.gb);
  return done;
}

/** Optional fields are absent rather than undefined. */
function faultOf(fault: z.output<typeof faultSchema>): Parameters<FakeLinode['faults']['next']>[1] {
  return JSON.parse(JSON.stringify(fault)) as Parameters<FakeLinode['faults']['next']>[1];
}
