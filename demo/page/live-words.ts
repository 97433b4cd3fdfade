import type { CameraTrouble } from './camera/camera.ts';
import { language, type Said, say } from './language/language.ts';

const english = {
  live: 'Live',
  face: 'Face',
  faces: { performer: 'Procedural performer', camera: 'Camera', recording: 'Recording (Live Link Face CSV)' },
  voice: 'Voice',
  voices: { performer: 'The performer’s voice', microphone: 'Microphone', none: 'No voice' },
  scene: 'Scene',
  scenes: {
    hour: 'Each viewer’s hour',
    morning: 'Morning',
    day: 'Day',
    sunset: 'Sunset',
    twilight: 'Twilight',
    night: 'Night',
  },
  smoothing: 'Smoothing',
  smoothings: { slight: 'Slight', none: 'None' },
  drop: 'Drop a Live Link Face CSV here, or choose one: ',
  recording: 'Recording',
  chooseFirst: 'Choose a recording first.',
  goLive: 'Go live',
  stop: 'Stop',
  opening: 'Opening the camera and its tracker …',
  tracked: (ms: string) => `From camera to face: ${ms} ms`,
  noFace: 'No face in sight.',
  level: 'Microphone level',
  preview: 'What your camera sees; it does not leave this device',
  noMicrophone: (why: string) =>
    `No microphone (${why}). Allow it in the browser’s settings for this page, or choose another voice.`,
  invite: 'Invite viewers',
  scan: 'For a phone’s camera',
  copy: 'Copy',
  copied: 'Copied',
  cannotCopy: 'Copying is not allowed here: select the link',
  figures: {
    connection: 'connection',
    sent: 'sent',
    lost: 'lost on the way up',
    lag: 'lag to the relay',
    camera: 'camera to face',
  },
  trouble: {
    refused: 'The camera was refused. Allow it in the browser’s settings for this page, and choose it again.',
    absent: 'There is no camera here. Connect one, or choose the performer or a recording.',
    busy: 'The camera is in use by another program, or was taken away. Close that program, and choose it again.',
    unsupported: 'This browser gives no camera to this page: it takes https or localhost, and a recent browser.',
    model:
      'The face model cannot be reached. Give the relay a copy (hayate demo --face-model face_landmarker.task), or name one in the address (?model=URL).',
    tracker: 'The face tracker does not run here: it needs WebAssembly in a worker, and this page’s own files of it.',
  } satisfies Record<CameraTrouble, string>,
};

type LiveWords = typeof english;

const japanese: LiveWords = {
  live: '配信',
  face: '顔',
  faces: { performer: '自動の演者', camera: 'カメラ', recording: '記録 (Live Link Face CSV)' },
  voice: '声',
  voices: { performer: '演者の声', microphone: 'マイク', none: '声なし' },
  scene: '背景',
  scenes: {
    hour: '視聴者それぞれの時刻',
    morning: '朝',
    day: '昼',
    sunset: '夕焼け',
    twilight: '夕暮れ',
    night: '夜',
  },
  smoothing: '平滑化',
  smoothings: { slight: '弱め', none: 'なし' },
  drop: 'Live Link Face の CSV をここに置くか、選んでください: ',
  recording: '記録',
  chooseFirst: '先に記録を選んでください。',
  goLive: '配信を始める',
  stop: '終える',
  opening: 'カメラと顔の追跡を準備しています…',
  tracked: (ms) => `カメラから顔まで ${ms} ms`,
  noFace: '顔が見えません。',
  level: 'マイクの音量',
  preview: 'カメラの映像。この端末の外には出ません',
  noMicrophone: (why) => `マイクが使えません (${why})。ブラウザーの設定で許可するか、別の声を選んでください。`,
  invite: '視聴者を招く',
  scan: 'スマートフォンのカメラで読み取れます',
  copy: 'コピー',
  copied: 'コピーしました',
  cannotCopy: 'ここではコピーできません。リンクを選択してください',
  figures: {
    connection: '接続',
    sent: '送信',
    lost: '上りの損失',
    lag: 'リレーまでの遅延',
    camera: 'カメラから顔まで',
  },
  trouble: {
    refused: 'カメラが許可されていません。ブラウザーの設定で許可して、もう一度選んでください。',
    absent: 'カメラがありません。接続するか、演者または記録を選んでください。',
    busy: 'カメラは他のプログラムが使っているか、外されました。閉じてから、もう一度選んでください。',
    unsupported: 'このブラウザーではカメラを使えません。https か localhost と、新しいブラウザーが必要です。',
    model:
      '顔のモデルを取得できません。リレーに写しを渡すか (hayate demo --face-model face_landmarker.task)、アドレスで指定してください (?model=URL)。',
    tracker: '顔の追跡が動きません。ワーカーでの WebAssembly と、このページのファイルが必要です。',
  },
};

const BY_LANGUAGE = { en: english, ja: japanese };

/** In the page's language, now. */
export const liveWords = (): LiveWords => BY_LANGUAGE[language()];

/** In the page's language, whatever becomes of it. Apart from the page's other texts, since viewers do not load it. */
export const told = (pick: (words: LiveWords) => string): Said => say(() => pick(liveWords()));
