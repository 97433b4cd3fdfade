import type { CapsuleParser, LibrarySession, LibraryStream } from './library.ts';

/**
 * Repairs of @fails-components/webtransport 1.6.8, each on the instance at hand, each shown by a conformance case or a test:
 *
 * - `back-pressure`: nothing stops a stream's reading until its first read, so a slow reader buffers without bound.
 * - `many-streams`: a FIN that was sent never counts as the end of a direction, so a session's peer may open 100
 *   streams in all and then waits for ever; and no stream is ever forgotten (its issue 503, 11.6 kB a stream).
 * - A stream that the peer opens after the session has ended here is refused by way of an object that it never got, which
 *   throws where nothing catches it and ends the process.
 */
export function repairStreams(library: LibrarySession, parser: () => CapsuleParser | undefined): void {
  const onStream = library.onStream.bind(library);
  library.onStream = (event) => {
    const { stream } = event;
    if (library.state === 'closed' || library.state === 'failed') {
      parser()?.wtstreams.delete(stream.streamid);
      return;
    }
    onStream(event);
    repairReading(stream);
    repairEnd(stream, () => parser()?.wtstreams.delete(stream.streamid));
  };
}

/** After the FIN of a stream has left, its sending direction is over. */
export function watchFin(parser: CapsuleParser): void {
  const remove = parser.removeStream.bind(parser);
  parser.removeStream = (id) => {
    remove(id);
    parser.wtstreams.get(id)?.closeOutgoing();
  };
}

function repairReading(stream: LibraryStream): void {
  const face = stream.jsobj;
  if (face?.readable === undefined) return;
  stream.stopReading();
  const commit = face.commitReadBuffer.bind(face);
  face.commitReadBuffer = (buffer) => {
    commit(buffer);
    // Whoever reads pulls again; a pull that is never settled would be the last one.
    const pulled = face.pendingresRead;
    face.pendingoperationRead = null;
    face.pendingresRead = null;
    pulled?.();
    return { stopReading: (face.readableController.desiredSize ?? 0) <= 0 };
  };
}

function repairEnd(stream: LibraryStream, forget: () => void): void {
  // After a stop the peer's data may still be on its way and would be taken for a new stream: kept then.
  let endedByPeer = stream.incomingClosed_;
  const onFin = stream.onFin.bind(stream);
  stream.onFin = () => {
    endedByPeer = true;
    onFin();
  };
  const onSignal = stream.onStreamSignal.bind(stream);
  stream.onStreamSignal = (type) => {
    if (type === 'resetStream') endedByPeer = true;
    onSignal(type);
  };
  const onClose = stream.onClose.bind(stream);
  let closed = false;
  stream.onClose = () => {
    if (endedByPeer) forget();
    // Each call gives the peer one more stream.
    if (closed) return;
    closed = true;
    onClose();
  };
}
