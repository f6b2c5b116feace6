import { setFlagsFromString } from 'node:v8';

// The SDK is read once and then hardly used: without this V8 keeps 40 MB for what comes and goes.
setFlagsFromString('--optimize-for-size');
