import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engineAvailable, makeAuthority, openEngine } from '@hayate/engine';

import { agree, openTokens, startControl } from '@hayate/fleet';
import { controlSchema } from '@hayate/fleet/internal';
import { expect, test } from 'vitest';
import { silent } from '../relay/test/silent.ts';

const available = engineAvailable();
if (!available.ok) console.log(`skipped: ${available.reason}`);

test.skipIf(!available.ok)(
  'relays that enrolled know each other on the trunk, and one that did not is refused',
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'hayate-enrolled-'));
    const file = (name: string, text: string) => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const authority = makeAuthority();
    const config = controlSchema.parse({
      stateDir: join(dir, 'state'),
      listen: { host: '127.0.0.1', port: 0 },
      authority: { certFile: file('ca.pem', authority.cert), keyFile: file('ca.key', authority.key) },
      relays: { jp: {}, us: {} },
      secretsDir: join(dir, 'none'),
    });
    const control = await startControl(config, silent);
    const tokens = openTokens(config);
    const engine = openEngine();
    try {
      const enrolled = async (id: string, region: string) => {
        const folder = join(dir, id);
        mkdirSync(folder);
        const url = `https://127.0.0.1:${control.port}`;
        const birth = { id, url, ca: authority.cert, token: tokens.issue({ id, region }) };
        writeFileSync(join(folder, 'enrol.json'), JSON.stringify(birth));
        await agree({ dir: folder, waitMs: 0, log: () => {} });
        return { cert: join(folder, 'relay.pem'), key: join(folder, 'relay.key'), ca: join(folder, 'ca.pem') };
      };
      const [tokyo, chicago] = [await enrolled('jp-a-1', 'jp'), await enrolled('us-a-1', 'us')];
      const listener = await engine.listen({
        ...{ host: '127.0.0.1', paths: ['/trunk'], clientCa: tokyo.ca },
        certificate: { cert: tokyo.cert, key: tokyo.key },
      });
      const url = `https://127.0.0.1:${listener.address.port}/trunk`;
      const dial = { rootsPem: chicago.ca, serverName: 'jp-a-1.relay.hayate' };
      const session = engine.connect(url, { ...dial, identity: { cert: chicago.cert, key: chicago.key } });
      await session.ready;
      expect(session.peerNames).toEqual(['jp-a-1.relay.hayate']);
      const { value: accepted } = await listener.sessions.getReader().read();
      expect(accepted!.peerNames).toEqual(['us-a-1.relay.hayate']);
      session.close();
      await expect(engine.connect(url, dial).closed).rejects.toMatchObject({ code: 'certificate' });
    } finally {
      await engine.close();
      tokens.close();
      await control.close();
      rmSync(dir, { recursive: true });
    }
  },
);
