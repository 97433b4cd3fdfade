export { isCommentText, isInfoText, MAX_INFO_CHARACTERS } from './checks.ts';
export {
  decodeMessage,
  encodeMessage,
  MAX_HELLO_BYTES,
  MAX_MESSAGE_BYTES,
  MessageReader,
  type MessageReaderOptions,
} from './codec.ts';
export * from './codes.ts';
export * from './community.ts';
export * from './errors.ts';
export * from './trunk.ts';
export * from './types.ts';
