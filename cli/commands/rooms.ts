import { Command } from 'commander';
import { plain, printJson } from '../gifts-ledger.ts';
import { addServiceOptions, ServiceApi, type ServiceOptions } from '../service-api.ts';
import { numberFrom } from '../usage.ts';

const PAGE = 1000;
const MAX_SECONDS = 315_360_000;

interface ActorOptions extends ServiceOptions {
  by: string;
}

interface ReasonOptions extends ActorOptions {
  reason: string;
}

interface Summary {
  room: string;
  members: number;
  viewers: number;
  livers: number;
}
interface Member {
  sub: string;
  name?: string;
  roles: string[];
  isNew?: boolean;
  muted?: boolean;
}
interface Ban {
  subject: string;
  by: string;
  reason: string;
  atMs: number;
  untilMs: number | null;
}
interface AuditEntry {
  id: number;
  atMs: number;
  room: string | null;
  via: string;
  actor: string;
  action: string;
  target: string | null;
  detail: string | null;
}

export function roomsCommand(): Command {
  const command = new Command('rooms')
    .description('Rooms of a running relay: look, ban, close, and who did what. By its service API.')
    .addHelpText(
      'after',
      `
Examples:
  hayate rooms list
  hayate rooms show demo
  hayate rooms ban demo ann --seconds 3600 --reason spam
  hayate rooms bans demo
  hayate rooms audit --room demo
  hayate rooms list --api http://127.0.0.1:9465 --service-token-file /etc/hayate/service.token`,
    );
  const verbs = [listCommand, showCommand, bansCommand, banCommand, unbanCommand, closeCommand, auditCommand];
  for (const create of verbs) command.addCommand(addServiceOptions(create()));
  return command;
}

function listCommand(): Command {
  return new Command('list').description('Rooms open now.').action(async (options: ServiceOptions) => {
    const { rooms } = await new ServiceApi(options).call<{ rooms: Summary[] }>(['rooms']);
    for (const room of rooms) {
      if (options.json) printJson(room);
      else line([room.room, `${room.members} members`, `${room.viewers} viewers`, `${room.livers} livers`]);
    }
    if (!options.json) process.stderr.write(`${rooms.length} rooms\n`);
  });
}

function showCommand(): Command {
  return new Command('show')
    .description('One room: its people, and how its media gets to them.')
    .argument('<room>')
    .action(async (room: string, options: ServiceOptions) => {
      const api = new ServiceApi(options);
      const details = await api.call<Summary & { budgetMs: number; repairBytesPerSecond: number }>(['rooms', room]);
      const people = pages<Member>(async (after: string | undefined) => {
        const query = { after, limit: PAGE };
        const { members, next } = await api.call<{ members: Member[]; next?: string }>(['rooms', room, 'members'], {
          query,
        });
        return { items: members, next };
      });
      if (options.json) {
        const all: Member[] = [];
        for await (const person of people) all.push(person);
        printJson({ ...details, people: all });
        return;
      }
      const { members, viewers, livers, budgetMs, repairBytesPerSecond } = details;
      line([room, `${members} members`, `${viewers} viewers`, `${livers} livers`]);
      line([`lag budget ${budgetMs} ms`, `repair ${Math.round(repairBytesPerSecond)} B/s`]);
      for await (const { sub, name, roles, isNew, muted } of people) {
        line([sub, name ?? '', roles.join(','), isNew ? 'new' : '', muted ? 'muted' : '']);
      }
    });
}

function bansCommand(): Command {
  return new Command('bans')
    .description('Bans of a room in force.')
    .argument('<room>')
    .action(async (room: string, options: ServiceOptions) => {
      const api = new ServiceApi(options);
      const bans = pages<Ban>(async (after: string | undefined) => {
        const query = { after, limit: PAGE };
        const { bans, next } = await api.call<{ bans: Ban[]; next?: string }>(['rooms', room, 'bans'], { query });
        return { items: bans, next };
      });
      for await (const ban of bans) {
        if (options.json) printJson(ban);
        else line([ban.subject, until(ban.untilMs), `by ${ban.by}`, ban.reason]);
      }
    });
}

