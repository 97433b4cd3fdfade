/** Plots of the docs: black on a white ground of their own, so that they are readable on a dark page as well. Lengths are px. */
const escapeXml = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const coordinate = (px: number) => Number(px.toFixed(1));

export function svgText(x: number, y: number, value: string, anchor: 'start' | 'middle' | 'end' = 'start'): string {
  return `<text x="${coordinate(x)}" y="${coordinate(y)}" text-anchor="${anchor}">${escapeXml(value)}</text>`;
}

/** @param style further attributes */
export function svgLine(x1: number, y1: number, x2: number, y2: number, style: string): string {
  return `<line x1="${coordinate(x1)}" y1="${coordinate(y1)}" x2="${coordinate(x2)}" y2="${coordinate(y2)}" ${style}/>`;
}

/** Through all points. @param style further attributes */
export function svgPath(points: readonly (readonly [x: number, y: number])[], style: string): string {
  const through = points.map(([x, y]) => `${coordinate(x)},${coordinate(y)}`).join(' ');
  return `<polyline points="${through}" fill="none" ${style}/>`;
}

/** A dot at each point. */
export function svgDots(points: readonly (readonly [x: number, y: number])[], colour: string, width: number): string {
  const dots = points.map(([x, y]) => `M${coordinate(x)},${coordinate(y)}h0`).join('');
  return `<path d="${dots}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linecap="round"/>`;
}

/** The whole picture. @param title for those who do not see it */
export function svgPage(width: number, height: number, title: string, body: readonly string[]): string {
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11" role="img" aria-labelledby="title">`,
    `<title id="title">${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="white"/>`,
    ...body,
    '</svg>',
  ];
  return `${lines.join('\n')}\n`;
}
