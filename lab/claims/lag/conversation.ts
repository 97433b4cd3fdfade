import { conversation, FAR } from '../../bench/conversation.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';

const P99_MS = 200;

async function run(context: ClaimContext) {
  const checks = new Checks();
  const options = { rooms: 10, viewers: 20, interactive: 0.1, link: 20, seconds: 40 };
  const { cases, ...about } = await conversation(options, context.log);
  for (const [name, value] of Object.entries(about)) checks.figure(name, value);
  for (const { name, ...figures } of cases) {
    checks.figure(name, figures);
    checks.check(figures.unanswered === 0, `${name}: ${figures.unanswered} comments without an answer`);
    checks.check(figures.answers > 0, `${name}: nobody was answered`);
  }
  const hayate = cases.find(({ name }) => name === 'hayate')!;
  const p99 = hayate.conversation_ms.p99 ?? Number.NaN;
  checks.check(p99 <= P99_MS, `p99 ${p99} ms (target ${P99_MS})`);
  checks.check(
    hayate.interactive_at_once === hayate.interactive,
    `${hayate.interactive - hayate.interactive_at_once} of ${hayate.interactive} who talk were not sent each packet at once`,
  );
  const far = cases.find(({ name }) => name === FAR.name)!;
  checks.check(
    (far.conversation_ms.p99 ?? 0) > P99_MS,
    `control: with links of ${FAR.delayMs} ms p99 was ${far.conversation_ms.p99} ms, and should be over ${P99_MS}`,
  );
  return checks.outcome();
}

export const answers: Claim = {
  id: 'lag.3',
  title:
    'A conversation over links of 20 ms with a tenth of the viewers talking: from a comment to the answering voice in that fan’s ear at most 200 ms at p99, beside no bundling',
  seconds: 200,
  run,
};
