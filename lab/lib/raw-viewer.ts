import type { Engine } from '@hayate/engine';
import { type RawPath, RawSession, type RelayAddress } from './raw-session.ts';

/** A session that joined as a viewer. Rejects with the relay's refusal. */
export async function rawViewer(
  engine: Engine,
  to: RelayAddress,
  path: RawPath,
  onDatagram: (data: Uint8Array, receivedAtUs: number) => void,
): Promise<RawSession> {
  const raw = await RawSession.open(engine, to, path, onDatagram);
  raw.send({ t: 'watch', id: 1 });
  await raw.answer('done');
  return raw;
}
