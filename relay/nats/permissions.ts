import { heartbeatSubject, keySubject, newsSubject, orderSubject, streamName } from '../directory/nats/buckets.ts';
import { claimSubject } from '../gifts/forward.ts';
import { giftStreams } from '../ledger/nats/streams.ts';
import type { NatsPermissions } from './accounts.ts';

/** Where the fleet keeps its state: a stream of its own, a subject a value. */
export const FLEET = { stream: 'FLEET', subject: 'hayate.fleet' };
/** The fleet's answers come here: whoever may listen to `_INBOX` does not hear them. */
export const FLEET_INBOX = '_INBOX_FLEET';

/** An answer is of use to nobody who asked longer ago. */
const ANSWER_MS = 10_000;

/**
 * What a relay of a region does in NATS, and nothing else. It makes streams in its own domain alone, removes none anywhere,
 * writes the relays, gifts and values of its own region, and in every region rooms (which may have their home there) and
 * places of gifts (where a room moved away). It reads all of them, but nothing of the fleet's.
 * @param regions all of the cluster: another one needs new credentials
 */
export function relayPermissions(region: string, regions: readonly string[]): NatsPermissions {
  const others = regions.filter((each) => each !== region);
  return {
    publish: [
      // A server takes its own domain's prefix off before it asks for permission: `$JS.REGION.API` is `$JS.API`.
      ...['$JS.API.STREAM.CREATE.*', '$JS.API.STREAM.UPDATE.*', keySubject('relays', region, '*')],
      keySubject('rooms', region, '*'),
      ...readingOf('$JS.API'),
      ...others.flatMap((each) => [
        ...readingOf(`$JS.${each}.API`),
        `$JS.${each}.API.${keySubject('rooms', each, '*')}`,
        placesOf(each),
      ]),
      ...giftSubjects(region),
      heartbeatSubject(region, '*'),
      claimSubject('*'),
    ],
    subscribe: [
      '_INBOX.>',
      newsSubject('relays', '*', '*'),
      newsSubject('rooms', '*', '*'),
      heartbeatSubject('*', '*'),
      orderSubject(region, '*'),
      claimSubject(region),
    ],
    neverPublish: ['$JS.API', '$JS.*.API'].flatMap((api) =>
      ['*.*', '*.*.*'].flatMap((verb) => [`${api}.${verb}.${FLEET.stream}`, `${api}.${verb}.${FLEET.stream}.>`]),
    ),
    answerMs: ANSWER_MS,
  };
}

/**
 * What an instance of the fleet does in NATS: keeps its state in `region`, reads relays and rooms of all regions, orders relays to
 * drain. It writes no relay and no room, and knows nothing of gifts. Buckets that no relay has made yet it may make, and change none.
 */
export function fleetPermissions(region: string, regions: readonly string[]): NatsPermissions {
  const buckets = regions.flatMap((each) => [streamName('relays', each), streamName('rooms', each)]);
  const apis = regions.map((each) => (each === region ? '$JS.API' : `$JS.${each}.API`));
  return {
    publish: [
      ...[`$JS.API.STREAM.CREATE.${FLEET.stream}`, `$JS.API.STREAM.MSG.GET.${FLEET.stream}`, `${FLEET.subject}.*`],
      ...buckets.flatMap((each) => [`$JS.API.STREAM.CREATE.${each}`, `$JS.API.STREAM.INFO.${each}`]),
      ...apis.flatMap((api) =>
        buckets.flatMap((each) => ['STREAM.MSG.GET', 'DIRECT.GET'].map((verb) => `${api}.${verb}.${each}`)),
      ),
      // By key, which is in the subject.
      ...apis.flatMap((api) => buckets.map((each) => `${api}.DIRECT.GET.${each}.>`)),
      orderSubject('*', '*'),
    ],
    subscribe: [
      `${FLEET_INBOX}.>`,
      newsSubject('relays', '*', '*'),
      newsSubject('rooms', '*', '*'),
      heartbeatSubject('*', '*'),
    ],
  };
}

const READING = [
  'STREAM.INFO.*',
  'STREAM.MSG.GET.*',
  'DIRECT.GET.>',
  'CONSUMER.CREATE.>',
  'CONSUMER.INFO.>',
  'CONSUMER.MSG.NEXT.>',
  'CONSUMER.DELETE.>',
];
const readingOf = (api: string) => READING.map((verb) => `${api}.${verb}`);

function giftSubjects(region: string): string[] {
  return giftStreams(region, [region], 1).flatMap(({ subjects = [] }) => subjects);
}

function placesOf(region: string): string {
  return giftSubjects(region).find((subject) => subject.startsWith('giftplaces.'))!;
}
