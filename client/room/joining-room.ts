import type { RelayMessage, Liver as WireLiver } from '@hayate/codec/messages';
import type { Welcome } from '../src/types.ts';
import type { Place } from './connection.ts';
import { LiverList } from './livers.ts';
import type { Joining, Participant } from './participant.ts';

export interface JoiningRoomSetup {
  place: Place;
  welcome: Welcome;
  livers: readonly WireLiver[];
  participants: readonly Participant[];
  /** Nobody needs the other session any more. */
  onReady(): void;
}

/** The room as the relay has it that may take the place of the present one. */
export class JoiningRoom {
  readonly place: Place;
  readonly welcome: Welcome;
  readonly livers = new LiverList();
  /** For whoever is there when the room has moved. */
  readonly messages: RelayMessage[] = [];
  readonly #setup: JoiningRoomSetup;
  #joinings: Joining[] = [];
  #over = false;

  constructor(setup: JoiningRoomSetup) {
    this.#setup = setup;
    this.place = setup.place;
    this.welcome = setup.welcome;
    for (const liver of setup.livers) this.livers.came(liver);
  }

  begin(): void {
    const { participants, onReady } = this.#setup;
    // One more than there are, so that nobody is ready before all have begun.
    let waiting = 1;
    const ready = () => {
      waiting -= 1;
      if (waiting === 0 && !this.#over) onReady();
    };
    for (const participant of participants) {
      waiting += 1;
      let told = false;
      const joining = participant.join?.(this.place.session, this.welcome, this.livers.bySlot, () => {
        if (!told) ready();
        told = true;
      });
      if (joining) this.#joinings.push(joining);
      else ready();
    }
    ready();
  }

  onMessage(message: RelayMessage): void {
    if (message.t === 'liver') {
      const liver = this.livers.came(message);
      for (const joining of this.#joinings) joining.onLiver(liver);
    } else if (message.t === 'left') this.livers.left(message);
    else if (message.t !== 'uplink') this.messages.push(message);
  }

  onDatagram(type: number, data: Uint8Array, receivedAtUs: number): void {
    for (const joining of this.#joinings) joining.onDatagram(type, data, receivedAtUs);
  }

  abandon(): void {
    this.#over = true;
    for (const joining of this.#joinings) joining.abandon();
    this.#joinings = [];
  }
}
