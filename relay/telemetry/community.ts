import { MODERATIONS } from '@hayate/codec/messages';
import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { Counters } from './counters.ts';

export interface CommunityGauges {
  bans: number;
  revocations: number;
  /** Calls that wait for the disk. */
  waiting: number;
}

const LIMITED = ['address', 'subject'];
const ROOM_EVENTS = ['delivered', 'retry', 'dropped'];

/** Metrics of who may join, what is remembered of them, and what the backend is told of rooms. */
export function communityMetrics(meter: Meter) {
  const gauge = (name: string, description: string) => meter.createObservableGauge(`hayate_${name}`, { description });
  const counter = (name: string, description: string) =>
    meter.createObservableCounter(`hayate_${name}`, { description });
  const bans = gauge('bans', 'Bans in force.');
  const revocations = gauge('revocations', 'Revocations of tokens in force.');
  const waiting = gauge('community_waiting', "Calls that wait for the community's disk.");
  const visitsLost = counter('community_visits_lost', 'Visits that could not be remembered.');
  const auditLost = counter('community_audit_lost', 'Actions of moderators that are not in the audit log.');
  const limited = counter('joins_limited', 'Sessions ended by `joins.*`, by what was over its limit.');
  const events = counter('room_events', "Events of rooms for the backend's webhook, by what became of an attempt.");
  const moderations = counter('moderations', 'What moderators did in sessions, by action.');
  const resumed = counter('sessions_resumed', 'Sessions that took up the place of a lost one.');
  const putOff = counter(
    'presence_put_off',
    'News of members not sent to sessions that read slowly; the whole list follows.',
  );
  const asked = [bans, revocations, waiting, visitsLost, auditLost, limited, events];
  const instruments: Observable[] = [...asked, moderations, resumed, putOff];
  return {
    instruments,
    observe(result: BatchObservableResult, counters: Counters, gauges: CommunityGauges | undefined): void {
      result.observe(bans, gauges?.bans ?? 0);
      result.observe(revocations, gauges?.revocations ?? 0);
      result.observe(waiting, gauges?.waiting ?? 0);
      result.observe(visitsLost, counters.total('community_visits_lost'));
      result.observe(auditLost, counters.total('community_audit_lost'));
      // Zero before the first one: an alert must not wait for the label to appear.
      for (const by of LIMITED) result.observe(limited, counters.get('joins_limited').get(by) ?? 0, { by });
      for (const action of MODERATIONS)
        result.observe(moderations, counters.get('moderations').get(action) ?? 0, { action });
      result.observe(resumed, counters.total('sessions_resumed'));
      result.observe(putOff, counters.total('presence_put_off'));
      for (const name of ROOM_EVENTS)
        result.observe(events, counters.get('room_events').get(name) ?? 0, { result: name });
    },
  };
}
