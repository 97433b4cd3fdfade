export { certificateHash, type PemPair, selfSignedCertificate } from './certificate.ts';
export { type WebSocketConnectorOptions, webSocketConnector } from './client.ts';
export {
  type WebSocketServer,
  type WebSocketServerOptions,
  type WebSocketServerStats,
  webSocketServer,
} from './server.ts';
