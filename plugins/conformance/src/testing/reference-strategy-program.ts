import { serve } from '@wombat/plugin-sdk';
import { BootstrapStrategyServiceService as methods } from '@wombat/proto/plugin';
import { pretendToBeHosted, refuseUnknownFields } from './broken-program.js';
import { referenceStrategy } from './reference-strategy.js';

// The reference strategy as a program. Its argument is the check that it breaks.
const [broken = ''] = process.argv.slice(2);

if (broken === 'run-by-hand') pretendToBeHosted();
if (broken === 'future-fields') refuseUnknownFields(methods.planJoin);
if (broken === 'graceful-stop') process.stdin.once('end', () => process.exit(3));

await serve(referenceStrategy(broken));
