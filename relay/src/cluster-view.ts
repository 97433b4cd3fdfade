import { codeError } from '@hayate/codec/messages';
import { candidates, type Directory, fullness } from '../directory/index.ts';
import type { ClusterApi, ClusterLink, ClusterRelay, ClusterRoom, RoomPlace } from '../http/cluster.ts';
import type { Candidate } from '../http/relays.ts';
import type { Cluster } from './cluster.ts';
import type { HostedRoom } from './rooms.ts';

export interface ClusterViewOptions {
  self: string;
  cluster: Cluster;
  directory: Directory;
  rooms(): Iterable<HostedRoom>;
  nowMs(): number;
  /** 0 to 1: spreads clients over relays that are alike. */
  random(): number;
}

/** What people who look after a cluster see of it at one relay, and the little that they change. */
export class ClusterView implements ClusterApi {
  readonly #options: ClusterViewOptions;

  constructor(options: ClusterViewOptions) {
    this.#options = options;
  }

  relays(): ClusterRelay[] {
    const { directory, self } = this.#options;
    return directory.relays().map(({ id, region, url, draining, load, loadFresh }) => ({
      ...{ id, region, url, draining, load, loadFresh },
      self: id === self,
    }));
  }

  rooms(): ClusterRoom[] {
    const { cluster, rooms } = this.#options;
    return [...rooms()].flatMap((hosted) => {
      const branch = cluster.bridge(hosted)?.branch;
      if (!branch) return [];
      const { home, origin, epoch } = branch.place ?? { home: '', origin: '', epoch: 0 };
      const livers = hosted.room.livers().map(({ slot, sub }) => ({ slot, sub, via: branch.via(slot) ?? null }));
      const { peopleCount: people, viewerCount: viewers } = hosted.room;
      const { path } = branch;
      return [
        { room: hosted.name, home, origin, epoch, path, children: [...branch.children], people, viewers, livers },
      ];
    });
  }

  async links(): Promise<ClusterLink[]> {
    const { cluster, nowMs } = this.#options;
    return Promise.all(
      cluster.links.peers().map(async ({ peer, region, session, sinceMs }) => {
        const stats = await session.getStats();
        const { rttMs = null, packetsSent: packetsOut = 0, packetsLost = 0 } = stats;
        const { bytesReceived: bytesIn = 0, bytesSent: bytesOut = 0 } = stats;
        const loss = packetsOut > 0 ? packetsLost / packetsOut : null;
        return { peer, region, upForMs: Math.round(nowMs() - sinceMs), rttMs, loss, packetsOut, bytesIn, bytesOut };
      }),
    );
  }

  async move(room: string, origin: string): Promise<RoomPlace> {
    const { directory } = this.#options;
    const relay = directory.relays().find(({ id }) => id === origin);
    if (!relay) throw codeError('invalid_argument', `no relay ${origin} lives`);
    if (!(await directory.lookup(room))) throw codeError('no_such_room', `there is no room ${room}`);
    const { home, origin: now, epoch } = await directory.move(room, { home: relay.region, origin });
    return { room, home, origin: now, epoch };
  }

  close(room: string): Promise<void> {
    return this.#options.directory.close(room);
  }

  /** For clients: who may be dialled for a room, the best for who asks here first. */
  candidates(): Candidate[] {
    const { directory, random } = this.#options;
    const seed = Math.floor(random() * 2 ** 32);
    return candidates(directory.relays(), { region: directory.region, seed }).map((relay) => {
      const { id, region, url, certificateHashes, load, loadFresh } = relay;
      return {
        id,
        region,
        url,
        certificateHashes: [...certificateHashes],
        ...(loadFresh ? { load: fullness(load) } : {}),
      };
    });
  }
}
