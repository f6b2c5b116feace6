import { gzipSync } from 'node:zlib';
import type { CreateJoinTokenResponse } from '@wombat/proto/control';

export const userDataKinds = ['cloud-init', 'shell', 'env'] as const;
export type UserDataKind = (typeof userDataKinds)[number];

/** What is given to a machine so that it joins by itself: each holds the token. */
export function userData(kind: UserDataKind, answer: CreateJoinTokenResponse): string {
  if (kind === 'shell') return answer.installScript.trimEnd();
  if (kind === 'env') return [`WOMBAT_AGENT_COORDINATOR=${answer.agentsAddress}`, `WOMBAT_JOIN_TOKEN=${answer.token}`].join('\n');
  return cloudConfig(answer.installScript);
}

const scriptPath = '/run/wombat-install.sh';

/** Other keys may be added to it. The script is packed, for many clouds take no more than 16 KiB. */
function cloudConfig(script: string): string {
  return [
    '#cloud-config',
    'write_files:',
    `  - path: ${scriptPath}`,
    "    permissions: '0700'",
    '    owner: root:root',
    '    encoding: gz+b64',
    `    content: ${gzipSync(script, { level: 9 }).toString('base64')}`,
    'runcmd:',
    `  - [sh, -c, 'sh ${scriptPath}; status=$?; rm -f ${scriptPath}; exit $status']`,
  ].join('\n');
}
