/** zod, with `secret()`: what settings are described with. */
export * from 'zod';
export { secret } from './secret.js';
