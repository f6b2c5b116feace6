import { serve } from '@wombat/plugin-sdk';
import { ProviderServiceService as methods } from '@wombat/proto/plugin';
import { pretendToBeHosted, refuseUnknownFields } from './broken-program.js';
import { referenceProvider } from './reference-provider.js';

// The reference provider as a program. Its argument is the check that it breaks.
const [broken = ''] = process.argv.slice(2);

if (broken === 'run-by-hand') pretendToBeHosted();
if (broken === 'future-fields') refuseUnknownFields(methods.listHosts);

await serve(referenceProvider(broken));
