/** A machine's label is a prefix and the id of its relay, which begins with the code of its region. */
export function relayOf(label: string, labelPrefix: string): { id: string; region: string } {
  const id = label.slice(labelPrefix.length);
  return { id, region: id.slice(0, id.indexOf('-')) };
}
