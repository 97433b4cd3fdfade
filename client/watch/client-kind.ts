/** The order counts: each of these also says that it is one of those after it. */
const FAMILIES: [RegExp, string][] = [
  [/^Node\.js\//, 'node'],
  [/\bFirefox\//, 'firefox'],
  [/\b(Chrome|Chromium|CriOS)\//, 'chromium'],
  [/\bSafari\//, 'safari'],
];

export interface ClientKind {
  network?: string;
  browser?: string;
}

/** Which of a few kinds this client is, for the relay's statistics: nothing that would tell one person from another. */
export function clientKind(from: unknown = globalThis.navigator): ClientKind {
  const { userAgent, connection } = (from ?? {}) as { userAgent?: string; connection?: { type?: string } };
  const browser = FAMILIES.find(([pattern]) => pattern.test(userAgent ?? ''))?.[1];
  const network = connection?.type;
  return { ...(browser !== undefined && { browser }), ...(network !== undefined && { network }) };
}
