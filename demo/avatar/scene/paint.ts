import { alpha, mix } from '../draw/colour.ts';
import type { Context2D } from '../draw/space.ts';
import type { Scene } from './light.ts';

/** 0..1: what is behind the point. */
export function fraction(value: number): number {
  return value - Math.floor(value);
}

export function paintSky(ctx: Context2D, width: number, height: number, scene: Scene): void {
  const sky = ctx.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, scene.skyTop);
  sky.addColorStop(0.5, scene.skyMid);
  sky.addColorStop(0.86, scene.skyLow);
  ctx.fillStyle = sky;
  ctx.fillRect(0, 0, width, height);
  for (let i = 0; i < scene.stars; i += 1) {
    const x = fraction(i * 0.618034) * width;
    const y = fraction(i * 0.414214 + 0.1) ** 1.3 * 0.7 * height;
    const size = 0.6 + 1.2 * fraction(i * 0.732);
    ctx.fillStyle = alpha('#ffffff', 0.35 + 0.6 * fraction(i * 0.27));
    ctx.fillRect(x, y, size, size);
  }
  const [x, y] = [scene.lampX * width, scene.lampY * height];
  const radius = scene.lampSize * height;
  const glow = ctx.createRadialGradient(x, y, radius * 0.4, x, y, radius * 8);
  glow.addColorStop(0, alpha(scene.lamp, 0.75));
  glow.addColorStop(0.35, alpha(scene.lamp, 0.22));
  glow.addColorStop(1, alpha(scene.lamp, 0));
  ctx.fillStyle = glow;
  ctx.fillRect(0, 0, width, height);
  ctx.fillStyle = alpha(scene.lamp, 0.95);
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fill();
  // The air behind the face is brighter, so that the hair stands out.
  const air = ctx.createRadialGradient(width / 2, height * 0.45, 0, width / 2, height * 0.45, height * 0.5);
  air.addColorStop(0, alpha(mix(scene.skyLow, '#ffffff', 0.4), 0.5));
  air.addColorStop(1, alpha(scene.skyLow, 0));
  ctx.fillStyle = air;
  ctx.fillRect(0, 0, width, height);
}

/** A heap of round puffs over a flat foot. */
export function paintCloud(ctx: Context2D, width: number, height: number, seed: number, scene: Scene): void {
  const foot = height * 0.82;
  const puffs = Array.from({ length: 9 }, (_, i) => {
    const across = (i + 0.5) / 9;
    const high = Math.sin(Math.PI * across) ** 0.8;
    const radius = height * (0.12 + 0.24 * high * (0.7 + 0.5 * fraction(seed * 0.37 + i * 0.618)));
    return { x: width * (0.1 + 0.8 * across), y: foot - radius * 0.7 - height * 0.12 * high, radius };
  });
  const fill = (drop: number, shrink: number, style: string | CanvasGradient) => {
    ctx.fillStyle = style;
    ctx.beginPath();
    for (const { x, y, radius } of puffs) {
      ctx.moveTo(x + radius * shrink, y + drop);
      ctx.arc(x, y + drop, radius * shrink, 0, 2 * Math.PI);
    }
    ctx.fill();
  };
  const tone = ctx.createLinearGradient(0, 0, 0, foot);
  tone.addColorStop(0, scene.cloud);
  tone.addColorStop(0.55, scene.cloud);
  tone.addColorStop(1, scene.cloudShade);
  fill(0, 1, tone);
  // It thins out at the foot.
  ctx.globalCompositeOperation = 'destination-in';
  const fade = ctx.createLinearGradient(0, foot * 0.55, 0, height);
  fade.addColorStop(0, 'rgba(0, 0, 0, 0.9)');
  fade.addColorStop(1, 'rgba(0, 0, 0, 0)');
  ctx.fillStyle = fade;
  ctx.fillRect(0, 0, width, height);
  ctx.globalCompositeOperation = 'source-over';
}

/** Two ranges far away and a meadow before them. */
export function paintHills(ctx: Context2D, width: number, height: number, scene: Scene): void {
  const range = (base: number, swing: number, waves: number, phase: number, top: string, low: string) => {
    const tone = ctx.createLinearGradient(0, height * (base - swing), 0, height);
    tone.addColorStop(0, top);
    tone.addColorStop(1, low);
    ctx.fillStyle = tone;
    ctx.beginPath();
    ctx.moveTo(0, height);
    for (let i = 0; i <= 48; i += 1) {
      const x = i / 48;
      const rise = Math.sin(x * waves + phase) + 0.5 * Math.sin(x * waves * 2.3 + phase * 1.7);
      ctx.lineTo(x * width, height * (base - swing * rise));
    }
    ctx.lineTo(width, height);
    ctx.fill();
  };
  range(0.26, 0.09, 7, 0.6, alpha(mix(scene.far, scene.skyLow, 0.45), 1), mix(scene.far, scene.skyLow, 0.75));
  range(0.46, 0.08, 5, 2.4, scene.far, mix(scene.far, scene.skyLow, 0.45));
  range(0.72, 0.06, 4, 4.2, mix(scene.near, scene.skyLow, 0.12), scene.near);
}
