import { setFlagsFromString } from 'node:v8';
import { serve } from '@wombat/plugin-sdk';
import { plugin } from './index.js';

// What comes and goes with each call is small: V8 need not keep room for more.
setFlagsFromString('--optimize-for-size');
await serve(plugin);
