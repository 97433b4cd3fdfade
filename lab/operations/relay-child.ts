// A development relay whose sockets have buffers of a given size: node relay-child.ts CONFIG SOCKET_BUFFER_BYTES
import { openEngine } from '@hayate/engine';
import { type RelayConfigInput, startRelay } from '@hayate/relay';

const [config = '{}', bytes = '0'] = process.argv.slice(2);
const engine = openEngine(bytes === '0' ? {} : { socketBufferBytes: Number(bytes) });
const relay = await startRelay(JSON.parse(config) as RelayConfigInput, { engine });
const { url, metricsAddress } = relay;
console.log(JSON.stringify({ event: 'ready', url, metrics: metricsAddress, port: relay.address.port }));
process.once('SIGTERM', () => void relay.close().then(() => engine.close()));
