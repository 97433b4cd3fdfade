import { z } from 'zod';

/** What the tables and the flags need to know about a setting besides its zod type. */
interface SettingMeta {
  unit?: string;
  /** The default in words, where it depends on another setting. */
  otherwise?: string;
}

export function setting<T extends z.ZodType>(type: T, description: string, meta: SettingMeta = {}): T {
  return type.meta({ description, ...meta }) as T;
}

export const int = (min: number, max: number, value: number) => z.int().min(min).max(max).default(value);
export const text = () => z.string().min(1).optional();
export const port = (value: number) => int(0, 65_535, value);
