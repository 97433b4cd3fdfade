/**
 * Lets a worker fetch from its own origin alone from now on. MediaPipe's tasks report how they are used to their maker; whose
 * face this is is nobody's business. Fetch what else is needed before.
 */
export function ownOriginOnly(scope: {
  location: { origin: string };
  fetch: typeof fetch;
  XMLHttpRequest?: unknown;
  WebSocket?: unknown;
}): void {
  const { origin } = scope.location;
  const inner = scope.fetch;
  scope.fetch = (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input, origin);
    // Data and blobs stay in the browser.
    const stays = url.origin === origin || url.protocol === 'data:' || url.protocol === 'blob:';
    if (!stays) return Promise.reject(new TypeError(`not from here: ${url.origin}`));
    return inner.call(scope, input, init);
  };
  scope.XMLHttpRequest = undefined;
  scope.WebSocket = undefined;
}
