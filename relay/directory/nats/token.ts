/**
 * Any text as one token of a subject: letters, digits, `_` and `-` as they are, each other byte of UTF-8 as `=` and two hex
 * digits. Never empty for a text that is not; different for different texts.
 */
export function subjectToken(text: string): string {
  let out = '';
  for (const byte of Buffer.from(text, 'utf8')) {
    const plain =
      (byte >= 0x61 && byte <= 0x7a) ||
      (byte >= 0x41 && byte <= 0x5a) ||
      (byte >= 0x30 && byte <= 0x39) ||
      byte === 0x5f ||
      byte === 0x2d;
    out += plain ? String.fromCharCode(byte) : `=${byte.toString(16).padStart(2, '0')}`;
  }
  return out;
}

export function fromSubjectToken(token: string): string {
  const bytes: number[] = [];
  for (let i = 0; i < token.length; i++) {
    if (token[i] === '=') {
      bytes.push(Number.parseInt(token.slice(i + 1, i + 3), 16));
      i += 2;
    } else {
      bytes.push(token.charCodeAt(i));
    }
  }
  return Buffer.from(bytes).toString('utf8');
}
