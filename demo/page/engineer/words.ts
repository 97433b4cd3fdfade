import { language, type Said, say } from '../language/language.ts';
import { PACKET_OVERHEAD_BYTES } from './costs.ts';

const english = {
  title: 'Engineer’s view',
  close: 'Close',
  hop: { up: 'liver → relay', trunk: 'relay → relay', hold: 'relay holds', down: 'relay → here', playout: 'playout' },
  hopsOf: (ms: string, budget: number) => `${ms} ms of ${budget} ms from capture to presentation`,
  waiting: 'waiting for media',
  chart: 'Lag by hop over the last minute, ms; whiskers: the uncertainty of both clocks',
  network: 'network',
  hold: 'hold',
  spare: 'spare',
  cost: 'Cost',
  costNow: (packets: string, kbits: string) =>
    `${packets} packets/s, ${kbits} kbit/s with headers (${PACKET_OVERHEAD_BYTES} bytes a packet assumed)`,
  video: (low: string, high: string, times: string) =>
    `video: ${low} to ${high} Mbit/s assumed, ${times} times as much`,
  loss: 'Loss and repair',
  lossNow: (lost: string, late: string, behind: string) =>
    `${lost} lost, ${late} too late, ${behind} repaired or overtaken`,
  lossTotal: (lost: string, units: number) => `${lost} of ${units} units so far`,
  repair: (repeats: string, asked: string) => `${repeats} repeats not needed/s, ${asked} requests/s`,
  delivery: 'This viewer',
  deliveryNow: (voice: number, holdMs: string, repair: string, why: string) =>
    `${voice} voice ${voice === 1 ? 'packet' : 'packets'} a datagram (hold up to ${holdMs} ms), repair: ${repair}, because: ${why}`,
  path: (loss: string, spare: string, level: number) =>
    `${loss} of packets lost, ${spare} ms to spare, congestion ${level}`,
  clock: 'Clock',
  clockNow: (clock: string, rtt: string) => `± ${clock} ms to the relay (round trip ${rtt} ms)`,
  way: 'Way',
  link: 'Network (emulated)',
  linkNote: 'for everybody at this relay',
};

type EngineerWords = typeof english;

const japanese: EngineerWords = {
  title: 'エンジニア表示',
  close: '閉じる',
  hop: {
    up: 'ライバー → リレー',
    trunk: 'リレー → リレー',
    hold: 'リレーで待機',
    down: 'リレー → ここ',
    playout: '再生待ち',
  },
  hopsOf: (ms, budget) => `撮影から表示まで ${ms} ms (目標 ${budget} ms)`,
  waiting: 'メディアを待っています',
  chart: '直近 1 分の区間ごとの遅延 (ms)。ひげは両方の時計の不確かさ',
  network: 'ネットワーク',
  hold: '待機',
  spare: '余裕',
  cost: '通信量',
  costNow: (packets, kbits) =>
    `毎秒 ${packets} パケット、${kbits} kbit/s (ヘッダーは 1 パケット ${PACKET_OVERHEAD_BYTES} バイトと仮定)`,
  video: (low, high, times) => `映像なら ${low} 〜 ${high} Mbit/s と仮定、${times} 倍`,
  loss: '損失と修復',
  lossNow: (lost, late, behind) => `毎秒 損失 ${lost}、遅刻 ${late}、修復または追い越し ${behind}`,
  lossTotal: (lost, units) => `これまで ${units} 単位のうち ${lost}`,
  repair: (repeats, asked) => `毎秒 不要だった再送 ${repeats}、要求 ${asked}`,
  delivery: 'この視聴者',
  deliveryNow: (voice, holdMs, repair, why) =>
    `1 データグラムに音声 ${voice} パケット (待機は最大 ${holdMs} ms)、修復: ${repair}、理由: ${why}`,
  path: (loss, spare, level) => `パケット損失 ${loss}、余裕 ${spare} ms、混雑 ${level}`,
  clock: '時計',
  clockNow: (clock, rtt) => `リレーに対して ± ${clock} ms (往復 ${rtt} ms)`,
  way: '経路',
  link: 'ネットワーク (模擬)',
  linkNote: 'このリレーの全員に効きます',
};

const BY_LANGUAGE = { en: english, ja: japanese };

/** In the page's language, now. */
export const engineerWords = (): EngineerWords => BY_LANGUAGE[language()];

/** In the page's language, whatever becomes of it. Kept here, so that who never looks does not load it. */
export const tell = (pick: (words: EngineerWords) => string): Said => say(() => pick(engineerWords()));