function banCommand(): Command {
  return withReason(new Command('ban'))
    .description('Keep a person out of a room, open or not; live sessions end.')
    .argument('<room>')
    .argument('<sub>')
    .option('--seconds <n>', 'how long (default: for ever)', numberFrom(1, MAX_SECONDS))
    .action(async (room: string, sub: string, options: ReasonOptions & { seconds?: number }) => {
      const { reason, seconds, by } = options;
      const body = { sub, reason, ...(seconds !== undefined && { seconds }) };
      const ban = await new ServiceApi(options).call<Ban>(['rooms', room, 'bans'], {
        method: 'POST',
        query: { by },
        body,
      });
      if (options.json) printJson(ban);
      else line([`${ban.subject} is kept out of ${room} ${until(ban.untilMs)}`]);
    });
}

function unbanCommand(): Command {
  return withActor(new Command('unban'))
    .description('Take a ban back; also where there is none.')
    .argument('<room>')
    .argument('<sub>')
    .action(async (room: string, sub: string, options: ActorOptions) => {
      await new ServiceApi(options).call(['rooms', room, 'bans', sub], { method: 'DELETE', query: { by: options.by } });
      if (options.json) printJson({ room, subject: sub });
      else line([`${sub} may come to ${room}`]);
    });
}

function closeCommand(): Command {
  return withReason(new Command('close'))
    .description('End every session of a room.')
    .argument('<room>')
    .action(async (room: string, options: ReasonOptions) => {
      const { by, reason } = options;
      await new ServiceApi(options).call(['rooms', room, 'close'], { method: 'POST', query: { by }, body: { reason } });
      if (options.json) printJson({ room });
      else line([`${room} is closed`]);
    });
}

function auditCommand(): Command {
  return new Command('audit')
    .description('What moderators and the backend did, the oldest first.')
    .option('--room <name>', 'only of this room')
    .option('--actor <id>', 'only of this moderator')
    .option('--target <id>', 'only about this person, token or comment')
    .option('--after <id>', 'entries after this one', numberFrom(0, Number.MAX_SAFE_INTEGER), 0)
    .option('--limit <n>', 'so many at most', numberFrom(1, 1e9), 100)
    .action(
      async (
        options: ServiceOptions & { room?: string; actor?: string; target?: string; after: number; limit: number },
      ) => {
        const { room, actor, target, limit } = options;
        const api = new ServiceApi(options);
        let { after } = options;
        for (let left = limit; left > 0; ) {
          const query = { room, actor, target, after, limit: Math.min(left, PAGE) };
          const page = await api.call<{ entries: AuditEntry[]; next: number; more: boolean }>(['audit'], { query });
          for (const entry of page.entries) {
            if (options.json) printJson(entry);
            else auditLine(entry);
          }
          if (!page.more) return;
          left -= page.entries.length;
          after = page.next;
        }
        if (!options.json) process.stderr.write(`go on with --after ${after}\n`);
      },
    );
}

function auditLine({ id, atMs, room, via, actor, action, target, detail }: AuditEntry): void {
  line([
    String(id),
    new Date(atMs).toISOString(),
    room ?? '-',
    `${actor} (${via})`,
    action,
    target ?? '',
    detail ?? '',
  ]);
}

function withActor(command: Command): Command {
  return command.option('--by <name>', 'who asks, for the audit log', process.env['USER'] ?? 'cli');
}

function withReason(command: Command): Command {
  return withActor(command).option('--reason <text>', 'for the audit log, and shown to whom it concerns', '');
}

async function* pages<T>(
  read: (after: string | undefined) => Promise<{ items: T[]; next?: string | undefined }>,
): AsyncGenerator<T> {
  for (let after: string | undefined; ; ) {
    const { items, next } = await read(after);
    yield* items;
    if (next === undefined) return;
    after = next;
  }
}

/** Names and reasons come from users. */
function line(words: readonly string[]): void {
  process.stdout.write(
    `${words
      .filter((word) => word !== '')
      .map(plain)
      .join('  ')}\n`,
  );
}

function until(ms: number | null): string {
  return ms === null ? 'for ever' : `until ${new Date(ms).toISOString()}`;
}
