#!/usr/bin/env node
// The bundle starts faster. In a checkout that was compiled since, the compiled files are the newer ones.
import { statSync } from 'node:fs';

const changedAt = (path) => statSync(new URL(path, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;
const bundle = '../dist/bundle/main.js';
const { main } = await import(changedAt(bundle) > changedAt('../dist/.tsbuildinfo') ? bundle : '../dist/main.js');
await main();
