export const RELAY_PATH = '/v1';

/** Both families where no address is set, or IPv4 alone on machines without the other. */
export async function onHosts<T>(
  host: string | undefined,
  dev: boolean,
  listen: (host: string) => Promise<T>,
): Promise<T> {
  if (host !== undefined) return listen(host);
  if (dev) return listen('127.0.0.1');
  try {
    return await listen('::');
  } catch (error) {
    // Another reason (the port is taken) fails again, and then with its own message.
    return await listen('0.0.0.0').catch(() => Promise.reject(error));
  }
}

/** What comes of either, as it comes. One that fails leaves the other; it ends when both have. */
export function bothStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T> {
  return new ReadableStream<T>({
    async start(controller) {
      const pass = async (stream: ReadableStream<T>) => {
        for await (const each of stream) controller.enqueue(each);
      };
      // Not awaited: a stream that is still starting is not pulled from.
      void Promise.allSettled(streams.map(pass)).then((how) => {
        const failed = how.find(({ status }) => status === 'rejected');
        if (failed) controller.error((failed as PromiseRejectedResult).reason);
        else controller.close();
      });
    },
  });
}
