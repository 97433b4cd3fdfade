// npm run docs:api: the API reference of the SDK from its code, HTML in dist/api. What has no doc comment ends it with an error.
import { noTypedoc, typedoc } from './typedoc.ts';

const reason = noTypedoc();
if (reason) throw new Error(reason);
const { code, said } = typedoc(process.argv.slice(2));
process.stderr.write(said);
process.exitCode = code;
