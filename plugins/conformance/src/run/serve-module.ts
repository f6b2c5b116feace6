import { pathToFileURL } from 'node:url';
import { serve } from '@wombat/plugin-sdk';

// The program of a module that exports `plugin` and has none of its own.
const { plugin } = (await import(pathToFileURL(process.argv[2]!).href)) as { readonly plugin: Parameters<typeof serve>[0] };
await serve(plugin);
