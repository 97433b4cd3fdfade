import { heartbeatSubject, keySubject, newsSubject, orderSubject } from '../directory/nats/buckets.ts';
import { claimSubject } from '../gifts/forward.ts';
import { giftStreams } from '../ledger/nats/streams.ts';
import type { NatsPermissions } from './accounts.ts';

/** An answer is of use to nobody who asked longer ago. */
const ANSWER_MS = 10_000;

/**
 * What a relay of a region does in NATS, and nothing else. It makes streams in its own domain alone, removes none anywhere,
 * writes the relays, gifts and values of its own region, and in every region rooms (which may have their home there) and
 * places of gifts (where a room moved away). It reads all of them.
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
    answerMs: ANSWER_MS,
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
