import { X509Certificate } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Finding } from '@wombat/proto/control';
import type { ResolvedContext } from '../context/resolve.js';
import { caSha256Of } from '../control/pinned-authority.js';
import { fail, pass, warn } from './finding.js';

export function contextFinding({ name, address }: ResolvedContext): Finding {
  const chosen = name ? `${name.value} (${name.source})` : 'none by name';
  return pass('context', `${chosen}, at ${address?.value ?? 'no address'}${address ? ` (${address.source})` : ''}`);
}

/** Whoever can read the token is the operator; whoever can write the configuration says whom the token is sent to. */
export async function permissionFindings({ config, tokenFile }: ResolvedContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  const token = tokenFile && (await modeOf(tokenFile.value));
  if (tokenFile && token !== undefined && (token & 0o077) !== 0) {
    findings.push(fail('permissions', `others may read the token ${tokenFile.value}`, `chmod 600 ${tokenFile.value}`));
  }
  for (const path of [config.path, dirname(config.path)]) {
    const mode = await modeOf(path);
    if (mode !== undefined && (mode & 0o022) !== 0) findings.push(warn('permissions', `others may change ${path}`, `chmod go-w ${path}`));
  }
  return findings.length > 0 ? findings : [pass('permissions', 'token and configuration are yours alone')];
}

const monthMs = 30 * 24 * 60 * 60 * 1000;

export function authorityFinding(caPem: Buffer, now: number): Finding {
  const until = new Date(new X509Certificate(caPem).validTo);
  const message = `sha256 ${caSha256Of(caPem, 'the authority')}, valid until ${until.toISOString()}`;
  return until.getTime() - now < monthMs ? warn('authority', message, 'the cluster needs a new authority soon') : pass('authority', message);
}

async function modeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(() => undefined))?.mode;
}
