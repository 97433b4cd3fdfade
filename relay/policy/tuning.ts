/** Numbers of the delivery policy. One object, so that tests can show what each is there for. */
export interface Tuning {
  /** Voice packets a datagram at most, whatever speaks for more. */
  maxVoice: 1 | 2 | 3 | 4;
  /** The estimate aims so far below the budget, ms. */
  reserveMs: number;
  /** Playout margin of a viewer that does not report, and the bounds of what a report may claim, ms. */
  marginMs: number;
  minMarginMs: number;
  maxMarginMs: number;
  /** A report counts for so long, ms. */
  reportMs: number;
  /** Share of the jitter of both directions that comes on top of half the round trip. */
  jitterShare: number;
  /** Over which round trips are averaged, ms. */
  roundTripMs: number;
  /** More is held by so much a step, ms: what the SDK's playout keeps free above the latest units. */
  holdStepMs: number;
  /** How far into the reserve more holding may go, ms, */
  upSlackMs: number;
  /** and only after it would have fitted for so long, ms; doubled up to the greatest each time that it did not last. */
  upHoldMs: number;
  maxUpHoldMs: number;
  /** Less holding once so much of the reserve is gone, ms: more than above, so that noise does not swing. */
  downSlackMs: number;
  /** Loss (share of packets) from which on repair pays, and below which it ends. */
  repairLoss: number;
  repairEndLoss: number;
  /** Above it original, hold and repair must all fit in the spare time; below the second a late repeat is bearable. */
  strictLoss: number;
  strictEndLoss: number;
  /** Above it, or with bursts: all motion since the key. Ends below the second. */
  heavyLoss: number;
  heavyEndLoss: number;
  /**
   * The same on the uplink. There it pays early: a repeat that is lost too breaks the chain for every viewer until the next
   * key, and all motion since the key is a few dozen bytes of a datagram that leaves anyway.
   */
  uplinkHeavyLoss: number;
  uplinkHeavyEndLoss: number;
  /** From the loss of a datagram to the request for it, ms; then comes the round trip. */
  requestMs: number;
  /** Below it losses are made good on request; above the second requests and answers get lost too often as well. */
  requestLoss: number;
  requestEndLoss: number;
  /** Repair ends, or becomes less, after so long without need, ms; doubled up to the greatest when it was needed again. */
  repairHoldMs: number;
  maxRepairHoldMs: number;
  /** Greatest delay of a repeat after its original, ms: what bursts ask for. */
  maxSpacingMs: number;
  /** One step up the congestion ladder a time of quiet, ms; doubled as above. One step down at most each `worseMs`. */
  recoverMs: number;
  maxRecoverMs: number;
  worseMs: number;
}

export const TUNING: Readonly<Tuning> = {
  maxVoice: 4,
  reserveMs: 5,
  marginMs: 20,
  minMarginMs: 2,
  maxMarginMs: 60,
  reportMs: 10_000,
  jitterShare: 0.75,
  roundTripMs: 4000,
  holdStepMs: 3,
  upSlackMs: 5,
  upHoldMs: 3000,
  maxUpHoldMs: 60_000,
  downSlackMs: 7,
  repairLoss: 0.003,
  repairEndLoss: 0.0015,
  strictLoss: 0.01,
  strictEndLoss: 0.006,
  heavyLoss: 0.08,
  heavyEndLoss: 0.05,
  uplinkHeavyLoss: 0.025,
  uplinkHeavyEndLoss: 0.015,
  requestMs: 8,
  requestLoss: 0.08,
  requestEndLoss: 0.1,
  repairHoldMs: 15_000,
  maxRepairHoldMs: 300_000,
  maxSpacingMs: 80,
  recoverMs: 5000,
  maxRecoverMs: 300_000,
  worseMs: 1000,
};
