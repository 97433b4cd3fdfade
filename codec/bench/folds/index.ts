// Made by codec/bench/sketch.ts; do not edit.
import type { FoldFile } from '../seen.ts';
import fold0 from './S88-001-hi.ts';
import fold1 from './S88-001-lo.ts';
import fold2 from './S88-001-std.ts';
import fold3 from './alex-hi.ts';
import fold4 from './alex-lo.ts';
import fold5 from './alex-std.ts';
import fold6 from './alex_rom_3-hi.ts';
import fold7 from './alex_rom_3-lo.ts';
import fold8 from './alex_rom_3-std.ts';
import fold9 from './alex_rom_4-hi.ts';
import fold10 from './alex_rom_4-lo.ts';
import fold11 from './alex_rom_4-std.ts';
import fold12 from './facial-hi.ts';
import fold13 from './facial-lo.ts';
import fold14 from './facial-std.ts';
import fold15 from './llv_dao-hi.ts';
import fold16 from './llv_dao-lo.ts';
import fold17 from './llv_dao-std.ts';

/** Models for measuring: each was trained without some recordings. */
export const FOLDS: readonly FoldFile[] = [fold0, fold1, fold2, fold3, fold4, fold5, fold6, fold7, fold8, fold9, fold10, fold11, fold12, fold13, fold14, fold15, fold16, fold17];
