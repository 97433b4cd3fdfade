import type { Case } from './case.ts';
import { datagramCases } from './cases/datagrams.ts';
import { sessionCases } from './cases/sessions.ts';
import { streamCases } from './cases/streams.ts';

export const cases: Case[] = [...sessionCases, ...datagramCases, ...streamCases];
