import { benchFiles, type Profile } from '@hayate/codec/bench';
import { parseLiveLinkCsv } from '@hayate/codec/motion';
import { type PeerRow, peerSizes } from '../../motion/peers.ts';
import { Checks, type Claim, type ClaimContext } from '../claim.ts';
import { DAO, FOUR, haveRecordings, readFiles } from './data.ts';

const PROFILES: readonly Profile[] = ['hi', 'std', 'lo'];
const KEY_INTERVAL = 8;

const round = (bytes: number) => Number(bytes.toFixed(2));
const roundAll = (sizes: Record<string, number>) =>
  Object.fromEntries(Object.entries(sizes).map(([name, bytes]) => [name, round(bytes)]));

/** Each recording for which a peer sends no more than face-1. */
function findNotLarger(peers: readonly PeerRow[], own: Record<string, number>): string[] {
  return peers.flatMap(({ peer, bytes_per_frame }) =>
    Object.entries(own)
      .filter(([name, bytes]) => !(bytes < bytes_per_frame[name]!))
      .map(([name, bytes]) => `${name}: ${peer} sends ${round(bytes_per_frame[name]!)} B a frame, face-1 std ${bytes}`),
  );
}

async function run(context: ClaimContext) {
  const checks = new Checks();
  if (!haveRecordings(checks)) return checks.outcome();
  const files = readFiles([...FOUR, DAO]);
  context.log('what peers send for each recording');
  const recordings = files.map(({ name, text }) => ({
    name,
    frames: [...parseLiveLinkCsv(text.split('\n'))].map(({ frame }) => frame),
  }));
  const { rows, skipped } = peerSizes(recordings);
  for (const { peer, bytes_per_frame, mean, lossy, note } of rows) {
    checks.figure(peer, { ...roundAll(bytes_per_frame), mean: round(mean), lossy, note });
  }
  for (const reason of skipped) checks.skip(reason);

  for (const profile of PROFILES) {
    context.log(`face-1 ${profile}`);
    // Each recording by a model that has not seen it, as the dictionary of zstd.
    const report = benchFiles(files, { profile, keyInterval: KEY_INTERVAL, seeds: [] });
    const frame = Object.fromEntries(report.files.map((file) => [file.name, file.bytes_per_frame]));
    const chain = Object.fromEntries(report.files.map((file) => [file.name, file.bytes_per_chain_unit]));
    checks.figure(`face-1 ${profile}, key every ${KEY_INTERVAL}`, {
      ...roundAll(frame),
      mean: round(report.mean_of_files.bytes_per_frame),
    });
    checks.figure(`face-1 ${profile}, chain units`, {
      ...roundAll(chain),
      mean: round(report.mean_of_files.bytes_per_chain_unit),
    });
    checks.check(
      report.files.every((file) => file.model.unseen),
      `${profile}: a model has seen its file`,
    );
    if (profile === 'std') for (const fault of findNotLarger(rows, frame)) checks.check(false, fault);
  }
  return checks.outcome();
}

export const codecPeers: Claim = {
  id: 'codec.5',
  title:
    'Bytes a frame beside what others send for the same frames, encoded for real: float32, u8, CBOR, VMC/OSC, iFacialMocap text, Live Link Face packets, zstd with a trained dictionary, snapshot bit-packing',
  seconds: 60,
  run,
};
