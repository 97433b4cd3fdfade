/** Who comes and goes, and what they do: the same at any two times of a run. docs/soak.md says it in words. */
export const LOAD = {
  /** That stand all the time, each with a liver, a giver, a witness of its gifts and a probe. */
  rooms: 5,
  /** A second, over all standing rooms. */
  visits: 4.5,
  comments: 2,
  gifts: 1,
  /** Mean of an exponential: so 90 visitors at once. */
  stayS: 20,
  /** Shares of the visitors: with the SDK, and with the SDK over the WebSocket fallback. */
  full: 0.04,
  fallback: 0.02,
  /** A process of people who are killed as the next one comes: light viewers, one with the SDK, one over WebSocket, one liver. */
  doomedEachS: 60,
  doomedViewers: 10,
  /** The liver of a standing room goes off for so long. */
  liverOffEachS: 40,
  liverOffS: 3,
  /** A room that begins and ends. */
  passingEachS: 30,
  passingS: 20,
  passingViewers: 3,
  /** Another probe comes then in its place. */
  probeStayS: 120,
} as const;
