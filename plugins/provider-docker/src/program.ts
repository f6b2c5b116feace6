import { serve } from '@wombat/plugin-sdk';
import { plugin } from './index.js';

await serve(plugin);
