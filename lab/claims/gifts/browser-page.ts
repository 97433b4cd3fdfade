// In the browser: a page that gives by the SDK and shows an effect for each gift of the room.
import { connectRoom, type GiftReceipt, type RelayTarget, type Room } from '@hayate/client';

interface GiftPage {
  room: Room | undefined;
  state: string;
  sessions: number;
  shown: { number: number; jti: string }[];
  receipt: GiftReceipt | undefined;
  join(target: RelayTarget): void;
  give(ticket: string): void;
}

const page: GiftPage = {
  room: undefined,
  state: 'starting',
  sessions: 0,
  shown: [],
  receipt: undefined,
  join(target) {
    const room = connectRoom(target, { gifts: { after: 0 }, giveUpMs: 60_000 });
    room.on('state', ({ state }) => {
      page.state = state;
      if (state === 'open') page.sessions += 1;
    });
    room.on('gift', ({ number, jti, item }) => {
      page.shown.push({ number: number!, jti });
      const effect = document.createElement('div');
      effect.className = 'effect';
      effect.textContent = item;
      document.body.append(effect);
    });
    page.room = room;
  },
  give(ticket) {
    void page.room?.gift(ticket).then((receipt) => {
      page.receipt = receipt;
    });
  },
};
Object.assign(globalThis, { page });
