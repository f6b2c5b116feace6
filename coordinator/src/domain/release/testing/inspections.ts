import type { Inspection, ReleaseEntry } from '../inspection.js';
import { recogniseLayout } from '../recognise-layout.js';

/** What a tarball with these texts would be found to be; paths under bin/ are executable. */
export function inspectionOf(texts: Readonly<Record<string, string>>, more: Readonly<Record<string, ReleaseEntry>> = {}): Inspection {
  const entries = new Map<string, ReleaseEntry>(Object.entries(more));
  for (const [path, text] of Object.entries(texts)) {
    entries.set(path, { kind: 'file', sizeBytes: Buffer.byteLength(text), executable: path.startsWith('bin/') });
  }
  return { ...recogniseLayout(entries, texts), platform: { os: '', arch: '', libc: '' }, topFolder: '', entries, texts, unpackedBytes: 1 };
}

export const plainInspection = (): Inspection => inspectionOf({ 'bin/run': '#!/bin/sh\n', 'bin/stop': '#!/bin/sh\n' }, { 'etc/data': { kind: 'file', sizeBytes: 3, executable: false } });

const relxScript = '#!/bin/sh\nRELEASE_ROOT_DIR=x\ncase "$1" in\n  start|daemon)\n  ;;\n  console|console_clean|foreground)\n  ;;\nesac\n';

export const relxTexts = {
  'bin/riak': relxScript,
  'bin/riak-3.0': relxScript,
  'bin/install_upgrade.escript': '#!/usr/bin/env escript\n',
  'releases/start_erl.data': '13.1.5 3.0',
  'releases/RELEASES': '%% coding: utf-8\n[{release,"riak","3.0","13.1.5",[{kernel,"8.5.3","./lib/kernel-8.5.3"}],permanent}].\n',
  'releases/3.0/vm.args': '-name riak@127.0.0.1\n-setcookie riak\n+K true\n',
  'releases/3.0/sys.config': '[].\n',
} as const;

const runtime: Readonly<Record<string, ReleaseEntry>> = { 'erts-13.1.5/bin/beam.smp': { kind: 'file', sizeBytes: 9, executable: true } };

export const relxInspection = (changed: Readonly<Record<string, string>> = {}): Inspection => inspectionOf({ ...relxTexts, ...changed }, runtime);

export const mixInspection = (): Inspection =>
  inspectionOf(
    {
      'bin/shop': '#!/bin/sh\nRELEASE_ROOT="$(pwd)"\nrun --hidden --cookie "$RELEASE_COOKIE" --name x\nexec erl \\\n  --cookie "$RELEASE_COOKIE" \\\n  --x\ncase $1 in\n  start)\n  ;;\n  daemon)\n  ;;\nesac\n',
      'releases/start_erl.data': '14.2 0.3.0',
      'releases/0.3.0/env.sh': '#!/bin/sh\n# export RELEASE_DISTRIBUTION=name\n',
      'releases/0.3.0/vm.args': '## vm.args\n',
    },
    { 'erts-14.2/bin/erlexec': { kind: 'file', sizeBytes: 9, executable: true } },
  );
