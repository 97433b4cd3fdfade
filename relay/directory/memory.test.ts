import { directoryContract } from '../test/directory-contract.ts';
import { memoryStage } from '../test/directory-stage.ts';

directoryContract('memory', async () => memoryStage());
