import { expect, it } from 'vitest';
import { MemoryCommunityStore } from '../community/memory.ts';
import { bodies } from '../test/bodies.ts';

it('who is banned from a room, or whose token is revoked, is not welcomed; others and other rooms are', async () => {
  const store = new MemoryCommunityStore();
  const shared = { by: 'mod', reason: '', atMs: 1 };
  const entry = { atMs: 1, room: 'r', via: 'api', actor: 'mod', action: 'ban', target: null, detail: null } as const;
  await store.record(entry, { do: 'ban', ban: { room: 'r', subject: 'ann', untilMs: null, ...shared } });
  const revocation = { kind: 'token', jti: 't1', untilMs: Date.now() + 60_000, ...shared } as const;
  await store.record(entry, { do: 'revoke', revocation });
  const rig = await bodies[0]!.start({}, { community: store });
  const answer = async (sub: string, room: string, jti: string) => {
    const client = await rig.connect();
    await client.open({ t: 'hello', v: 1, token: await rig.token({ sub, room, jti }) });
    await client.until(() => client.end !== undefined || client.messages.length > 0, 'an answer');
    return client.messages[0]?.t ?? client.end;
  };
  try {
    expect(await answer('ann', 'r', 't2')).toMatchObject({ closeCode: 304 });
    expect(await answer('ann', 'q', 't2')).toBe('welcome');
    expect(await answer('bo', 'r', 't1')).toMatchObject({ closeCode: 204 });
    expect(await answer('bo', 'r', 't2')).toBe('welcome');
  } finally {
    await rig.close();
  }
});
