import type { Claim } from './claim.ts';
import { codecBenchTool, codecSizes } from './codec/bench.ts';
import { codecFuzz } from './codec/fuzz.ts';
import { codecPeers } from './codec/peers.ts';
import { codecRepair } from './codec/repair.ts';
import { codecSpeed } from './codec/speed.ts';
import { documentedExamples } from './demo/examples.ts';
import { demoInFirefox } from './demo/firefox.ts';
import { firstPicture } from './demo/first-picture.ts';
import { lipsAndVoice } from './demo/lips.ts';
import { demoPage } from './demo/page.ts';
import { enrolment } from './deploy/enrolment.ts';
import { deployGuide } from './deploy/guide.ts';
import { npmPackages } from './deploy/packages.ts';
import { releaseRuns } from './deploy/release.ts';
import { rolled } from './deploy/roll.ts';
import { terraformPlans } from './deploy/terraform.ts';
import { shiftedClouds } from './fleet/clouds.ts';
import { costTable } from './fleet/cost-table.ts';
import { simulatedDay } from './fleet/day.ts';
import { fakeAsRecorded } from './fleet/recorded.ts';
import { fleetRestarts } from './fleet/restarts.ts';
import { giftInBrowser } from './gifts/browser.ts';
import { giftsKilled } from './gifts/kill.ts';
import { ledgerPowerCut } from './gifts/power-cut.ts';
import { giftSpeed } from './gifts/speed.ts';
import { ticketCases } from './gifts/tickets.ts';
import { answers } from './lag/conversation.ts';
import { crowded } from './lag/crowd.ts';
import { networks } from './lag/matrix.ts';
import { properties } from './lag/properties.ts';
import { streamCost } from './lag/stream.ts';
import { capacity } from './loadtest/capacity.ts';
import { runnerCrowd } from './loadtest/crowd.ts';
import { likeK6 } from './loadtest/k6.ts';
import { reportPage } from './loadtest/report.ts';
import { shippedScripts } from './loadtest/scripts.ts';
import { udpDropped } from './networks/blocked.ts';
import { conformance } from './networks/conformance.ts';
import { interop } from './networks/interop.ts';
import { phoneGoesAbout } from './networks/phone.ts';
import { halfBrokenUdp } from './networks/race.ts';
import { addressChanges } from './networks/rebinding.ts';
import { faultTable } from './operations/faults.ts';
import { floods } from './operations/floods.ts';
import { noSecrets } from './operations/no-secrets.ts';
import { observed } from './operations/observability.ts';
import { soaked } from './operations/soak.ts';
import { traced } from './operations/trace.ts';
import { clusterFaults } from './regions/faults.ts';
import { ocean } from './regions/ocean.ts';
import { directoryScale } from './regions/scale.ts';
import { trunkCarries } from './regions/trunk.ts';
import { realBrowsers } from './relay/browsers.ts';
import { engineStands } from './relay/engine-stands.ts';
import { fanoutCost } from './relay/fanout.ts';
import { freshClone } from './relay/fresh-clone.ts';
import { intruders } from './relay/intruders.ts';
import { realRecordings } from './relay/recordings.ts';
import { roomInBrowser } from './rooms/browser.ts';
import { commentsShown } from './rooms/comments.ts';
import { deafViewer } from './rooms/deaf.ts';
import { presenceCost } from './rooms/presence.ts';
import { roomStateMachine } from './rooms/state-machine.ts';

/** Every claim, in the order of the issues. */
export const claims: Claim[] = [
  freshClone,
  realRecordings,
  realBrowsers,
  engineStands,
  fanoutCost,
  intruders,
  codecBenchTool,
  codecSizes,
  codecRepair,
  codecSpeed,
  codecPeers,
  codecFuzz,
  streamCost,
  networks,
  answers,
  crowded,
  properties,
  giftsKilled,
  ledgerPowerCut,
  giftSpeed,
  ticketCases,
  giftInBrowser,
  shippedScripts,
  runnerCrowd,
  likeK6,
  reportPage,
  capacity,
  commentsShown,
  deafViewer,
  roomStateMachine,
  roomInBrowser,
  presenceCost,
  ocean,
  trunkCarries,
  clusterFaults,
  directoryScale,
  terraformPlans,
  releaseRuns,
  enrolment,
  rolled,
  deployGuide,
  npmPackages,
  simulatedDay,
  fleetRestarts,
  shiftedClouds,
  costTable,
  fakeAsRecorded,
  conformance,
  addressChanges,
  interop,
  phoneGoesAbout,
  udpDropped,
  halfBrokenUdp,
  demoPage,
  lipsAndVoice,
  firstPicture,
  documentedExamples,
  demoInFirefox,
  faultTable,
  floods,
  observed,
  traced,
  soaked,
  noSecrets,
];
