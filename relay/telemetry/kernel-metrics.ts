import type { BatchObservableResult, Meter, Observable } from '@opentelemetry/api';
import type { KernelFigures } from './kernel.ts';

/** Metrics of where packets get lost beside the relay: sockets, stack, network cards. None outside Linux. */
export function kernelMetrics(meter: Meter) {
  const counter = (name: string, description: string) =>
    meter.createObservableCounter(`hayate_${name}`, { description });
  const udp = counter('kernel_udp_errors', 'UDP datagrams of the machine that the kernel gave up, by reason.');
  const noRoute = counter('kernel_no_route', 'Packets of the machine for which it had no route.');
  const drops = counter('udp_socket_drops', "Datagrams that found this relay's receive buffer full, by local port.");
  const nicDropped = counter('nic_dropped', 'Packets that a network card dropped, by device and direction.');
  const nicErrors = counter('nic_errors', 'Packets that a network card found broken, by device and direction.');
  const softDropped = counter('softnet_dropped', 'Packets dropped between network card and stack: no core took them.');
  const squeezed = counter('softnet_squeezed', 'Times that the stack had more packets than it may take in a turn.');
  const instruments: Observable[] = [udp, noRoute, drops, nicDropped, nicErrors, softDropped, squeezed];
  return {
    instruments,
    observe(result: BatchObservableResult, kernel: KernelFigures | undefined): void {
      if (!kernel) return;
      for (const [reason, n] of Object.entries(kernel.udpErrors)) result.observe(udp, n, { reason });
      result.observe(noRoute, kernel.noRoute);
      for (const [port, n] of kernel.socketDrops) result.observe(drops, n, { port });
      for (const { device, direction, dropped, errors } of kernel.nics) {
        result.observe(nicDropped, dropped, { device, direction });
        result.observe(nicErrors, errors, { device, direction });
      }
      result.observe(softDropped, kernel.softnet.dropped);
      result.observe(squeezed, kernel.softnet.squeezed);
    },
  };
}
